"""The slack-vector solver and its proof for losses by anchor mass, own and pair weight."""

import json
import math
import zipfile
from dataclasses import replace

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from screlax import (
    UFM,
    Budget,
    Ridge,
    Solution,
    Sphere,
    Status,
    profile,
    regularization_path,
    solve_relaxation,
)
from screlax.equations.slack_vector import SlackVectorEquations, State, equations_for
from screlax.errors import FileFormatError, InaccurateWarning
from screlax.gram.cells import Level
from screlax.gram.curve import SlackVectorGram
from screlax.losses import ClassAveraged, NegativesOnly, Prototypes, RowSoftmax, SupCon
from screlax.problem.constraints.base import controls_of
from screlax.problem.losses.class_rows import ClassTerms
from screlax.problem.program import build_program
from screlax.proof.dense import certify
from screlax.proof.structured import prove
from screlax.solve.slack_vector.solver import solve_slack_vector

CONTROLS = controls_of(classifier=False)

SIZES = (100, 50, 10, 2)
LOSSES = {
    "views": SupCon(views=2),
    "weighted": SupCon(class_weights=[0.3, 1.0, 2.0, 5.0]),
    "negatives-only": NegativesOnly(),
    "class-averaged": ClassAveraged(),
    "class-averaged classes": ClassAveraged(anchors="classes"),
    "prototypes": Prototypes(per_class=[0, 5, 20, 100]),
    "prototypes without terms": Prototypes(per_class=10, loss_terms=False),
    "row-softmax": RowSoftmax([3.0, 1.0, 0.5, 2.0], [0.2, 1.0, 3.0, 10.0], [1.0, 4.0, 2.0, 0.1]),
}
TEMPERATURE = 0.4
SHARES = {"ridge": 0.3, "ball": 1.0, "sphere": 1.0, "budget": 1.0}
every_loss = pytest.mark.parametrize("name", LOSSES)
every_control = pytest.mark.parametrize("kind", SHARES)
seeds = st.integers(0, 2**32 - 1)


def problem_of(name: str, kind: str, sizes=SIZES) -> UFM:
    """A problem whose slack has rank one: a ridge has λτ = 0.3 min a/r."""
    problem = UFM(sizes, Sphere(1.0), TEMPERATURE, loss=LOSSES[name])
    terms = problem.slack_terms
    assert terms is not None
    rate = float((terms.anchors / terms.embeddings).min()) / TEMPERATURE if kind == "ridge" else 1.0
    return replace(problem, control=CONTROLS[kind](SHARES[kind] * rate))


def holds(name: str, kind: str) -> bool:
    return CONTROLS[kind].fixes_norms or "negatives" not in name


CASES = [(name, kind) for name in LOSSES for kind in SHARES if holds(name, kind)]
every_case = pytest.mark.parametrize(("name", "kind"), CASES)


def random_problem(rng: np.random.Generator, kind: str, spread: float = 2.0) -> UFM:
    """Any masses and weights over `spread` powers of ten, several classes an orbit."""
    orbits = int(rng.integers(2, 7))
    sizes = np.sort(rng.choice(np.arange(2, 1000), orbits, replace=False))[::-1]
    copies = np.where(rng.random(orbits) < 0.3, rng.integers(2, 5, orbits), 1)
    mass, own, pair = 10 ** rng.uniform(-spread / 2, spread / 2, (3, orbits))
    mass = sizes * mass
    if rng.random() < 0.5:
        own = np.minimum(own, pair)
    if CONTROLS[kind].fixes_norms and rng.random() < 0.3:
        own[:] = 0.0
    strength = float(10 ** rng.uniform(-0.5, 1.3))
    if kind == "ridge":
        strength = float((mass / sizes).min() * 10 ** rng.uniform(-4, 0.7))
    loss = RowSoftmax(mass, own, pair)
    return UFM.from_pairs(sizes, copies, CONTROLS[kind](strength), loss=loss)


def distance(gram: np.ndarray, other: np.ndarray) -> float:
    return float(np.linalg.norm(gram / np.linalg.norm(gram) - other / np.linalg.norm(other)))


# ----------------------------------------------------------------- equations


