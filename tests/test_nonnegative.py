"""Nonnegative features: orthogonal classes, against formulas, Clarabel and random embeddings."""

import dataclasses
import json
import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize

import screlax
from screlax import UFM, Ball, Budget, Ridge, Solution, Sphere, solve_relaxation
from screlax.cli import main
from screlax.equations.orthogonal import orthogonal_classes
from screlax.errors import FileFormatError, InvalidInputError
from screlax.gram.cells import CellGram, Level
from screlax.gram.diagonal import DiagonalGram
from screlax.problem.program import build_program
from screlax.problem.real_profiles import REAL_PROFILES
from screlax.proof.dense import certify
from screlax.proof.dual import DualPoint
from screlax.proof.orthogonal import prove_orthogonal
from screlax.proof.prove import prove_gram

LOSSES = {
    "supcon": screlax.losses.SupCon(),
    "views": screlax.losses.SupCon(views=2),
    "negatives-only": screlax.losses.NegativesOnly(),
    "averaged": screlax.losses.ClassAveraged(anchors="classes"),
    "prototypes": screlax.losses.Prototypes(per_class=2),
    "weighted": screlax.losses.SupCon(class_weights=[3.0, 0.5, 1.0, 2.0]),
}
CONTROLS = {
    "ridge": (Ridge(0.3), 0.7),
    "strong-ridge": (Ridge(2.5), 1.0),
    "ball": (Ball(1.5), 0.8),
    "sphere": (Sphere(1.0), 0.5),
    "budget": (Budget(0.8), 1.0),
}
PROFILES = {
    "balanced": (2, 2, 2, 2),
    "step": (4, 4, 2, 2),
    "exponential": (8, 4, 2, 1),
    "singletons": (3, 2, 1, 1),
}


def problem_of(loss, control, profile):
    bound, temperature = CONTROLS[control]
    return UFM(PROFILES[profile], bound, temperature, loss=LOSSES[loss], features="nonnegative")


def is_unbounded(loss, control):
    return (loss, control) == ("negatives-only", "ridge")


def every_problem():
    return [
        pytest.param(loss, control, profile, id=f"{loss}/{control}/{profile}")
        for loss in LOSSES
        for control in CONTROLS
        for profile in PROFILES
        if not is_unbounded(loss, control)
    ]


def numbers(problem):
    """Return a, o, U and r of every class in class order, and the summed loss of squared norms."""
    terms = problem.loss.class_terms(problem.class_sizes).take(problem.points.orbit_index())
    others = terms.pair.sum() - terms.pair
    return terms.anchors, terms.own, others, terms.embeddings


def objective(problem, gram):
    """Return the objective at a k×k Gram matrix, by the formula of the mathematics, section 6."""
    terms = problem.loss.class_terms(problem.class_sizes).take(problem.points.orbit_index())
    logits = gram / problem.temperature
    weight = np.tile(terms.pair, (len(gram), 1))
    np.fill_diagonal(weight, terms.own)
    with np.errstate(divide="ignore"):
        rows = np.logaddexp.reduce(logits + np.log(weight), axis=1) - np.diagonal(logits)
    value = terms.anchors @ np.where(terms.anchors > 0, rows, 0.0)
    if problem.control.is_penalty:
        value += problem.control.parameter / 2 * (terms.embeddings @ np.diagonal(gram))
    return float(value)


def allowed(problem, vectors):
    """Scale embeddings of classes to the control."""
    squares, embeddings = (vectors**2).sum(axis=1), numbers(problem)[3]
    bound = problem.control.parameter
    if isinstance(problem.control, Budget):
        return vectors * math.sqrt(bound * embeddings.sum() / (embeddings @ squares))
    if isinstance(problem.control, Ridge):
        return vectors
    return vectors * np.sqrt(bound / squares)[:, None]


@pytest.mark.parametrize(("loss", "control", "profile"), every_problem())
def test_the_optimum_is_proved_and_its_value_is_the_formulas(loss, control, profile):
    problem = problem_of(loss, control, profile)
    solution = solve_relaxation(problem)
    assert solution.solver == "closed-form"
    assert solution.relative_gap <= 1e-12
    assert isinstance(solution.orbit_gram, DiagonalGram)
    assert solution.is_tight
    gram = solution.class_gram
    assert np.array_equal(gram, np.diag(np.diagonal(gram)))
    assert math.isclose(solution.value, objective(problem, gram), rel_tol=1e-12)
    for level in ("samples", "classes"):
        assert solution.recheck(level).relative_gap <= 1e-11


