"""Proofs in O(m) of solutions with singletons: feasible points, bounds that enclose, files."""

import dataclasses
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kkt_reference import gram_error
from scipy import linalg
from test_no_false_proof import tampered

from screlax import (
    UFM,
    Ball,
    Budget,
    ClassSizes,
    Ridge,
    Solution,
    Sphere,
    losses,
    solve_relaxation,
)
from screlax.equations.singletons import SingletonState, singleton_equations
from screlax.errors import FileFormatError
from screlax.gram.blocks import scaled_blocks
from screlax.gram.cells import Level
from screlax.gram.curve import SlackVectorGram
from screlax.gram.shared_point import SingletonGram
from screlax.problem.constraints.base import controls_of
from screlax.problem.program import build_program
from screlax.proof.dense import certify
from screlax.proof.prove import prove_gram
from screlax.proof.prover import Prover
from screlax.proof.singletons import SingletonProof, state_of_singleton_gram
from screlax.solve.base import SolverOptions
from screlax.solve.singletons.newton import singleton_newton
from screlax.solve.singletons.start import start_tilted

CONTROL_TYPES = controls_of(classifier=False)

CONTROLS = {"ridge": Ridge(0.35), "ball": Ball(1.6), "sphere": Sphere(2.2), "budget": Budget(1.1)}
every_control = pytest.mark.parametrize("control", CONTROLS.values(), ids=CONTROLS)
SIZES = [40, 12, 7, 7, 4, 2, 2, 1, 1, 1]
MANY = [*range(2, 200), *range(2, 60), 1, 1, 1, 1]
seeds = st.integers(0, 2**32 - 1)


def zipf(classes: int, factor: float) -> ClassSizes:
    sizes = np.maximum(1, np.floor(factor * classes / np.arange(1, classes + 1) ** 0.9))
    return ClassSizes.from_pairs(*np.unique(sizes.astype(int), return_counts=True))


def proof_of(problem: UFM, state: SingletonState) -> SingletonProof:
    return SingletonProof(singleton_equations(problem), state)


def solved(sizes, control) -> tuple[Solution, SingletonGram]:
    solution = solve_relaxation(sizes, control)
    assert isinstance(solution.orbit_gram, SingletonGram)
    return solution, solution.orbit_gram


# ----------------------------------------------------------------- the points


@pytest.mark.parametrize("sizes", [SIZES, MANY], ids=["few", "many"])
@every_control
def test_the_gram_matrix_is_feasible_and_its_objective_the_upper_bound(sizes, control):
    solution, gram = solved(sizes, control)
    relaxation = build_program(solution.problem, Level.ORBITS)
    dense = gram.dense()
    # products with singletons near zero are accurate to their classes' norms, not to their own
    assert scaled_blocks(relaxation.cells, dense).smallest_eigenvalue() >= -1e-9
    assert control.violation(gram.own, relaxation.cells) <= 1e-13
    assert relaxation.value(dense) == pytest.approx(solution.upper, rel=1e-13)
    assert certify(relaxation, dense).certificate.lower <= solution.upper
    assert solution.lower <= certify(relaxation, dense).certificate.upper
    assert solution.certificate.relative_gap <= 1e-13


@every_control
def test_rows_dense_scaled_and_spread_are_those_of_one_matrix(control):
    _, gram = solved(SIZES, control)
    dense = gram.dense()
    assert np.array_equal(gram.rows(np.array([5, 0, 3])), dense.pair[[5, 0, 3]])
    assert np.array_equal(dense.pair, dense.pair.T)
    assert np.array_equal(dense.own, gram.own)
    assert gram.spread == pytest.approx(np.where(gram.copies > 1, dense.spread, 0.0), abs=1e-12)
    assert gram.scaled(3.0).own == pytest.approx(3 * gram.own)
    assert gram.scaled(3.0).pair == pytest.approx(3 * gram.pair)
    lifted = solve_relaxation(SIZES, control, level="classes").class_gram
    assert solve_relaxation(SIZES, control).class_gram == pytest.approx(lifted, abs=1e-11)