@given(seeds, st.sampled_from(sorted(CONTROLS)))
@settings(max_examples=40)
def test_residuals_are_those_of_the_optimality_conditions_class_by_class(seed, kind):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, kind)
    equations = equations_for(problem)
    m = len(equations.copies)
    state = State(
        0.5 * np.log(equations.anchors * np.ones((1, m))) - 1 + 0.3 * rng.standard_normal((1, m)),
        rng.standard_normal((1, m)),
        np.log(np.full(1, 0.1 * float((equations.anchors / equations.embeddings).min()))),
    )
    residual, own = equations.residuals(state, equations.moments(state))
    orbit = np.repeat(np.arange(m), equations.copies.astype(int))
    a, o, u = (getattr(equations.terms, field)[orbit] for field in ("anchors", "own", "pair"))
    r, v = equations.embeddings[orbit], np.exp(state.log_slack[0, orbit])
    z = a / u * np.exp(state.log_normalizer[0, orbit])  # sums of the exponentials of rows
    first_class = np.searchsorted(orbit, np.arange(m))
    for g, c in enumerate(first_class.tolist()):
        others = np.arange(len(v)) != c
        both = a * u[c] / z + a[c] * u / z[c]  # 2 S_cc' e^{−M_cc'}
        pair = np.log(2 * v * v[c] / both)
        share = u * np.exp(pair) / z[c]
        assert residual[0, 1, g] == pytest.approx(
            (own[0, g] * v[c] + pair[others] @ v[others]) / v.sum(), rel=1e-9, abs=1e-12
        )
        if equations.is_penalty:
            strength = float(np.exp(state.log_strength[0]))
            leaving = a[c] * share[others].sum() + v[c] ** 2
            expected = math.log(leaving / (strength * r[c] / 2))
            inside = 1 - (strength * r[c] / 2 - v[c] ** 2) / a[c]
            assert own[0, g] == pytest.approx(math.log(inside * z[c] / o[c]), rel=1e-9, abs=1e-12)
        else:
            assert own[0, g] == problem.control_at_unit_temperature.parameter
            expected = math.log(o[c] * math.exp(own[0, g]) / z[c] + share[others].sum())
        assert residual[0, 0, g] == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("kind", ["ridge", "ball", "sphere"])
def test_newton_converges_quadratically_at_any_terms(kind):
    """A wrong entry of the Jacobian would leave linear convergence, and many more steps."""
    rng = np.random.default_rng(7)
    for _ in range(20):
        problem = random_problem(rng, kind, spread=1.0)
        if kind == "ridge":
            top = float((problem.slack_terms.anchors / problem.slack_terms.embeddings).min())
            problem = replace(problem, control=Ridge(top * 10 ** rng.uniform(-4, 0)))
        else:
            problem = replace(problem, control=CONTROLS[kind](20.0))
        result = solve_slack_vector(equations_for(problem))
        assert result.converged.all()
        assert result.steps <= 14


# ----------------------------------------------------------------- references


@every_case
def test_the_root_is_the_optimum_of_the_factored_method_and_of_the_dense_certificate(name, kind):
    problem = problem_of(name, kind)
    solution = solve_relaxation(problem, solver="slack-vector")
    assert solution.status is Status.OPTIMAL
    # the value of negatives alone is a small difference of large terms
    assert solution.relative_gap <= (1e-11 if name == "negatives-only" else 1e-12)
    assert isinstance(solution.orbit_gram, SlackVectorGram)
    other = solve_relaxation(problem, solver="burer-monteiro")
    assert other.status is Status.OPTIMAL
    assert solution.lower <= other.certificate.upper
    assert other.lower <= solution.certificate.upper
    assert np.abs(solution.class_gram - other.class_gram).max() <= 1e-6
    unit = solution.orbit_gram.scaled(1 / TEMPERATURE).dense()
    dense = certify(build_program(problem, Level.ORBITS), unit).certificate
    assert dense.proves(1e-10)
    size = abs(dense.upper) + abs(dense.gap)
    assert abs(dense.upper - solution.certificate.upper) <= 1e-11 * size
    assert dense.lower <= solution.certificate.upper
    assert solution.certificate.lower <= dense.upper


