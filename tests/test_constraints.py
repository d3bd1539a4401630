"""Constraints of one's own: how they are read, and which classes they tell apart."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

import screlax
from screlax import UFM, Ball, InaccurateWarning, Ridge, Sphere
from screlax.constraints import Convex, Linear, read_constraints
from screlax.errors import InvalidInputError
from screlax.gram.cells import CellGram, Level
from screlax.problem.levels import lift_from_orbits
from screlax.problem.own_constraints.linear import linear_of_record
from screlax.problem.program import build_program

COUNTS = {"cat": 50, "dog": 20, "fox": 20, "owl": 5}
NAMES = tuple(COUNTS)


def posed(*constraints, sizes=COUNTS, control=None, **options):
    return UFM(sizes, control or Sphere(1.0), constraints=constraints, **options)


def matrix_of(problem, number=0):
    """Return the matrix of a problem's constraint, by class."""
    terms, k = problem.constraints[number].terms, problem.classes
    matrix = np.zeros((k, k))
    np.add.at(matrix, (terms.first, terms.second), terms.weight / 2)
    np.add.at(matrix, (terms.second, terms.first), terms.weight / 2)
    return matrix


def test_every_container_of_coefficients_is_the_same_constraint():
    wanted = np.zeros((4, 4))
    wanted[0, 1] = wanted[1, 0] = 0.5
    wanted[2, 2] = -3.0
    square = wanted.copy()
    square[0, 1], square[1, 0] = 1.0, 0.0  # only the symmetric part counts
    frame = pd.DataFrame(wanted, NAMES, NAMES)
    forms = [
        wanted,
        square,
        wanted.tolist(),
        sparse.csr_array(wanted),
        frame.loc[list(reversed(NAMES)), list(reversed(NAMES))],
        {("cat", "dog"): 1.0, ("fox", "fox"): -3},
        {("dog", "cat"): 1.0, ("fox", "fox"): -3},
        {("dog", "cat"): 0.25, ("cat", "dog"): 0.75, ("fox", "fox"): -3},
        {"cat": {"dog": 1.0}, "fox": {"fox": -3.0, "owl": 0.0}},
        {"fox": pd.Series({"fox": -3.0}), "cat": pd.Series({"dog": 1.0})},
    ]
    for form in forms:
        np.testing.assert_array_equal(matrix_of(posed(Linear(form, upper=0.1))), wanted)


def test_classes_without_labels_are_numbered_from_zero_in_class_order():
    problem = posed(Linear({(0, 2): 1.0}, upper=0.1), sizes=[5, 50, 7])
    assert matrix_of(problem)[0, 2] == 0.5
    with pytest.raises(InvalidInputError, match=r"label 3 is no class; there are 3"):
        posed(Linear({(0, 3): 1.0}, upper=0.1), sizes=[5, 50, 7])


def test_bounds_are_in_the_units_of_the_embeddings_at_every_level_and_temperature():
    problem = posed(Linear({("cat", "dog"): 2.0, ("owl", "owl"): -1}, upper=0.3), temperature=0.1)
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((4, 4))
    gram = rows @ rows.T
    value = 2 * gram[0, 1] - gram[3, 3]
    classes = CellGram.from_matrix(gram).scaled(1 / problem.temperature)
    program = build_program(problem, Level.CLASSES)
    assert program.linear.values(classes) * problem.temperature == pytest.approx([value])
    assert program.linear.upper * problem.temperature == pytest.approx([0.3])
    order = problem.class_sizes.orbit_index()
    by_orbit = np.empty((4, 4))
    by_orbit[np.ix_(order, order)] = classes.pair
    orbits = CellGram(np.diagonal(by_orbit).copy(), by_orbit)
    for level in (Level.ORBITS, Level.CLASSES, Level.SAMPLES):
        lifted = lift_from_orbits(problem.points, level, orbits)
        found = build_program(problem, level).linear.values(lifted)
        assert found * problem.temperature == pytest.approx([value])


