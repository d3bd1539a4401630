"""Bounds that hold for every input: weak duality, honest verdicts, accurate sums."""

from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from problems import (
    CASE,
    CASES,
    Case,
    assert_within,
    cases_of,
    class_objective,
    dual_slack,
    every_case,
    lower_bound,
    random_feasible_gram,
)

from screlax import UFM, Ball, Certificate, InaccurateWarning, Ridge, Sphere, solve_relaxation
from screlax.gram.cells import CellGram, Level
from screlax.problem.levels import lift_from_orbits, quotient_to_orbits
from screlax.problem.losses.rows_minorant import relative_entropy
from screlax.problem.losses.softmax_rows import RowWeights
from screlax.problem.program import Program, build_program
from screlax.proof.dense import Proof, certify, dual_bound, duality_gap
from screlax.proof.dual import DualPoint
from screlax.proof.repair import repair_dual, repair_primal

ROUNDING = 1e-10
TOL = 1e-6
seeds = st.integers(0, 2**32 - 1)
table = st.sampled_from(CASES)


def class_cells(case: Case, gram: np.ndarray) -> CellGram:
    return CellGram.from_matrix(np.array(gram, dtype=float)).scaled(1 / case.temperature)


def certify_classes(case: Case, gram: np.ndarray, duals: tuple[DualPoint, ...] = ()) -> Proof:
    return certify(build_program(case.problem, Level.CLASSES), class_cells(case, gram), duals)


def assert_honest(certificate: Certificate, optimum: float, tol: float = TOL) -> None:
    """The bounds bracket the optimum, and a proof is claimed only of what is nearly optimal."""
    assert certificate.lower <= optimum * (1 + ROUNDING)
    assert certificate.upper >= optimum * (1 - ROUNDING)
    if certificate.proves(tol):
        assert certificate.upper <= optimum * (1 + tol + ROUNDING)


def any_symmetric(case: Case, rng: np.random.Generator) -> np.ndarray:
    k = len(case.sizes)
    matrix = rng.standard_normal((k, k)) * 10 ** rng.uniform(-2, 1.5)
    return (matrix + matrix.T) / 2


def some_optimum(case: Case) -> np.ndarray:
    return solve_relaxation(case.problem, solver="Clarabel", level="classes", tol=1e-8).class_gram


# ----------------------------------------------------------------- weak duality


@given(table, seeds)
def test_bounds_from_any_symmetric_matrix_bracket_the_optimum(case, seed):
    gram = any_symmetric(case, np.random.default_rng(seed))
    assert_honest(certify_classes(case, gram).certificate, case.optimum)


@given(table, seeds)
def test_lower_bound_is_below_the_value_of_every_feasible_gram(case, seed):
    rng = np.random.default_rng(seed)
    lower = certify_classes(case, any_symmetric(case, rng)).certificate.lower
    assert lower <= class_objective(case, random_feasible_gram(case, rng)) * (1 + ROUNDING)


@given(table, seeds)
def test_a_feasible_gram_keeps_its_value(case, seed):
    gram = random_feasible_gram(case, np.random.default_rng(seed))
    certificate = certify_classes(case, gram).certificate
    assert certificate.upper == pytest.approx(class_objective(case, gram), rel=1e-9)


@given(table, seeds)
def test_lower_equals_the_independent_formula(case, seed):
    gram = random_feasible_gram(case, np.random.default_rng(seed)) + 1e-3 * np.eye(len(case.sizes))
    proof = certify_classes(case, gram)
    expected = lower_bound(case, proof.gram.pair * case.temperature)
    expected = max(expected, case.problem.infimum)
    scale = abs(expected) + proof.certificate.upper
    assert abs(proof.certificate.lower - expected) <= 1e-9 * scale