@pytest.mark.parametrize("control", [Ridge(0.01), Budget(2.0)], ids=["ridge", "budget"])
def test_v_and_b_span_the_kernel_exactly(control):
    """G v = 0, and G b + w y = 0 with the singletons at −Σ b h/w."""
    _, gram = solved(SIZES, control)
    copies, others = gram.copies[:-1], gram.copies[:-1] - np.eye(len(gram.copies) - 1)
    block = others * gram.pair[:-1, :-1] + np.diag(gram.unit_own)
    v, b = np.exp(gram.log_slack), np.exp(gram.log_pull)
    root = math.sqrt(gram.copies[-1])
    assert np.abs(block @ v).max() <= 1e-12 * np.abs(block).max() * (copies @ v)
    assert (
        np.abs(block @ b + root * gram.product).max() <= 1e-12 * (copies @ b) * np.abs(block).max()
    )
    assert gram.corner * root == pytest.approx(-(copies * b) @ gram.product)


# ----------------------------------------------------------------- bounds enclose the optimum


@pytest.mark.parametrize("seed", range(3))
def test_the_lower_bound_of_a_ridge_is_the_entropy_of_the_rows_at_any_state(seed):
    """D(P) of p_gh = (2ν/n_g)(v v' + b b') Z'/(Z + Z'), and p_g0, summed class by class."""
    solution, gram = solved([9, 5, 5, 3, *[1] * 12], Ridge(0.35))
    state = perturbed(np.random.default_rng(seed), state_of_singleton_gram(gram), 0.05)
    proof, equations = proof_of(solution.problem, state), singleton_equations(solution.problem)
    n, copies, single = np.array([9.0, 5.0, 3.0]), np.array([1.0, 2.0, 1.0]), 12.0
    v, b, z = (np.exp(x) for x in (state.log_slack, state.log_pull, state.log_normalizer))
    scale = 2 * proof._strength / n
    each = scale[:, None] * (np.outer(v, v) + np.outer(b, b)) * z / np.add.outer(z, z)
    alone = scale * equations.root * b
    others = copies - np.eye(3)
    kept = proof._rows_off[1] / alone
    assert 0.5 < kept.min() == pytest.approx(kept.max())
    each, alone = kept[:, None] * each, kept * alone
    own = 1 - (others * each).sum(axis=1) - alone
    terms = own * np.log((n - 1) / own) + (others * each * np.log(n / each)).sum(axis=1)
    bound = (copies * n) @ (terms + alone * np.log(single / alone))
    assert proof.certificate.lower == pytest.approx(bound, rel=1e-11)
    assert proof.certificate.infimum < bound < solution.lower


def perturbed(rng: np.random.Generator, state: SingletonState, size: float) -> SingletonState:
    def moved(values):
        return values + size * rng.standard_normal(len(values))

    return SingletonState(
        None if state.log_slack is None else moved(state.log_slack),
        moved(state.log_pull),
        moved(state.log_normalizer),
        state.log_strength + size * float(rng.standard_normal()),
    )


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(CONTROLS)), st.booleans(), st.integers(-12, -1), seeds)
def test_whatever_the_state_the_bounds_enclose_the_optimum(name, many, exponent, seed):
    control, rng = CONTROLS[name], np.random.default_rng(seed)
    solution, gram = solved(MANY if many else SIZES, control)
    state = perturbed(rng, state_of_singleton_gram(gram), 10.0**exponent)
    if name == "ridge":
        state = dataclasses.replace(state, log_strength=gram.log_strength)
    certificate = proof_of(solution.problem, state).certificate
    assert certificate.lower <= solution.upper
    assert certificate.upper >= solution.lower
    assert certificate.infimum <= certificate.lower <= certificate.upper
    assert certificate.gap >= 0


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(sorted(CONTROLS)), st.floats(-7, -2), seeds)
def test_near_the_root_the_gap_is_of_second_order(name, exponent, seed):
    control, rng, size = CONTROLS[name], np.random.default_rng(seed), 10.0**exponent
    solution, gram = solved(SIZES, control)
    state = perturbed(rng, state_of_singleton_gram(gram), size)
    state = dataclasses.replace(state, log_strength=gram.log_strength)
    certificate = proof_of(solution.problem, state).certificate
    first_order = 10 * size if name in ("ridge", "budget") else 0.0  # of the dual repair
    assert certificate.relative_gap <= 1e-12 + 1e3 * size**2 + first_order


@pytest.mark.parametrize("factor", [1 - 1e-3, 1 + 1e-6, 1.02])
def test_a_state_of_another_ridge_is_proved_under_the_ridge_of_the_problem(factor):
    problem, gram = UFM(SIZES, Ridge(0.35 * factor)), solved(SIZES, Ridge(0.35))[1]
    proof = proof_of(problem, state_of_singleton_gram(gram))
    relaxation = build_program(problem, Level.ORBITS)
    value = relaxation.value(proof.gram.dense())
    assert proof.certificate.upper == pytest.approx(value, rel=1e-13)
    best = solve_relaxation(problem)
    assert proof.certificate.lower <= best.upper
    assert proof.certificate.upper >= best.lower