def test_multipliers_have_the_adjoint_of_the_values():
    rng = np.random.default_rng(1)
    rows = [Linear(rng.standard_normal((4, 4)), upper=0.1) for _ in range(3)]
    problem = posed(*rows, temperature=0.5)
    for level in (Level.ORBITS, Level.CLASSES, Level.SAMPLES):
        program = build_program(problem, level)
        size, z = program.size, rng.standard_normal(3)
        half = rng.standard_normal((size, size))
        gram = CellGram(rng.standard_normal(size), half + half.T)
        added = program.linear.coefficients(z)
        inner = added.own @ gram.own + np.vdot(added.pair, gram.pair)
        assert z @ program.linear.values(gram) == pytest.approx(inner)


def test_classes_of_one_size_that_a_constraint_tells_apart_have_an_orbit_each():
    assert posed().class_sizes.orbits == 3
    assert posed(Linear({("cat", "dog"): 1.0}, upper=0.1)).class_sizes.orbits == 4
    both = Linear({("cat", "dog"): 1.0, ("cat", "fox"): 1.0}, upper=0.1)
    assert posed(both).class_sizes.orbits == 3
    within = Linear({("dog", "fox"): 1.0}, upper=0.1)
    assert posed(within).class_sizes.orbits == 3
    assert posed(lambda gram: [gram[1, 2] >= 0]).class_sizes.orbits == 4


def test_several_constraints_refine_together():
    sizes = [10] * 6
    pairs = [Linear({(0, 1): 1.0}, upper=0.1), Linear({(2, 3): 1.0}, upper=0.1)]
    problem = posed(*pairs, sizes=sizes)
    index = problem.class_sizes.orbit_index()
    assert index[0] == index[1] != index[2] == index[3] != index[4] == index[5]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6))
def test_exchanges_within_an_orbit_leave_every_constraint_as_it_is(seed):
    rng = np.random.default_rng(seed)
    k = int(rng.integers(2, 7))
    sizes = rng.choice([4, 9], k)
    matrices = [rng.choice([0.0, 0.0, 1.0, -2.0], (k, k)) for _ in range(2)]
    rows = [Linear(matrix, upper=1.0) for matrix in matrices if (matrix + matrix.T).any()]
    problem = posed(*rows, sizes=sizes)
    orbit = problem.class_sizes.orbit_index()
    for number in range(len(rows)):
        matrix = matrix_of(problem, number)
        for a in range(k):
            for b in range(a):
                order = np.arange(k)
                order[[a, b]] = order[[b, a]]
                same = np.array_equal(matrix[np.ix_(order, order)], matrix)
                if orbit[a] == orbit[b]:
                    assert same
                    assert sizes[a] == sizes[b]


def test_options_of_the_loss_survive_the_refinement():
    loss = screlax.losses.SupCon(class_weights={"cat": 1.0, "dog": 2.0, "fox": 2.0, "owl": 3.0})
    plain = UFM(COUNTS, Sphere(1.0), loss=loss)
    finer = posed(Linear({("cat", "dog"): 1.0}, upper=1.0), loss=loss)
    weights = finer.loss.weights_of_anchors(finer.class_sizes)[finer.class_sizes.orbit_index()]
    np.testing.assert_array_equal(weights, [1.0, 2.0, 2.0, 3.0])
    free, bound = (screlax.solve_relaxation(problem) for problem in (plain, finer))
    assert bound.value == pytest.approx(free.value, rel=1e-11)


def test_a_problem_keeps_its_constraints_when_something_else_is_replaced():
    problem = posed(Linear({("cat", "dog"): 1.0}, upper=0.1, name="angle"))
    other = dataclasses.replace(problem, control=Ball(2.0))
    assert other.constraints == problem.constraints
    assert other.class_sizes == problem.class_sizes
    assert problem.without_constraints().constraints == ()
    assert problem != problem.without_constraints()
    assert hash(problem) == hash(dataclasses.replace(problem))
    assert "1 constraint of its own" in problem.description
    assert problem.constraints_in_words == "constraint [angle]"