@pytest.mark.parametrize(("loss", "control", "profile"), every_problem())
def test_clarabel_finds_no_better_and_no_other_value(loss, control, profile):
    problem = problem_of(loss, control, profile)
    level = "samples" if problem.points.samples <= 10 else "classes"
    found = solve_relaxation(problem, solver="Clarabel", level=level, tol=1e-5)
    exact = solve_relaxation(problem)
    assert found.status == "optimal"
    scale = abs(exact.value) + 1
    assert exact.lower - 1e-7 * scale <= found.value
    assert found.lower <= exact.value + 1e-7 * scale
    assert abs(found.value - exact.value) <= 1e-6 * scale


@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("loss", LOSSES)
def test_norms_solve_separate_problems(loss, control):
    """Every norm minimises its own Lagrangian, by a scalar minimisation that knows no formula."""
    if is_unbounded(loss, control):
        return
    problem = problem_of(loss, control, "exponential")
    norms = np.diagonal(solve_relaxation(problem).class_gram) / problem.temperature
    anchors, own, others, embeddings = numbers(problem)
    if not problem.control.is_penalty and not isinstance(problem.control, Budget):
        assert np.allclose(norms, problem.control.parameter / problem.temperature, rtol=1e-15)
        return
    pull = anchors * others * np.exp(-norms) / (own + others * np.exp(-norms)) / embeddings
    if isinstance(problem.control, Ridge):
        rate = problem.control.parameter * problem.temperature / 2
    else:
        rate = pull[norms > 1e-9].max()
        mean = embeddings @ norms / embeddings.sum()
        assert math.isclose(mean, problem.control.parameter / problem.temperature, rel_tol=1e-12)
    assert np.allclose(pull[norms > 1e-9], rate, rtol=1e-9)
    assert (pull <= rate * (1 + 1e-9)).all()


def test_ridge_norms_are_those_of_the_formula():
    sizes, strength, tau = np.array([50, 20, 5, 5]), 0.3, 0.5
    problem = UFM(sizes, Ridge(strength), tau, features="nonnegative")
    half = strength * tau / 2
    wanted = tau * np.log((80 - sizes) / (sizes - 1) * (1 - half) / half)
    assert np.allclose(np.diagonal(solve_relaxation(problem).class_gram), wanted, rtol=1e-14)


def test_budget_norms_by_another_root_finder():
    sizes, tau = np.array([50, 20, 5, 5]), 0.5
    problem = UFM(sizes, Budget(0.4), tau, features="nonnegative")

    def norms(rate):
        return tau * np.maximum(np.log((80 - sizes) / (sizes - 1) * (1 - rate) / rate), 0.0)

    rate = optimize.bisect(lambda rate: sizes @ norms(rate) - 0.4 * 80, 1e-9, 1 - 1e-9, xtol=1e-15)
    assert np.allclose(np.diagonal(solve_relaxation(problem).class_gram), norms(rate), rtol=1e-11)


@pytest.mark.parametrize("name", REAL_PROFILES)
@pytest.mark.parametrize("control", [Ridge(0.01), Ball(1.0), Sphere(1.0), Budget(1.0)], ids=str)
@pytest.mark.parametrize("loss", ["supcon", "class-averaged", "supcon:class_weights=balanced"])
def test_real_profiles_are_certified(name, control, loss):
    counts = screlax.profile(name)
    solution = solve_relaxation(counts, control, temperature=0.1, loss=loss, features="nonnegative")
    assert solution.relative_gap <= 1e-12
    if isinstance(control, Sphere):
        assert np.array_equal(solution.orbit_gram.unit_own, np.full(len(np.unique(counts)), 10.0))