@given(table, seeds)
def test_random_dual_candidates_never_break_the_bound(case, seed):
    rng = np.random.default_rng(seed)
    k = len(case.sizes)
    rows = RowWeights(rng.standard_normal(k) + 0.5, rng.standard_normal((k, k)) + 0.5)
    duals = (DualPoint(rows), DualPoint(rows, rng.standard_normal(k) * 10))
    proof = certify_classes(case, any_symmetric(case, rng), duals)
    assert_honest(proof.certificate, case.optimum)


@every_case()
def test_the_repaired_point_is_feasible(case):
    rng = np.random.default_rng(7)
    for _ in range(20):
        gram = certify_classes(case, any_symmetric(case, rng)).gram.pair * case.temperature
        assert np.linalg.eigvalsh(gram)[0] >= -1e-12 * np.abs(gram).max()
        assert_within(case.control, np.diagonal(gram), np.array(case.sizes))


# ----------------------------------------------------------------- the gap and its parts


def repaired_dual_bound(relaxation: Program, proof: Proof) -> float:
    """Compute the bound behind a proof by the direct formula."""
    dual, at = proof.dual or DualPoint(None), relaxation.loss.expand(proof.gram)
    minorant = relaxation.loss.minorant(proof.gram, at, dual.rows)
    return dual_bound(relaxation, repair_dual(relaxation, minorant, proof.gram, dual.multipliers))[
        0
    ]


@pytest.mark.parametrize("level", list(Level))
@every_case()
def test_gap_is_upper_less_the_dual_bound(case, level):
    rng = np.random.default_rng(3)
    relaxation = build_program(case.problem, level)
    gram = lifted(case, random_orbit_gram(case, rng), level)
    proof = certify(relaxation, gram)
    certificate = proof.certificate
    bound = max(repaired_dual_bound(relaxation, proof), certificate.infimum)
    scale = certificate.upper + abs(bound)
    assert abs(certificate.gap - (certificate.upper - bound)) <= 1e-12 * scale
    assert certificate.lower == max(certificate.upper - certificate.gap, certificate.infimum)
    spread = certificate.upper - certificate.infimum
    assert certificate.relative_gap == certificate.gap / (certificate.upper + spread)
    assert certificate.gap >= certificate.rounding > 0
    assert certificate.level == level.value


def random_orbit_gram(case: Case, rng: np.random.Generator) -> CellGram:
    """Return a random invariant Gram matrix G/τ: the average of a feasible one."""
    gram = class_cells(case, random_feasible_gram(case, rng))
    return quotient_to_orbits(case.problem.class_sizes, Level.CLASSES, gram)


def lifted(case: Case, orbit_gram: CellGram, level: Level) -> CellGram:
    return lift_from_orbits(case.problem.class_sizes, level, orbit_gram)


@given(table, seeds)
def test_one_gram_has_the_same_certificate_at_every_level(case, seed):
    orbit_gram = random_orbit_gram(case, np.random.default_rng(seed))
    orbits, classes, samples = (
        certify(build_program(case.problem, level), lifted(case, orbit_gram, level)).certificate
        for level in (Level.ORBITS, Level.CLASSES, Level.SAMPLES)
    )
    for other in (classes, samples):
        assert other.upper == pytest.approx(orbits.upper, rel=1e-11)
        assert other.lower == pytest.approx(orbits.lower, rel=1e-8, abs=1e-8 * orbits.upper)
        if orbits.slack_min_eigenvalue < -1e-9:
            assert other.slack_min_eigenvalue == pytest.approx(orbits.slack_min_eigenvalue)