def test_from_labels_and_from_pairs_take_constraints():
    labels = ["cat"] * 3 + ["dog"] * 3
    problem = UFM.from_labels(
        labels, Sphere(1.0), constraints=[Linear({("cat", "dog"): 1.0}, equal=-0.5)]
    )
    assert screlax.solve_relaxation(problem).class_gram[0, 1] == pytest.approx(-0.5)
    pairs = UFM.from_pairs(
        [50, 5], [1, 3], Sphere(1.0), constraints=[Linear({(0, 3): 1.0}, equal=-0.2)]
    )
    assert pairs.class_sizes.orbits == 3
    assert screlax.solve_relaxation(pairs).class_gram[0, 3] == pytest.approx(-0.2)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Linear(np.eye(3)), "needs a bound"),
        (lambda: Linear(np.eye(3), upper=1, lower=2), "nothing satisfies both"),
        (lambda: Linear(np.eye(3), equal=1, lower=2), "takes no lower or upper"),
        (lambda: Linear(np.eye(3), upper=np.nan), "upper bound must be a finite number"),
        (lambda: Linear(np.eye(3), upper="a"), "upper bound must be a finite number"),
        (lambda: Linear(np.ones((2, 3)), upper=1), "must be square"),
        (lambda: Linear([1.0, 2.0], upper=1), "square matrix of real numbers"),
        (lambda: Linear([["a", "b"], ["c", "d"]], upper=1), "square matrix of real numbers"),
        (lambda: Linear(np.zeros((3, 3)), upper=1), "all coefficients"),
        (lambda: Linear([[0, 1.0], [-1.0, 0]], upper=1), "all coefficients"),
        (lambda: Linear([[np.inf, 0], [0, 0]], upper=1), "must be finite"),
        (lambda: Linear({}, upper=1), "has no coefficients"),
        (lambda: Linear({"cat": 1.0}, upper=1), "pairs of labels"),
        (lambda: Linear({("cat", "dog"): "x"}, upper=1), "must be a number"),
        (lambda: Linear(np.eye(3), upper=1, name=3), "name of a constraint must be text"),
        (lambda: Convex("gram >= 0"), "a function of the cvxpy variable"),
        (lambda: posed(Linear(np.eye(3), upper=1)), "is 3x3, and there are 4 classes"),
        (lambda: posed(Linear({("cat", "cow"): 1}, upper=1)), "label 'cow' is no class"),
        (lambda: UFM(COUNTS, Sphere(1.0), constraints="angle"), "must be a list"),
        (lambda: UFM(COUNTS, Sphere(1.0), constraints=[3]), "must be a Linear, or a function"),
        (lambda: UFM(COUNTS, Sphere(1.0), constraints=5), "must be a list"),
    ],
)
def test_what_is_no_constraint_is_refused(make, message):
    with pytest.raises(InvalidInputError, match=message):
        make()


def test_losses_of_which_the_classes_do_not_collapse_are_refused_with_the_reason():
    near = Linear({("cat", "dog"): 1.0}, lower=0.1)
    reasons = {
        "soft-targets:epsilon=0.1": "need not collapse",
        "self-supervised": "need not collapse",
        "prototypes:tied=false,loss_terms=false": "points of their own",
    }
    for loss, reason in reasons.items():
        with pytest.raises(InvalidInputError, match=reason):
            posed(near, loss=loss)
    fixed = screlax.batches.FixedBatches(np.arange(8).reshape(2, 4))
    with pytest.raises(InvalidInputError, match="drawn once"):
        UFM([4, 4], Sphere(1.0), batches=fixed, constraints=[Linear({(0, 1): 1.0}, lower=0.1)])
    with pytest.raises(InvalidInputError, match="one of logits"):
        UFM(
            [4, 4],
            screlax.WeightDecay(0.1, 0.1),
            loss=screlax.losses.CrossEntropy(),
            constraints=[Linear({(0, 1): 1.0}, lower=0.1)],
        )