@pytest.mark.parametrize(
    ("sizes", "control"),
    [([50, 7, 3] + [1] * 5, Ball(0.117)), ([7, 2, 1, 1], Sphere(0.328))],
)
def test_an_indefinite_root_is_not_proved(sizes, control):
    """A minority collapse: the equations have a root there, whose matrix is indefinite."""
    problem = UFM(sizes, control)
    equations = singleton_equations(problem)
    root = singleton_newton(equations, start_tilted(equations))
    assert root.converged
    proof = SingletonProof(equations, root.state)
    assert not proof.certificate.proves(1e-3)
    relaxation = build_program(problem, Level.ORBITS)
    assert scaled_blocks(relaxation.cells, proof.gram.dense()).smallest_eigenvalue() < -1e-3
    solution = solve_relaxation(problem)
    assert solution.status == "optimal"
    assert solution.solver_message == "closed form: two opposite points"


# ----------------------------------------------------------------- the solver against others


def small_problem(rng: np.random.Generator, name: str) -> UFM:
    anchored = np.floor(np.exp(rng.uniform(np.log(2), 4, rng.integers(1, 5)))).astype(int)
    sizes = [*anchored, *[1] * int(rng.integers(1, 8))]
    if name == "ridge":
        top = UFM(sizes, Ridge(1.0)).zero_threshold()
        return UFM(sizes, Ridge(float(top * 10 ** rng.uniform(-3, -0.1))))
    return UFM(sizes, CONTROL_TYPES[name](float(10 ** rng.uniform(-0.5, 1))))


@settings(max_examples=12, deadline=None)
@given(st.sampled_from(sorted(CONTROL_TYPES)), seeds)
def test_clarabel_agrees_within_both_certificates(name, seed):
    problem = small_problem(np.random.default_rng(seed), name)
    native = solve_relaxation(problem)
    conic = solve_relaxation(problem, solver="Clarabel", tol=1e-4)
    assert native.status == "optimal"
    assert native.lower <= conic.upper * (1 + 1e-13)
    assert conic.lower <= native.upper * (1 + 1e-13)
    assert conic.value == pytest.approx(native.value, rel=2e-5)


@pytest.mark.parametrize(
    ("sizes", "control", "has_slack"),
    [
        ([30, 8, 3, 3, 1, 1], Ridge(0.3), True),
        ([30, 8, 3, 3, 1, 1], Budget(3.0), True),
        ([30, 8, 3, 3, 1, 1], Sphere(3.0), False),
        ([30, 8, 3, 3, 1, 1], Ball(0.8), False),
        ([30, 3] + [1] * 7, Ridge(0.0019), False),
        ([50, 20, 20, 5, 2, 1], Budget(0.4), True),
    ],
)
def test_geometry_equals_that_of_sixty_digits(sizes, control, has_slack):
    solution, gram = solved(sizes, control)
    assert (gram.log_slack is not None) == has_slack
    assert gram_error(solution, has_slack=has_slack) <= 1e-11


@pytest.mark.parametrize(
    "control", [Ridge(0.01), Sphere(1.0), Sphere(10.0), Ball(10.0), Budget(1.0)], ids=str
)
def test_a_million_classes_take_no_square_matrix(control, monkeypatch):
    for form in (SingletonGram, SlackVectorGram):
        monkeypatch.setattr(form, "dense", pytest.fail)
        monkeypatch.setattr(form, "pair", property(pytest.fail))
    solution = solve_relaxation(zipf(10**6, 0.4), control)
    assert solution.problem.points.orbits == 1772
    assert solution.problem.points.singletons == 223_694
    assert solution.certificate.relative_gap <= 1e-12
    missing = solution.orbit_gram.log_slack is not None
    assert solution.rank == 10**6 - 223_694 - missing


# ----------------------------------------------------------------- one proof, and files


@every_control
def test_a_root_is_proved_once(control, monkeypatch):
    made = []
    monkeypatch.setattr(
        SingletonProof,
        "_certificate",
        lambda self, make=SingletonProof._certificate: (made.append(1), make(self))[1],
    )
    assert solve_relaxation(SIZES, control).status == "optimal"
    assert len(made) == 1