@every_case
def test_clarabel_agrees_class_by_class(name, kind):
    problem = problem_of(name, kind, (40, 20, 10, 4))
    solution = solve_relaxation(problem)
    reference = solve_relaxation(problem, solver="clarabel", level="classes", tol=1e-3)
    assert reference.lower <= solution.certificate.upper
    assert solution.certificate.lower <= reference.certificate.upper
    assert distance(solution.class_gram, reference.class_gram) <= 2e-2


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("views", "budget"),
        ("weighted", "ridge"),
        ("negatives-only", "sphere"),
        ("class-averaged classes", "ball"),
        ("prototypes", "sphere"),
        ("row-softmax", "ridge"),
    ],
)
def test_clarabel_agrees_sample_by_sample(name, kind):
    loss = LOSSES[name]
    if name == "prototypes":
        loss = Prototypes(per_class=[0, 1, 1, 2])
    problem = replace(problem_of(name, kind, (4, 3, 2, 2)), loss=SupCon())
    sizes = (4, 3, 2, 2) if name not in ("views", "prototypes") else (3, 2, 2, 1)
    problem = UFM(sizes, problem.control, TEMPERATURE, loss=loss)
    solution = solve_relaxation(problem)
    assert solution.relative_gap <= 1e-11
    reference = solve_relaxation(problem, solver="clarabel", level="samples", tol=1e-3)
    assert reference.lower <= solution.certificate.upper
    assert solution.certificate.lower <= reference.certificate.upper
    assert reference.relative_gap <= 1e-4


class Reference:
    """The optimality conditions of the class program, to fifty digits; all sizes different."""

    def __init__(self, problem: UFM) -> None:
        terms, control = problem.slack_terms, problem.control_at_unit_temperature
        self.a, self.o, self.u, self.r = (
            [mp.mpf(float(x)) for x in numbers]
            for numbers in (terms.anchors, terms.own, terms.pair, terms.embeddings)
        )
        self.control, self.limit = control, mp.mpf(control.parameter)
        self.classes = range(len(self.a))

    def point(self, x):
        """Return M, S less v vᵀ, and what has to vanish, at log v, log Z and log λ/2."""
        k, classes = len(self.a), self.classes
        v, z = [mp.exp(t) for t in x[:k]], [mp.exp(t) for t in x[k : 2 * k]]
        half = mp.exp(x[2 * k]) if isinstance(self.control, Budget) else self.limit / 2
        gram = mp.matrix(k)
        for c in classes:
            for d in classes:
                both = self.a[c] * self.u[d] / z[c] + self.a[d] * self.u[c] / z[d]
                gram[c, d] = mp.log(2 * v[c] * v[d] / both)
            if self.control.fixes_norms:
                gram[c, c] = self.limit
            else:
                inside = 1 - half * self.r[c] / self.a[c] + v[c] ** 2 / self.a[c]
                gram[c, c] = mp.log(inside * z[c] / self.o[c])
        residual = []
        for c in classes:
            row = self.o[c] * mp.exp(gram[c, c])
            row += sum(self.u[d] * mp.exp(gram[c, d]) for d in classes if d != c)
            residual.append(mp.log(row / z[c]))
            residual.append(sum(gram[c, d] * v[d] for d in classes) / sum(v))
        if isinstance(self.control, Budget):
            trace = sum(self.r[c] * gram[c, c] for c in classes)
            residual.append(trace / (self.limit * sum(self.r)) - 1)
        return gram, residual

    def value(self, gram):
        """Return the objective of a class Gram matrix."""
        total = mp.mpf(0)
        for c in self.classes:
            row = self.o[c] * mp.exp(gram[c, c])
            row += sum(self.u[d] * mp.exp(gram[c, d]) for d in self.classes if d != c)
            total += self.a[c] * (mp.log(row) - gram[c, c])
            if isinstance(self.control, Ridge):
                total += self.limit / 2 * self.r[c] * gram[c, c]
        return total