@pytest.mark.parametrize("control", [Ridge(0.01), Ball(1.0), Sphere(1.0), Budget(1.0)], ids=str)
def test_ten_million_classes_without_any_matrix(control, monkeypatch, tmp_path):
    def refuse(*_):
        raise AssertionError("a matrix of class sizes was formed")

    monkeypatch.setattr(DiagonalGram, "rows", refuse)
    k = 10**7
    sizes = np.maximum(1, (0.2 * k / np.arange(1, k + 1) ** 0.9).astype(np.int64))
    distinct, copies = np.unique(sizes, return_counts=True)
    problem = UFM.from_pairs(distinct, copies, control, 0.5, features="nonnegative")
    solution = solve_relaxation(problem)
    assert solution.relative_gap <= 1e-12
    assert solution.rank == (solution.orbit_gram.own > 0) @ problem.points.multiplicities
    loaded = Solution.load(solution.save(tmp_path / "large.npz"))
    assert loaded.certificate == solution.certificate


@pytest.mark.parametrize("control", CONTROLS)
def test_embeddings_are_nonnegative_and_have_the_gram_matrix(control):
    solution = solve_relaxation(problem_of("supcon", control, "exponential"))
    vectors = solution.embeddings().vectors
    assert vectors.min() >= 0
    assert np.allclose(vectors @ vectors.T, solution.class_gram, rtol=1e-15)
    assert solution.prototypes(9).shape == (4, 9)
    assert (np.count_nonzero(vectors, axis=1) <= 1).all()


def test_truncated_embeddings_are_nonnegative_and_say_what_is_lost():
    solution = solve_relaxation(problem_of("supcon", "ridge", "exponential"))
    found = solution.embeddings(2, truncate=True)
    assert found.vectors.min() >= 0
    lost = objective(solution.problem, found.vectors @ found.vectors.T) - solution.value
    assert math.isclose(found.value_lost, lost, rel_tol=1e-9)
    with pytest.raises(screlax.errors.EmbeddingDimensionError, match="truncate"):
        solution.embeddings(2)


@pytest.mark.parametrize("control", ["ball", "sphere", "budget"])
def test_negatives_only_has_an_optimum_with_a_bound(control):
    solution = solve_relaxation(problem_of("negatives-only", control, "step"))
    assert solution.relative_gap <= 1e-12


def test_negatives_only_is_unbounded_with_a_weak_ridge_and_zero_above():
    def problem(strength):
        return UFM([5, 3], Ridge(strength), 0.5, loss="negatives-only", features="nonnegative")

    for solver in ("auto", "native", "Clarabel"):
        with pytest.raises(InvalidInputError, match="without end"):
            solve_relaxation(problem(3.99), solver=solver)
    for strength in (4.0, 4.01, 9.0):
        solution = solve_relaxation(problem(strength))
        assert solution.status == "optimal"
        assert not solution.orbit_gram.own.any()
        assert math.isclose(solution.value, 5 * math.log(3) + 3 * math.log(5), rel_tol=1e-14)


def test_zero_is_optimal_from_the_threshold_on():
    for loss in LOSSES:
        problem = dataclasses.replace(problem_of(loss, "ridge", "step"), control=Ridge(9.0))
        top = problem.zero_threshold()
        above = dataclasses.replace(problem, control=Ridge(top * (1 + 1e-12)))
        assert not solve_relaxation(above).orbit_gram.own.any()
        assert above.is_zero_optimal()
        if loss != "negatives-only":
            below = dataclasses.replace(problem, control=Ridge(top * (1 - 1e-6)))
            assert solve_relaxation(below).orbit_gram.own.any()
            assert not below.is_zero_optimal()


@pytest.mark.parametrize(
    ("sizes", "control", "loss", "free"),
    [
        (
            [9, 4, 1, 1],
            Sphere(1.0),
            "supcon",
            r"inner products among classes without anchors \(2\)",
        ),
        ([9, 4, 1], Sphere(1.0), "supcon", ""),
        ([9, 4, 1], Ball(1.0), "supcon", r"norms and inner products of classes without .* \(1\)"),
        ([9, 4, 1, 1], Budget(1.0), "supcon", ""),
        ([9, 4, 1, 1], Ridge(0.1), "supcon", ""),
        ([9, 4, 2], Budget(1.0), "negatives-only", r"squared norms .* \(3\) count by their sum"),
        ([9, 4, 1, 1], Sphere(1.0), "supcon:views=2", ""),
    ],
)
def test_what_the_value_leaves_open_is_said(sizes, control, loss, free):
    solution = solve_relaxation(sizes, control, loss=loss, features="nonnegative")
    assert re.search(free, solution.left_open)
    assert bool(free) != solution.value_determines_geometry
    assert bool(free) == bool(solution.left_open)