def test_a_prover_of_another_problem_is_not_used():
    problem, other = UFM(SIZES, Ridge(0.35)), UFM(SIZES, Ridge(0.2))
    options = SolverOptions(1e-9, prover=Prover(other))
    assert options.prover_of(problem).problem is problem
    assert options.prover_of(other) is options.prover


@every_control
def test_a_prover_proves_anew_what_it_did_not_make(control):
    solution, gram = solved(SIZES, control)
    prover = Prover(solution.problem)
    known = prover.singletons(state_of_singleton_gram(gram))
    assert prover.gram(known.gram, Level.ORBITS) is known
    wrong = dataclasses.replace(known.gram, unit_own=known.gram.unit_own * (1 + 1e-9))
    assert prover.gram(wrong, Level.ORBITS).certificate.upper != known.certificate.upper


def test_a_prover_remembers_proofs_at_orbits_alone():
    solution = solve_relaxation([9, 5, 3], Sphere(1.0))
    prover = Prover(solution.problem)
    by_class = prover.gram(solution.point_gram.dense(), Level.CLASSES)
    by_orbit = prover.gram(by_class.gram, Level.ORBITS)
    assert (by_class.certificate.level, by_orbit.certificate.level) == ("classes", "orbits")
    assert prover.gram(by_orbit.gram, Level.ORBITS) is by_orbit


@pytest.mark.parametrize("control", [*CONTROLS.values(), Ridge(0.0019)], ids=str)
def test_files_hold_the_same_numbers(control, tmp_path):
    solution = solve_relaxation([30, 3] + [1] * 7, control, temperature=0.7)
    loaded = Solution.load(solution.save(tmp_path / "x.npz"))
    for field in dataclasses.fields(SingletonGram):
        first, second = (getattr(s.orbit_gram, field.name) for s in (solution, loaded))
        assert (first is None and second is None) or np.array_equal(first, second)
    assert loaded.certificate == solution.certificate == loaded.recheck()


def test_a_large_solution_is_a_small_file(tmp_path):
    solution = solve_relaxation(zipf(10**5, 0.4), Ridge(0.01))
    path = solution.save(tmp_path / "x.npz")
    assert path.stat().st_size < 120 * solution.problem.points.orbits
    assert Solution.load(path).certificate == solution.certificate


FORGERIES = [
    {"unit_own": lambda own: own * (1 - 1e-9)},
    {"unit_own": lambda own: own[::-1]},
    {"centre": lambda g: g - 1e-9},
    {"centre": lambda g: g + 10, "log_normalizer": lambda beta: beta + 20},
    {"log_normalizer": lambda beta: beta[::-1]},
    {"log_pull": lambda b: b + 1e-4},
    {"log_pull": lambda b: b - 30},
    {"product": lambda y: y * (1 + 1e-9)},
    {"product": np.negative},
    {"shared": lambda pair: pair * [1 + 1e-9, 1.0]},
    {"shared": lambda pair: pair + np.array([0.0, 1e-3])},
]


@pytest.mark.parametrize("changes", FORGERIES, ids=[f"{i}" for i in range(len(FORGERIES))])
@every_control
def test_forged_files_are_never_optimal(control, changes, tmp_path):
    solution, _ = solved([30, 30, 9, 4, 3, 1, 1], control)
    path = tampered(solution, tmp_path, **changes)
    try:
        loaded = Solution.load(path)
    except FileFormatError:
        return
    # what is left is another state of which the same, to rounding, is proved
    assert loaded.value == pytest.approx(solution.value, rel=1e-13)
    assert loaded.class_gram == pytest.approx(solution.class_gram, abs=1e-9)


@every_control
def test_a_forged_certificate_is_replaced_by_the_proved_one(control, tmp_path):
    solution, _ = solved([30, 30, 9, 4, 3, 1, 1], control)

    def forge(text):
        record = json.loads(str(text))
        record["certificate"]["lower"] += record["certificate"]["rounding"]
        record["certificate"]["gap"] = record["certificate"]["rounding"] = 0.0
        return np.array(json.dumps(record))

    path = tampered(solution, tmp_path, record=forge)
    assert Solution.load(path).certificate == solution.certificate