@every_case
def test_fifty_digits_agree_and_lie_between_the_bounds(name, kind):
    problem = problem_of(name, kind)
    solution = solve_relaxation(problem, solver="slack-vector")
    gram = solution.orbit_gram
    with mp.workdps(50):
        reference, terms = Reference(problem), problem.slack_terms
        start = [*gram.log_slack, *(gram.log_normalizer + np.log(terms.anchors / terms.pair))]
        if kind == "budget":
            leaving = solution.sensitivity().value_by_parameter
            start.append(math.log(-leaving / problem.points.samples * TEMPERATURE))
        root = mp.findroot(
            lambda *x: reference.point(list(x))[1],
            tuple(mp.mpf(float(x)) for x in start),
            tol=1e-80,
            maxsteps=30,
        )
        exact, _ = reference.point(list(root))
        assert min(mp.eigsy(exact, eigvals_only=True)) >= -(mp.mpf(10) ** -40) * exact[0, 0]
        value = reference.value(exact)
        certificate = solution.certificate
        assert mp.mpf(certificate.lower) <= value <= mp.mpf(certificate.upper)
        found = solution.class_gram / TEMPERATURE
        error = max(abs(float(exact[c, d]) - found[c, d]) for c, d in np.ndindex(4, 4))
        assert error <= 1e-11 * np.abs(found).max()


# ----------------------------------------------------------------- facts (mathematics, section 6)


def etf(classes: int) -> np.ndarray:
    return classes * np.eye(classes) - np.ones((classes, classes))


@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_averaged_denominators_with_equal_anchor_mass_are_a_simplex_whatever_the_sizes(temperature):
    loss = ClassAveraged(anchors="classes")
    solution = solve_relaxation(SIZES, Sphere(1.0), temperature=temperature, loss=loss)
    assert distance(solution.class_gram, etf(4)) <= 1e-12


@pytest.mark.parametrize(
    ("loss", "temperature", "expected"),
    [
        (ClassAveraged(), 0.1, 0.110402),
        (ClassAveraged(), 0.5, 0.449343),
        (NegativesOnly(), 0.1, 0.484009),
        (NegativesOnly(), 0.5, 0.843259),
    ],
)
def test_distances_from_the_simplex(loss, temperature, expected):
    solution = solve_relaxation(SIZES, Sphere(1.0), temperature=temperature, loss=loss)
    assert solution.relative_gap <= 1e-12
    assert distance(solution.class_gram, etf(4)) == pytest.approx(expected, abs=1e-6)


def test_a_wrong_root_proves_nothing_and_the_right_optimum_has_rank_two():
    problem = UFM([1000, 100, 10, 2], Ridge(0.01), loss=ClassAveraged(anchors="classes"))
    with pytest.warns(InaccurateWarning):
        wrong = solve_relaxation(problem, solver="slack-vector")
    assert wrong.status is not Status.OPTIMAL
    solution = solve_relaxation(problem)
    assert solution.status is Status.OPTIMAL
    assert solution.rank == 2
    assert wrong.certificate.upper >= solution.certificate.lower


def test_a_right_root_with_negative_spreads_is_proved_by_the_dense_certificate():
    """λ r > 2a for one class: what guarantees nonnegative spreads fails, the root does not."""
    problem = UFM([64, 8, 2], Ridge(0.06), loss=ClassAveraged(anchors="classes"))
    for strength in np.geomspace(0.02, 0.3, 30):
        local = replace(problem, control=Ridge(float(strength)))
        equations = equations_for(local)
        result = solve_slack_vector(equations)
        proof = prove(equations, result.state)
        if result.converged[0] and proof.spread_min[0] < 0:
            solution = solve_relaxation(local)
            if solution.solver_message == "slack-vector Newton":
                assert solution.status is Status.OPTIMAL
                other = solve_relaxation(local, solver="burer-monteiro")
                assert distance(solution.class_gram, other.class_gram) <= 1e-6
                return
    raise AssertionError("no such root found")


# ----------------------------------------------------------------- invariances


@every_control
def test_class_weights_that_are_all_two_are_half_the_ridge(kind):
    one, two = problem_of("views", kind), SupCon(views=2, class_weights=[2.0] * 4)
    scale = 2.0 if kind == "ridge" else 1.0
    control = one.control.with_parameter(scale * one.control.parameter)
    other = solve_relaxation(replace(one, control=control, loss=two))
    solution = solve_relaxation(one)
    assert np.abs(solution.class_gram - other.class_gram).max() <= 1e-11
    assert other.value == pytest.approx(2 * solution.value, rel=1e-13)