def test_eigenvalues_before_repair_are_those_of_the_whole_gram_and_slack():
    case = CASE["one-singleton/ridge"]
    gram = np.array([[1.0, 2.0, 0.0], [2.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    certificate = certify_classes(case, gram).certificate
    root = np.sqrt(np.array(case.sizes, dtype=float))
    whole = root[:, None] * gram * root / case.temperature
    assert certificate.primal_min_eigenvalue == pytest.approx(np.linalg.eigvalsh(whole)[0])
    assert certificate.primal_min_eigenvalue < 0


@pytest.mark.parametrize(
    ("gap", "proved"),
    [
        *((1e-6, True), (0.0, True), (-1e-7, False), (1.1e-6, False), (-1e-3, False)),
        *((np.nan, False), (np.inf, False), (-np.inf, False)),
    ],
)
def test_what_a_certificate_proves(gap, proved):
    certificate = Certificate("orbits", 1.0, 1.0 - gap, 1.0, gap, 0.0, 0.0, 0.0)
    assert certificate.proves(1e-6) is proved


def test_a_certificate_without_a_finite_value_proves_nothing():
    assert not Certificate("orbits", np.inf, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0).proves(1.0)
    assert not Certificate("orbits", np.nan, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0).proves(1.0)


# ----------------------------------------------------------------- adversarial primal points


@every_case()
def test_optimum_scaled_by_ten_is_judged_honestly(case):
    certificate = certify_classes(case, 10 * some_optimum(case)).certificate
    assert_honest(certificate, case.optimum)
    if isinstance(case.control, Ridge):
        assert not certificate.proves(TOL)


@every_case(cases_of("long-tailed", "singletons"))
@pytest.mark.parametrize("factor", [-1.0, 0.0, 0.5, 100.0])
def test_optimum_times_a_number_is_judged_honestly(case, factor):
    assert_honest(certify_classes(case, factor * some_optimum(case)).certificate, case.optimum)


@every_case(cases_of("long-tailed", "one-singleton"))
def test_indefinite_gram_of_better_value_than_the_optimum_is_not_optimal(case):
    gram = some_optimum(case) - 0.3 * (1 - np.eye(len(case.sizes)))
    assert np.linalg.eigvalsh(gram)[0] < -0.1
    assert class_objective(case, gram) < case.optimum
    certificate = certify_classes(case, gram).certificate
    assert_honest(certificate, case.optimum)
    assert not certificate.proves(TOL)
    assert certificate.primal_min_eigenvalue < -0.1


@every_case([case for case in CASES if isinstance(case.control, Ball | Sphere)])
def test_gram_outside_the_norm_bound_does_not_lower_the_value(case):
    gram = 2 * case.control.parameter * np.eye(len(case.sizes)) + 0.1
    assert_honest(certify_classes(case, gram).certificate, case.optimum)
    assert not certify_classes(case, gram).certificate.proves(TOL)


@every_case(cases_of("long-tailed"))
def test_asymmetric_gram_is_symmetrised(case):
    twist = np.triu(np.full((4, 4), 0.3), 1)
    certificate = certify_classes(case, some_optimum(case) + twist - twist.T).certificate
    assert certificate.proves(TOL)


@every_case(cases_of("step"))
@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
def test_gram_that_is_not_finite_is_an_error_not_a_proof(case, poison):
    gram = np.eye(len(case.sizes))
    gram[0, 0] = poison
    with np.errstate(invalid="ignore"), pytest.raises(ValueError, match=r"(?i)nan|inf|finite"):
        certify_classes(case, gram)


@every_case(cases_of("two", "singletons"))
def test_enormous_gram_is_judged_honestly(case):
    certificate = certify_classes(case, 1e150 * np.eye(len(case.sizes))).certificate
    assert_honest(certificate, case.optimum)


@pytest.mark.parametrize("size", [5770515696493232.0, 1e13])
def test_lower_bound_survives_an_enormous_gap(size):
    case = CASE["two/weak-ridge"]
    gram = size * np.eye(2) if size > 1e14 else size * np.array([[1.0, 0.3], [0.3, 1.0]])
    certificate = certify_classes(case, gram).certificate
    relaxation = build_program(case.problem, Level.CLASSES)
    exact = repaired_dual_bound(relaxation, certify(relaxation, class_cells(case, gram)))
    assert certificate.lower == pytest.approx(exact, rel=1e-6)
    assert certificate.lower <= case.optimum


@every_case(cases_of("step", "one-anchored"))
def test_zero_gram_is_judged_honestly(case):
    k = len(case.sizes)
    certificate = certify_classes(case, np.zeros((k, k))).certificate
    assert_honest(certificate, case.optimum)
    assert not certificate.proves(TOL)


def test_rows_of_rounding_size_do_not_break_the_upper_bound():
    case = Case("balanced", (3, 3, 3), Sphere(1.0), 1.0, 10.85045182737538)
    gram = np.array([[1.0, -1e-18, -1e-18], [-1e-18, 1e-40, -1e-40], [-1e-18, -1e-40, 1e-40]])
    proof = certify_classes(case, gram)
    assert np.linalg.eigvalsh(proof.gram.pair)[0] >= -1e-9
    assert_honest(proof.certificate, case.optimum)


@pytest.mark.parametrize("norm", [10.0, 15.0, 20.0, 40.0])
def test_value_of_pairs_of_samples_keeps_its_digits(norm):
    """Two classes of two samples on opposite points: 4 log(1 + 2 exp(−2ρ/τ)), here tiny."""
    gram = norm * np.array([[1.0, -1.0], [-1.0, 1.0]])
    relaxation = build_program(UFM([2, 2], Sphere(norm)), Level.CLASSES)
    certificate = certify(relaxation, CellGram.from_matrix(gram)).certificate
    exact = 4 * np.log1p(2 * np.exp(-2 * norm))
    assert certificate.upper == pytest.approx(exact, rel=1e-9, abs=0)
    assert certificate.lower <= exact * (1 + 1e-9)


# ----------------------------------------------------------------- adversarial dual points


def garbage_duals(case: Case) -> dict[str, DualPoint]:
    """Return dual candidates that must not count, or must be repaired before they do."""
    relaxation = build_program(case.problem, Level.CLASSES)
    softmax = relaxation.loss.expand(class_cells(case, some_optimum(case)))
    k = len(case.sizes)
    nan, inf = np.full((k, k), np.nan), np.full((k, k), np.inf)
    return {
        "wrong sign": DualPoint(RowWeights(-softmax.own, -softmax.pair)),
        "negative multipliers": DualPoint(softmax, np.full(k, -1e3)),
        "huge multipliers": DualPoint(softmax, np.full(k, 1e9)),
        "nan multipliers": DualPoint(softmax, np.full(k, np.nan)),
        "nan": DualPoint(RowWeights(nan[0], nan)),
        "infinite": DualPoint(RowWeights(inf[0], inf), inf[0]),
        "zero": DualPoint(RowWeights(np.zeros(k), np.zeros((k, k))), np.zeros(k)),
        "not stochastic": DualPoint(RowWeights(5 * softmax.own, 7 * softmax.pair)),
        "wrong sign off the diagonal": DualPoint(RowWeights(softmax.own, softmax.pair - 0.01)),
        "wrong sign on the diagonal": DualPoint(RowWeights(-0.5 * softmax.own, softmax.pair)),
        "transposed": DualPoint(RowWeights(softmax.own, softmax.pair.T)),
        "on forbidden entries": DualPoint(RowWeights(np.ones(k), np.eye(k))),
    }


@every_case(cases_of("long-tailed", "singletons"))
def test_candidates_are_stochastic_on_the_entries_of_the_loss(case):
    relaxation = build_program(case.problem, Level.CLASSES)
    gram = class_cells(case, np.eye(len(case.sizes)))
    softmax = relaxation.loss.expand(gram)
    duals = garbage_duals(case).values()
    minorants = [relaxation.loss.minorant(gram, softmax, dual.rows) for dual in duals]
    candidates = [minorant for minorant in minorants if minorant is not None]
    assert len(candidates) >= 3
    for candidate in candidates:
        own, pair = candidate.rows.own, candidate.rows.pair
        assert min(own.min(), pair.min()) >= 0
        assert not own[relaxation.loss.weight.own == 0].any()
        assert not pair[relaxation.loss.weight.pair == 0].any()
        assert own + pair.sum(axis=1) == pytest.approx((relaxation.loss.anchors > 0).astype(float))


@every_case(cases_of("long-tailed", "singletons"))
def test_garbage_duals_do_not_change_the_verdict(case):
    optimal, poor = some_optimum(case), np.eye(len(case.sizes))
    clean = certify_classes(case, optimal).certificate
    for name, dual in garbage_duals(case).items():
        good = certify_classes(case, optimal, (dual,)).certificate
        assert_honest(good, case.optimum)
        assert abs(good.gap) <= abs(clean.gap), name
        bad = certify_classes(case, poor, (dual,)).certificate
        assert_honest(bad, case.optimum)
        assert not bad.proves(TOL), name


@every_case(cases_of("step"))
def test_a_better_dual_candidate_is_used_and_reported(case):
    relaxation = build_program(case.problem, Level.CLASSES)
    optimum = some_optimum(case)
    multipliers = dual_slack(case, optimum)[1] * case.temperature
    best = DualPoint(relaxation.loss.expand(class_cells(case, optimum)), multipliers)
    poor = np.eye(len(case.sizes)) * case.control.parameter
    alone, helped = certify_classes(case, poor), certify_classes(case, poor, (best,))
    assert alone.dual is None
    assert helped.dual is not None
    assert helped.certificate.lower >= alone.certificate.lower
    assert helped.certificate.lower == pytest.approx(case.optimum, rel=1e-2)
    assert helped.certificate.upper == alone.certificate.upper


# ----------------------------------------------------------------- truncated runs


@pytest.mark.parametrize(
    ("solver", "options"),
    [("SCS", {"max_iters": 3}), ("Clarabel", {"max_iter": 2}), ("Clarabel", {"max_iter": 0})],
)
@every_case(cases_of("long-tailed", "singletons"))
def test_truncated_runs_are_inaccurate_but_bracket_the_optimum(case, solver, options):
    with pytest.warns(InaccurateWarning, match="certified relative gap"):
        solution = solve_relaxation(case.problem, solver=solver, level="classes", **options)
    assert solution.status == "inaccurate"
    assert_honest(solution.certificate, case.optimum)
    assert class_objective(case, solution.class_gram) == pytest.approx(solution.upper, rel=1e-9)


# ----------------------------------------------------------------- primal repair


@given(table, seeds)
def test_repair_changes_nothing_that_is_feasible(case, seed):
    gram = random_feasible_gram(case, np.random.default_rng(seed))
    relaxation = build_program(case.problem, Level.CLASSES)
    primal = repair_primal(relaxation, class_cells(case, gram))
    assert primal.smallest >= -1e-12 * sum(case.sizes) * np.abs(gram).max() / case.temperature
    repaired = primal.gram.pair * case.temperature
    assert np.abs(repaired - gram).max() <= 1e-11 * np.abs(gram).max()


@pytest.mark.parametrize("batches", [None, "shuffle:size=4", "poisson:rate=0.3"])
@pytest.mark.parametrize("control", [Ridge(0.3), Sphere(1.0)])
def test_the_bound_term_by_term_is_the_value_less_the_gap(control, batches):
    vectors = np.random.default_rng(0).standard_normal((3, 3))
    relaxation = build_program(UFM([5, 4, 3], control, batches=batches), Level.CLASSES)
    gram = repair_primal(relaxation, CellGram.from_matrix(vectors @ vectors.T)).gram
    loss = relaxation.loss
    dual = repair_dual(relaxation, loss.minorant(gram, loss.expand(gram)), gram)
    assert dual.is_proved
    value = loss.value(gram) + float(relaxation.penalty @ gram.own)
    gap, rounding = duality_gap(relaxation, dual, gram)
    direct, error = dual_bound(relaxation, dual)
    assert gap > 0.1
    assert rounding + error <= 1e-11 * value
    assert abs(value - gap - direct) <= rounding + error + 1e-14 * value


def test_a_direct_bound_that_is_no_number_proves_nothing(monkeypatch):
    monkeypatch.setattr("screlax.proof.dense.dual_bound", lambda *_: (np.nan, np.nan))
    relaxation = build_program(UFM([9, 5, 3], Ridge(0.3)), Level.CLASSES)
    gram = CellGram.from_matrix(np.array([[2.0, 0.1, 0], [0.1, 1, 0], [0, 0, 3]]))
    assert (
        certify(relaxation, gram).certificate.lower < solve_relaxation([9, 5, 3], Ridge(0.3)).lower
    )


@pytest.mark.parametrize("seed", range(3))
def test_the_bound_of_rows_is_as_near_as_it_says_to_fifty_digits(seed):
    """Σ ω Σ p log(w/p) of a ridge, whose multipliers cost nothing: all of the error is its own."""
    vectors = np.random.default_rng(seed).standard_normal((4, 3))
    relaxation = build_program(UFM([900, 80, 7, 2], Ridge(0.3)), Level.CLASSES)
    loss, gram = relaxation.loss, CellGram.from_matrix(vectors @ vectors.T)
    dual = repair_dual(relaxation, loss.minorant(gram, loss.expand(gram)), gram)
    found, error = dual_bound(relaxation, dual)
    rows = dual.minorant.rows
    with localcontext() as context:
        context.prec = 50
        exact = Decimal(0)
        for p, weight in ((rows.own, loss.weight.own), (rows.pair, loss.weight.pair)):
            for g, h in np.ndindex(4, p.size // 4):
                one, other = (Decimal(float(x.reshape(4, -1)[g, h])) for x in (p, weight))
                if one:
                    exact += Decimal(float(loss.anchors[g])) * one * (other / one).ln()
    assert 0 < abs(Decimal(found) - exact) <= Decimal(error)


# ----------------------------------------------------------------- relative entropy


def exact_divergence(p: float, q: float) -> Decimal:
    """Return p log(p/q) − p + q to fifty digits."""
    with localcontext() as context:
        context.prec = 50
        a, b = Decimal(p), Decimal(q)
        return a * (a / b).ln() - a + b if p != q else Decimal(0)


@given(st.floats(1e-12, 1.0), st.floats(-17, 0), st.sampled_from([-1.0, 1.0]), st.floats(0.5, 2.0))
def test_relative_entropy_is_accurate_near_and_far(q, exponent, sign, stretch):
    p = q * (1 + sign * 10.0**exponent * 0.99) * (stretch if exponent > -0.5 else 1.0)
    computed = float(relative_entropy(np.array([p]), np.array([q]))[0])
    exact = float(exact_divergence(p, q))
    assert computed >= 0
    assert computed == pytest.approx(exact, rel=1e-10, abs=0)


@pytest.mark.parametrize(
    ("p", "q", "expected"), [(0.0, 0.0, 0.0), (0.0, 0.3, 0.3), (0.3, 0.3, 0.0), (0.3, 0.0, np.inf)]
)
def test_relative_entropy_at_the_ends(p, q, expected):
    assert relative_entropy(np.array([p]), np.array([q]))[0] == expected


@given(seeds)
def test_relative_entropy_of_stochastic_rows_is_the_kullback_leibler_divergence(seed):
    rng = np.random.default_rng(seed)
    p, q = rng.dirichlet(np.ones(6)), rng.dirichlet(np.ones(6))
    expected = float((p * np.log(p / q)).sum())
    assert relative_entropy(p, q).sum() == pytest.approx(expected, rel=1e-11)