def test_free_entries_are_free():
    problem = UFM([9, 4, 1, 1], Sphere(1.0), features="nonnegative")
    solution = solve_relaxation(problem)
    other = solution.class_gram
    other[2, 3] = other[3, 2] = 0.7
    assert math.isclose(objective(problem, other), solution.value, rel_tol=1e-14)
    proof = prove_gram(problem, Level.CLASSES, CellGram.from_matrix(other))
    assert proof.certificate.proves(1e-13)


def test_a_matrix_with_negative_entries_is_not_optimal():
    """The simplex of real features has a smaller loss, and is not feasible."""
    real = solve_relaxation([9, 4, 2], Sphere(1.0), temperature=0.5)
    problem = dataclasses.replace(real.problem, features="nonnegative")
    optimum = solve_relaxation(problem)
    assert real.value < optimum.value - 0.1
    for level in (Level.ORBITS, Level.CLASSES, Level.SAMPLES):
        gram = screlax.problem.levels.lift_from_orbits(
            problem.points, level, real.orbit_gram.dense().scaled(2)
        )
        certificate = prove_gram(problem, level, gram).certificate
        assert certificate.upper >= optimum.value * (1 - 1e-14)
        assert certificate.lower <= optimum.value * (1 + 1e-14)


def test_an_indefinite_matrix_is_not_optimal():
    problem = UFM([9, 4, 2], Ridge(0.3), features="nonnegative")
    optimum = solve_relaxation(problem)
    indefinite = CellGram.from_matrix(np.array([[1.0, 0, 0], [0, 1, 3], [0, 3, 1]]))
    certificate = prove_gram(problem, Level.CLASSES, indefinite).certificate
    assert certificate.primal_min_eigenvalue < 0
    assert certificate.upper >= optimum.value * (1 - 1e-14)
    assert certificate.lower <= optimum.value * (1 + 1e-14)


@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("size", [-1e6, -1.0, 1.0, 1e6, np.nan, np.inf])
def test_forged_multipliers_of_entries_prove_nothing_false(control, size):
    problem = problem_of("supcon", control, "step")
    optimum = solve_relaxation(problem)
    relaxation = build_program(problem, Level.CLASSES)
    gram = CellGram.from_matrix(np.eye(4))
    forged = DualPoint(None, None, np.full((4, 4), size))
    certificate = certify(relaxation, gram, [forged]).certificate
    assert certificate.lower <= optimum.value * (1 + 1e-14)
    assert certificate.upper >= optimum.value * (1 - 1e-14)


def test_negative_multipliers_of_entries_are_no_proof():
    """With Y of any sign the slack of any symmetric matrix could be made diagonal."""
    problem = UFM([9, 4, 2], Sphere(1.0), 0.5, features="nonnegative")
    relaxation = build_program(problem, Level.CLASSES)
    worse = CellGram.from_matrix(2 * np.array([[1.0, 0.9, 0], [0.9, 1, 0], [0, 0, 1]]))
    slope = relaxation.gradient(worse)
    forged = DualPoint(None, None, np.where(np.eye(3), 0.0, slope.pair) - 1e3)
    certificate = certify(relaxation, worse, [forged]).certificate
    assert not certificate.proves(1e-3)


@st.composite
def problems(draw):
    sizes = draw(st.lists(st.integers(1, 300), min_size=2, max_size=6))
    if max(sizes) < 2:
        sizes[0] = 5
    weights = draw(
        st.none() | st.lists(st.floats(0.1, 10), min_size=len(sizes), max_size=len(sizes))
    )
    kind = draw(st.sampled_from([Ridge, Ball, Sphere, Budget]))
    control = kind(10 ** draw(st.floats(-3, 1)))
    loss = draw(st.sampled_from(["supcon", "class-averaged", "prototypes"]))
    chosen = dataclasses.replace(screlax.losses.check_loss(loss), class_weights=weights)
    temperature = 10 ** draw(st.floats(-1, 1))
    return UFM(sizes, control, temperature, loss=chosen, features="nonnegative")