@every_control
def test_the_numbers_of_supcon_give_its_solution(kind):
    size = np.array(SIZES, dtype=float)
    loss = RowSoftmax(size, size - 1, size)
    control = CONTROLS[kind](0.3)
    solution = solve_relaxation(SIZES, control, temperature=TEMPERATURE, loss=loss)
    expected = solve_relaxation(SIZES, control, temperature=TEMPERATURE)
    assert solution.value == expected.value
    np.testing.assert_array_equal(solution.class_gram, expected.class_gram)


@every_control
def test_views_are_that_many_samples(kind):
    control = CONTROLS[kind](0.3)
    solution = solve_relaxation(SIZES, control, temperature=TEMPERATURE, loss=SupCon(views=3))
    expected = solve_relaxation([3 * size for size in SIZES], control, temperature=TEMPERATURE)
    assert solution.value == expected.value
    np.testing.assert_array_equal(solution.class_gram, expected.class_gram)


@given(seeds, st.sampled_from(sorted(CONTROLS)), st.floats(-3, 3))
@settings(max_examples=25)
def test_pair_and_own_weights_of_another_unit_move_the_value_alone(seed, kind, exponent):
    """o and u times t add log t to every row."""
    problem = random_problem(np.random.default_rng(seed), kind)
    terms, scale = problem.slack_terms, 10**exponent
    scaled = RowSoftmax(terms.anchors, scale * terms.own, scale * terms.pair)
    sizes = problem.class_sizes
    other = UFM.from_pairs(sizes.distinct, sizes.multiplicities, problem.control, loss=scaled)
    one, two = (
        prove(equations, solve_slack_vector(equations).state)
        for equations in (equations_for(problem), equations_for(other))
    )
    if not one.is_near(1e-9):
        return
    assert two.is_near(1e-9)
    expected = one.upper[0] + problem.anchors * math.log(scale)
    size = abs(one.upper[0]) + problem.anchors * (1 + abs(math.log(scale)))
    assert abs(two.upper[0] - expected) <= 1e-11 * size
    assert np.abs(one.own - two.own).max() <= 1e-7 * max(1.0, np.abs(one.own).max())


# ----------------------------------------------------------------- proofs


@given(seeds, st.sampled_from(sorted(CONTROLS)))
@settings(max_examples=60)
def test_any_problem_is_solved_and_its_bounds_hold(seed, kind):
    problem = random_problem(np.random.default_rng(seed), kind)
    solution = solve_relaxation(problem, solver="native")
    assert solution.status is Status.OPTIMAL
    dense = certify(build_program(problem, Level.ORBITS), solution.orbit_gram.dense()).certificate
    assert dense.lower <= solution.certificate.upper
    assert solution.certificate.lower <= dense.upper
    assert dense.proves(1e-7)


@given(seeds, st.sampled_from(sorted(CONTROLS)), st.floats(-8, 0))
@settings(max_examples=80)
def test_bounds_of_perturbed_states_contain_the_optimum(seed, kind, exponent):
    """Never too good: v and Z that are wrong by up to e prove a wide gap, or nothing."""
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, kind)
    best = solve_relaxation(problem, solver="burer-monteiro").certificate
    if not best.proves(1e-9):
        return
    equations = equations_for(problem)
    state = solve_slack_vector(equations).state
    shape = state.log_slack.shape
    wrong = State(
        state.log_slack + 10**exponent * rng.standard_normal(shape),
        state.log_normalizer + 10**exponent * rng.standard_normal(shape),
        state.log_strength,
    )
    certificate = prove(equations, wrong).certificate()
    assert certificate.lower <= best.upper
    assert certificate.upper >= best.lower


@every_case
def test_proofs_in_m_steps_are_as_tight_as_dense_ones(name, kind):
    problem = problem_of(name, kind)
    equations = equations_for(problem)
    proof = prove(equations, solve_slack_vector(equations).state)
    certificate = proof.certificate()
    dense = certify(
        build_program(problem, Level.ORBITS), proof.gram(equations.copies).dense()
    ).certificate
    assert certificate.relative_gap <= max(1e-13, 20 * dense.relative_gap)