def test_constraints_are_read_from_a_file_and_back(tmp_path):
    content = [
        {"name": "angle", "terms": [["cat", "dog", 1.0]], "upper": 0.2},
        {"terms": [["cat", "dog", 1], ["cat", "fox", -1]], "lower": 0.0, "upper": 0.5},
        {"matrix": np.eye(4).tolist(), "equal": 4},
    ]
    file = tmp_path / "own.json"
    file.write_text(json.dumps(content))
    found = read_constraints(file)
    assert [one.name for one in found] == ["angle", "", ""]
    assert [(one.lower, one.upper) for one in found] == [(-np.inf, 0.2), (0.0, 0.5), (4.0, 4.0)]
    problem = posed(*found)
    again = [linear_of_record(one.record()) for one in found]
    assert posed(*again) == problem
    assert posed(*content) == problem  # records themselves
    assert posed(*problem.constraints) == problem


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "must hold a list"),
        ("[3]", "constraint 1: .*table of entries"),
        ('[{"terms": [["a", "b", 1]], "upper": 1, "uper": 2}]', "no entry 'uper'"),
        ('[{"terms": [["a", "b", 1]], "upper": 1, "upper": 2}]', "stands twice"),
        ('[{"upper": 1}]', 'either "terms"'),
        ('[{"terms": [], "matrix": [[1]], "upper": 1}]', 'either "terms"'),
        ('[{"terms": [["a", 1]], "upper": 1}]', "class, class, number"),
        ('[{"terms": [["a", "b", "c"]], "upper": 1}]', "must be a number"),
        ('[{"terms": [["a", "b", 1]]}]', "constraint 1: .*needs a bound"),
        ("[", "not valid JSON"),
    ],
)
def test_a_file_that_holds_something_else_is_refused(tmp_path, text, message):
    file = tmp_path / "own.json"
    file.write_text(text)
    with pytest.raises(InvalidInputError, match=message):
        read_constraints(file)


def test_functions_must_return_convex_constraints():
    for wrong, message in (
        (lambda gram: 3, "must return a cvxpy constraint"),
        (lambda gram: [gram[0, 0] >= 0, True], "must return a cvxpy constraint"),
        (lambda gram: gram[0, 1] ** 2 >= 0.1, "not convex by cvxpy's rules"),
    ):
        with pytest.raises(InvalidInputError, match=message):
            screlax.solve_relaxation(posed(wrong, control=Ridge(0.1)), solver="SCS")


def test_native_methods_say_who_takes_functions():
    problem = posed(lambda gram: gram[0, 1] >= 0)
    for solver in ("native", "burer-monteiro"):
        with pytest.raises(InvalidInputError, match="are for conic solvers"):
            screlax.solve_relaxation(problem, solver=solver)
    for solver in ("slack-vector", "closed-form"):
        with pytest.raises(InvalidInputError, match="constraints"):
            screlax.solve_relaxation(problem, solver=solver)
    assert screlax.solve_relaxation(problem).solver in ("CLARABEL", "SCS")


def test_the_keyword_of_solve_relaxation_adds_to_those_of_a_problem():
    first = Linear({(0, 1): 1.0}, equal=-0.6)
    second = Linear({(0, 2): 1.0}, equal=-0.5)
    alone = screlax.solve_relaxation([50, 20, 5], Sphere(1.0), constraints=[first])
    both = screlax.solve_relaxation(alone.problem, constraints=[second])
    assert len(both.problem.constraints) == 2
    np.testing.assert_allclose(both.class_gram[0, 1:], [-0.6, -0.5])


def test_a_first_order_solver_cut_short_claims_nothing():
    problem = posed(Linear({("cat", "dog"): 1.0}, lower=0.3))
    truth = screlax.solve_relaxation(problem)
    with pytest.warns(InaccurateWarning):
        rough = screlax.solve_relaxation(problem, solver="SCS", max_iters=5)
    assert rough.status == "inaccurate"
    assert rough.lower <= truth.upper
    assert rough.upper >= truth.lower


def test_a_function_that_fails_says_how_classes_are_called():
    for wrong in (lambda G: G["cat", "dog"] <= 0.2, lambda G: G[7, 0] <= 0, lambda G: G.nosuch):
        problem = screlax.UFM({"cat": 3, "dog": 2}, screlax.Sphere(1.0), constraints=wrong)
        with pytest.raises(screlax.ScrelaxError, match=r"by number, in class order .* Linear"):
            screlax.solve_relaxation(problem)