def test_files_of_another_problem_are_refused(tmp_path):
    solution, _ = solved([30, 30, 9, 4, 3, 1, 1], Ridge(0.1))
    for changes in (
        {"distinct_sizes": lambda sizes: np.append(sizes[:-1], 2)},
        {"multiplicities": lambda copies: np.append(copies[:-1], 5)},
        {"scale": lambda scale: scale * 2},
        {"log_pull": lambda b: b[:-1]},
        {"shared": lambda pair: pair[:1]},
        {"log_slack": lambda v: v * np.nan},
    ):
        with pytest.raises(FileFormatError):
            Solution.load(tampered(solution, tmp_path, **changes))


@pytest.mark.parametrize("field", ["unit_own", "centre", "log_normalizer", "log_pull", "product"])
@every_control
def test_wrong_matrices_are_not_proved_in_the_place_of_right_ones(control, field):
    solution, gram = solved(SIZES, control)
    for size in (1e-8, 1e-3, 10.0):
        wrong = dataclasses.replace(gram, **{field: getattr(gram, field) + size})
        proof = prove_gram(solution.problem, Level.ORBITS, wrong)
        relaxation = build_program(solution.problem, Level.ORBITS)
        assert proof.certificate.lower <= solution.upper
        assert proof.certificate.upper >= solution.lower
        if math.isfinite(proof.certificate.upper):
            value = relaxation.value(proof.gram.dense())
            assert value <= proof.certificate.upper * (1 + 1e-13)
            shared = scaled_blocks(relaxation.cells, proof.gram.dense()).shared
            assert linalg.eigvalsh(shared)[0] >= -1e-12


# ----------------------------------------------------------------- other losses of the family


def random_losses(rng: np.random.Generator, sizes: list[int]) -> list:
    weights = rng.uniform(0.3, 3.0, len(sizes))
    return [
        losses.ClassAveraged(),
        losses.ClassAveraged(anchors="classes"),
        losses.SupCon(class_weights=weights),
        losses.SupCon(class_weights=np.where(np.array(sizes) == max(sizes), 0.0, 1.0)),
    ]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 3), st.sampled_from(sorted(CONTROL_TYPES)), seeds)
def test_every_loss_of_the_family_agrees_with_a_descent(which, name, seed):
    """Orbits in any order, several of them without anchors, those told apart by weights too."""
    rng = np.random.default_rng(seed)
    anchored = np.floor(np.exp(rng.uniform(np.log(2), 5, rng.integers(2, 6)))).astype(int)
    sizes = rng.permutation([*anchored, *[1] * int(rng.integers(1, 6))]).tolist()
    loss, strength = random_losses(rng, sizes)[which], float(10 ** rng.uniform(-0.7, 1))
    if name == "ridge":
        strength *= 0.05 * UFM(sizes, Ridge(1.0), loss=loss).zero_threshold()
    problem = UFM(sizes, CONTROL_TYPES[name](strength), loss=loss)
    native = solve_relaxation(problem)
    descent = solve_relaxation(problem, solver="burer-monteiro")
    assert native.status == "optimal"
    assert native.lower <= descent.upper + 1e-12 * abs(descent.upper)
    assert descent.lower <= native.upper + 1e-12 * abs(native.upper)
    if isinstance(native.orbit_gram, SingletonGram):
        classes = native.recheck("classes")
        assert classes.proves(1e-8)
        assert classes.upper == pytest.approx(native.upper, rel=1e-9)


@pytest.mark.parametrize("which", range(4))
@every_control
def test_solutions_of_other_losses_keep_their_numbers_in_files(which, control, tmp_path):
    sizes = [40, 1, 12, 7, 1, 7, 4, 1]
    loss = random_losses(np.random.default_rng(2), sizes)[which]
    solution = solve_relaxation(UFM(sizes, control, loss=loss))
    assert solution.status == "optimal"
    loaded = Solution.load(solution.save(tmp_path / "x.npz"))
    assert type(loaded.orbit_gram) is type(solution.orbit_gram)
    assert np.array_equal(loaded.class_gram, solution.class_gram)
    assert loaded.upper == pytest.approx(solution.upper, rel=1e-14)
    if isinstance(loaded.orbit_gram, SingletonGram):
        assert loaded.certificate == solution.certificate


def test_a_solution_of_one_loss_is_not_read_as_one_of_another(tmp_path):
    solution, _ = solved([30, 30, 9, 4, 3, 1, 1], Sphere(2.2))

    def other(text):
        record = json.loads(str(text))
        assert record["loss"]["name"] == "supcon"
        return np.array(json.dumps({**record, "loss": losses.ClassAveraged().record()}))

    with pytest.raises(FileFormatError):
        Solution.load(tampered(solution, tmp_path, record=other))