def with_rows_that_sum_to_one(equations: SlackVectorEquations, state: State) -> State:
    """Solve (E1) for v at a given β, by turns, where there is no own weight."""
    for _ in range(500):
        outside = equations.outside(equations.moments(state))
        state = replace(state, log_slack=state.log_slack - np.log(outside) / 2)
    return state


@pytest.mark.parametrize("stochastic", [False, True])
@pytest.mark.parametrize("noise", [0.0, 1e-4, 1e-2, 0.3])
def test_a_bound_without_own_weights_is_one_of_its_normalised_rows(noise, stochastic):
    """With P made row-stochastic and multipliers that pay for it, the bound can be written out."""
    problem = problem_of("negatives-only", "sphere")
    equations, rng = equations_for(problem), np.random.default_rng(5)
    state = solve_slack_vector(equations).state
    state = State(
        state.log_slack + noise * rng.standard_normal((1, 4)),
        state.log_normalizer + noise * rng.standard_normal((1, 4)),
        state.log_strength,
    )
    if stochastic:
        state = with_rows_that_sum_to_one(equations, state)
    proof = prove(equations, state)
    a, u, v = equations.anchors, equations.pair, np.exp(state.log_slack[0])
    z = np.exp(state.log_normalizer[0])
    share = 2 * np.outer(v / a, v) * z / np.add.outer(z, z)
    np.fill_diagonal(share, 0.0)
    rows = share / share.sum(axis=1, keepdims=True)
    excess = (a[:, None] * (rows - share) + (a[:, None] * (rows - share)).T) / 2
    multipliers = v**2 + a + np.abs(excess).sum(axis=1)
    slack = (a[:, None] * rows + (a[:, None] * rows).T) / 2 + np.diag(multipliers - a)
    assert np.linalg.eigvalsh(slack).min() >= -1e-12 * a.max()
    off = ~np.eye(4, dtype=bool)
    entropy = (rows[off] * np.log(np.tile(u, (4, 1))[off] / rows[off])).reshape(4, 3).sum(axis=1)
    radius = problem.control_at_unit_temperature.parameter
    bound = a @ entropy - radius * multipliers.sum()
    assert proof.certificate().lower <= bound + 1e-11 * a.sum()
    assert proof.upper[0] >= solve_relaxation(problem).lower


def test_an_infimum_of_minus_infinity_and_a_negative_value():
    solution = solve_relaxation(SIZES, Sphere(1.0), temperature=0.1, loss=NegativesOnly())
    assert solution.value < 0
    assert solution.certificate.infimum == -math.inf
    assert math.isfinite(solution.lower)
    assert 0 <= solution.gap <= 1e-12 * abs(solution.value)


@pytest.mark.parametrize("control", [Ridge(6.0), Ridge(0.1), Budget(1.0)])
def test_without_positives_a_penalty_proves_nothing_in_this_way(control):
    """Below λ_b there is no minimum; above it the slack has another rank."""
    terms, copies = terms_at("negatives-only", np.array(SIZES, dtype=float)), np.ones(4)
    equations = SlackVectorEquations(terms, copies, control, np.array([control.parameter]))
    rng = np.random.default_rng(0)
    for _ in range(20):
        state = State(*rng.standard_normal((2, 1, 4)), np.log([control.parameter]))
        certificate = prove(equations, state).certificate()
        assert certificate.gap == math.inf
        assert certificate.lower == -math.inf


def test_equations_without_positives_are_not_used_with_a_budget():
    problem = UFM(SIZES, Budget(1.0), loss=NegativesOnly())
    solution = solve_relaxation(problem)
    assert solution.status is Status.OPTIMAL
    assert not isinstance(solution.orbit_gram, SlackVectorGram)


def test_a_solution_read_as_one_of_another_loss_is_refused(tmp_path):
    path, forged = tmp_path / "one.npz", tmp_path / "other.npz"
    solve_relaxation(problem_of("class-averaged", "sphere")).save(path)
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(forged, "w") as other:
        for name in archive.namelist():
            data = archive.read(name)
            if name == "record.npy":
                record = json.loads(str(np.load(archive.open(name))))
                record["loss"] = ClassAveraged(anchors="classes").record()
                with other.open(name, "w") as member:
                    np.save(member, np.array(json.dumps(record)))
                continue
            other.writestr(name, data)
    with pytest.raises(FileFormatError):
        Solution.load(forged)