@given(problems(), st.integers(0, 2**32 - 1))
def test_no_nonnegative_embeddings_are_below_the_bound(problem, seed):
    solution = solve_relaxation(problem)
    assert solution.relative_gap <= 1e-12
    generator = np.random.default_rng(seed)
    k = problem.classes
    near = solution.embeddings(k).vectors
    for scale in (0.0, 1e-6, 0.1, 3.0):
        vectors = np.abs(near + scale * generator.standard_normal((k, k)))
        if scale and not isinstance(problem.control, Ridge):
            vectors = allowed(problem, vectors)
        value = objective(problem, vectors @ vectors.T)
        digits = 1e-14 * (problem.anchors * (1 + math.log(problem.points.samples)) + abs(value))
        assert value >= solution.lower - digits


@given(problems(), st.floats(1e-9, 0.5), st.integers(0, 2**32 - 1))
def test_other_norms_are_bounded_truly_and_not_optimal(problem, amount, seed):
    """A certificate of norms that are not the best has bounds around the optimum."""
    solution = solve_relaxation(problem)
    generator = np.random.default_rng(seed)
    factor = np.exp(amount * generator.standard_normal(problem.points.orbits))
    gram = DiagonalGram(solution.orbit_gram.unit_own * factor, solution.orbit_gram.copies)
    certificate = prove_gram(problem, Level.ORBITS, gram).certificate
    assert certificate.lower <= solution.value + 1e-13 * abs(solution.value)
    assert certificate.upper >= solution.lower - 1e-13 * abs(solution.value)


def rewrite(path, *, record=None, **arrays):
    with np.load(path) as stored:
        held = {name: stored[name] for name in stored.files}
    fields = {**json.loads(str(held["record"])), **(record or {})}
    np.savez(path, **{**held, "record": np.array(json.dumps(fields)), **arrays})
    return path


@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("solver", ["auto", "Clarabel"])
def test_files_come_back_and_are_proved_again(control, solver, tmp_path):
    problem = problem_of("weighted", control, "step")
    solution = solve_relaxation(problem, solver=solver, level="orbits", tol=1e-6)
    loaded = Solution.load(solution.save(tmp_path / "a.npz"))
    assert loaded.problem == problem
    assert loaded.problem.features == "nonnegative"
    assert loaded.status == "optimal"
    assert math.isclose(loaded.gap, solution.gap, rel_tol=1e-6)
    assert np.array_equal(loaded.orbit_gram.own, solution.orbit_gram.own)


@pytest.mark.parametrize("control", ["ridge", "ball", "sphere", "budget"])
@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("features", ["real", "nonnegative"])
@pytest.mark.parametrize("solver", ["auto", "Clarabel"])
def test_a_file_read_for_the_other_features_is_refused(
    control, profile, features, solver, tmp_path
):
    problem = dataclasses.replace(problem_of("supcon", control, profile), features=features)
    solution = solve_relaxation(problem, solver=solver, tol=1e-6)
    path = solution.save(tmp_path / "a.npz")
    other = "nonnegative" if features == "real" else "real"
    with pytest.raises(FileFormatError, match="damaged"):
        Solution.load(rewrite(path, record={"features": other}))


def test_forged_norms_are_refused(tmp_path):
    for control, norms in (
        (Sphere(1.0), [2.0, 2.1]),
        (Ball(1.0), [2.0, 2.1]),
        (Budget(1.0), [2.1, 2.1]),
        (Ridge(0.1), [2.0, -0.1]),
        (Ridge(0.1), [2.0, np.nan]),
        (Ridge(0.1), [2.0, 2.0]),
    ):
        solution = solve_relaxation([9, 4], control, temperature=0.5, features="nonnegative")
        path = solution.save(tmp_path / "a.npz")
        with pytest.raises(FileFormatError):
            Solution.load(rewrite(path, unit_norms=np.array(norms)))


def test_methods_for_real_features_refuse_with_the_reason():
    problem = UFM([9, 4], Sphere(1.0), features="nonnegative")
    for solver in ("slack-vector", "burer-monteiro"):
        with pytest.raises(InvalidInputError, match="native"):
            solve_relaxation(problem, solver=solver)
    assert solve_relaxation(problem, solver="native").relative_gap <= 1e-14


def test_features_are_part_of_the_problem():
    problem = UFM([9, 4], Sphere(1.0), features="nonnegative")
    assert problem != UFM([9, 4], Sphere(1.0))
    assert "nonnegative" in repr(problem)
    assert "nonnegative features" in problem.description
    assert (
        UFM.from_labels(["a", "a", "b"], Sphere(1.0), features="nonnegative").features
        == "nonnegative"
    )
    assert UFM.from_pairs([2], [3], Sphere(1.0), features="nonnegative").features == "nonnegative"
    for wrong in ("relu", None, 1):
        with pytest.raises(InvalidInputError, match="'real' or 'nonnegative'"):
            UFM([9, 4], Sphere(1.0), features=wrong)
    with pytest.raises(InvalidInputError, match="already has a features"):
        solve_relaxation(problem, features="real")


@pytest.mark.parametrize("control", [Ridge(1.0), Sphere(1.0), Budget(1.0)], ids=str)
def test_paths_and_fits_are_of_nonnegative_features(control):
    problem = UFM([9, 4, 2], control, 0.5, features="nonnegative")
    path = screlax.regularization_path(problem, points=7)
    assert all(member.relative_gap <= 1e-13 for member in path)
    assert {member.problem.features for member in path} == {"nonnegative"}
    labels = np.repeat([0, 1, 2], [9, 4, 2])
    rows = solve_relaxation(dataclasses.replace(problem, control=control.with_parameter(0.3)))
    fit = screlax.fit_control(
        rows.prototypes()[labels],
        labels,
        control.name,
        temperature=0.5,
        features="nonnegative",
        scale="fixed" if control.name == "ridge" else "free",
    )
    assert fit.solution.problem.features == "nonnegative"
    assert fit.distance <= 1e-4


def test_a_sweep_has_nonnegative_points():
    points = screlax.grid([[9, 4, 2]], sphere=1.0, features=["real", "nonnegative"])
    assert points[0].key() != points[1].key()
    table = screlax.sweep(points)
    assert table["features"] == ["real", "nonnegative"]
    assert table["value"][0] < table["value"][1]


@pytest.mark.parametrize("norms", [[1.0, -1e-9], [-1.0, 2.0], [np.nan, 1.0], [np.inf, 1.0]])
def test_norms_below_zero_or_no_numbers_are_no_optimum(norms):
    problem = UFM([9, 4], Ridge(0.3), features="nonnegative")
    gram = DiagonalGram(np.array(norms), np.ones(2))
    certificate = prove_gram(problem, Level.ORBITS, gram).certificate
    assert certificate.upper == math.inf
    assert not certificate.proves(1e-3)


def test_the_command_line_solves_certifies_and_says_so(capsys, tmp_path):
    counts = tmp_path / "counts.csv"
    counts.write_text("a,9\nb,4\nc,1\nd,1\n")
    saved = str(tmp_path / "a.npz")
    problem = ["--counts", str(counts), "--sphere", "1", "--features", "nonnegative"]
    assert main(["solve", *problem, "--out", saved]) == 0
    text = capsys.readouterr().out
    assert "nonnegative features" in text
    assert "inner products among classes without anchors (2) are free" in text
    assert "the relaxation is tight" in text
    assert main(["certify", saved]) == 0
    assert "nonnegative features" in capsys.readouterr().out
    assert main(["solve", *problem, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["problem"]["features"] == "nonnegative"
    assert record["is_tight"] is True


@pytest.mark.parametrize("norms", [[2.0, 2.0, 2.0], [1.0, 2.0, 3.0], [0.1, 5.0, 0.0]], ids=str)
@pytest.mark.parametrize(
    ("control", "least"),
    [(Ridge(0.1), -math.inf), (Budget(1.0), 20 * math.log(6) + 5 * math.log(21) - 26 / 0.5)],
)
def test_no_norms_prove_too_much_where_rows_have_no_own_weight(control, least, norms):
    """All of a budget is best spent on the anchors, and against a weak ridge the loss falls without
    end; the single sample, which is no anchor, asks nothing of the multipliers.
    """
    problem = UFM([20, 5, 1], control, 0.5, loss="negatives-only", features="nonnegative")
    classes, gram = orthogonal_classes(problem), DiagonalGram(np.array(norms), np.ones(3))
    certificate, _ = prove_orthogonal(problem, classes, gram)
    assert certificate.lower <= least + 1e-9
    assert certificate.upper >= least