# ----------------------------------------------------------------- paths and derivatives


@every_case
def test_a_path_is_its_single_solutions(name, kind):
    problem = problem_of(name, kind)
    values = problem.control.parameter * np.geomspace(0.5, 2.0, 20)
    path = regularization_path(problem, values)
    for value, solution in zip(values.tolist()[::6], path[::6], strict=True):
        assert solution.status is Status.OPTIMAL
        assert solution.problem.loss == problem.loss
        single = solve_relaxation(replace(problem, control=problem.control.with_parameter(value)))
        assert np.abs(solution.class_gram - single.class_gram).max() <= 1e-8
        assert abs(solution.value - single.value) <= 1e-11 * (1 + abs(single.value))


def terms_at(name: str, sizes: np.ndarray) -> ClassTerms:
    """The terms of a loss at sizes that need not be whole, from the table of the mathematics."""
    one = np.ones_like(sizes)
    return {
        "views": lambda: ClassTerms(2 * sizes, 2 * sizes - 1, 2 * sizes, 2 * sizes),
        "weighted": lambda: ClassTerms(
            np.array([0.3, 1.0, 2.0, 5.0]) * sizes, sizes - 1, sizes, sizes
        ),
        "negatives-only": lambda: ClassTerms(sizes, 0 * sizes, sizes, sizes),
        "class-averaged": lambda: ClassTerms(sizes, one, one, sizes),
        "class-averaged classes": lambda: ClassTerms(one, one, one, sizes),
    }[name]()


@pytest.mark.parametrize(
    "name", ["views", "weighted", "negatives-only", "class-averaged", "class-averaged classes"]
)
@every_control
def test_derivatives_by_class_sizes_are_those_of_the_terms(name, kind):
    if not holds(name, kind):
        return
    problem = problem_of(name, kind)
    found = solve_relaxation(problem, solver="slack-vector").sensitivity()
    control = problem.control_at_unit_temperature
    sizes, step = np.array(SIZES, dtype=float), 1e-5

    def solved(moved: np.ndarray):
        equations = SlackVectorEquations(
            terms_at(name, moved), np.ones(4), control, np.array([control.parameter])
        )
        proof = prove(equations, solve_slack_vector(equations).state)
        return proof.upper[0], TEMPERATURE * proof.own[0]

    for h in range(4):
        moved = step * sizes[h] * np.eye(4)[h]
        (up, own_up), (down, own_down) = solved(sizes + moved), solved(sizes - moved)
        slope = (up - down) / (2 * step * sizes[h])
        assert found.value_by_size[h] == pytest.approx(slope, rel=1e-5, abs=1e-6)
        own_slope = (own_up - own_down) / (2 * step * sizes[h])
        np.testing.assert_allclose(found.own_by_size[:, h], own_slope, rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize("share", [0.8, 0.95, 0.999])
def test_below_the_threshold_of_unlike_classes_the_zero_saddle_is_left(share):
    """The slack-vector equations have no root there, and their last squared norms are negative."""
    problem = UFM(profile("covtype"), Ridge(1.0), loss="class-averaged", temperature=1.0)
    below = replace(problem, control=Ridge(share * problem.zero_threshold()))
    solution = solve_relaxation(below)
    assert solution.status == "optimal"
    assert solution.rank == 1
    assert solution.orbit_gram.own.max() > 1e-3


@pytest.mark.parametrize("radius", [100.0, 1000.0])
@pytest.mark.parametrize("name", ["covtype", "cifar10-step:100"])
def test_a_large_budget_without_own_weights_is_reached_from_smaller_ones(name, radius):
    """From separate classes the descent ended at up to 27 times the value from the optimum."""
    problem = UFM(profile(name), Budget(radius), loss="negatives-only", temperature=1.0)
    solution = solve_relaxation(problem)
    assert solution.status == "optimal"
    assert solution.relative_gap <= 1e-10
