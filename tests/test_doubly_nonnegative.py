"""Nonnegative features where the targets are not the own class: doubly nonnegative programs."""

import dataclasses
import json
import math

import numpy as np
import pytest
from scipy import optimize
from toy_extension import SoftMargin

import screlax
from screlax import UFM, Ball, Budget, Ridge, Solution, Sphere, losses, solve_relaxation
from screlax.analysis.nonnegative import _polished, nonnegative_factor
from screlax.errors import FileFormatError, InvalidInputError
from screlax.gram.cells import CellGram, Level
from screlax.losses import InstanceMix, Prototypes, SelfSupervised, SoftTargets
from screlax.problem.program import build_program
from screlax.proof.dense import certify
from screlax.proof.dual import DualPoint
from screlax.solve.entry_penalty import EntryPenalty
from screlax.solve.nonnegative import solve_nonnegative

CONTROLS = {
    "ridge": (Ridge(0.1), 0.5),
    "ball": (Ball(1.5), 0.8),
    "sphere": (Sphere(1.0), 0.5),
    "budget": (Budget(0.8), 0.5),
}
LOSSES = {
    "nearly-hard": SoftTargets(epsilon=0.01),
    "soft": SoftTargets(epsilon=0.8),
    "cycle": SoftTargets(
        matrix=[
            [0.6, 0.4, 0.0, 0.0, 0.0],
            [0.0, 0.6, 0.4, 0.0, 0.0],
            [0.0, 0.0, 0.6, 0.4, 0.0],
            [0.0, 0.0, 0.0, 0.6, 0.4],
            [0.4, 0.0, 0.0, 0.0, 0.6],
        ]
    ),
    "margin": SoftMargin(),
}
SIZES = (6, 4, 3, 3, 2)


def problem_of(loss, control):
    bound, temperature = CONTROLS[control]
    return UFM(SIZES, bound, temperature, loss=LOSSES[loss], features="nonnegative")


ALL = pytest.mark.parametrize("loss", LOSSES), pytest.mark.parametrize("control", CONTROLS)


def every(test):
    for mark in ALL:
        test = mark(test)
    return test


@pytest.fixture(scope="module")
def solved():
    found = {}

    def solve(loss, control):
        if (loss, control) not in found:
            found[loss, control] = solve_relaxation(problem_of(loss, control))
        return found[loss, control]

    return solve


@every
def test_the_native_method_is_certified(loss, control, solved):
    solution = solved(loss, control)
    assert solution.solver == "native"
    assert solution.relative_gap <= 1e-10
    gram = solution.class_gram
    assert gram.min() >= 0
    assert np.linalg.eigvalsh(gram)[0] >= -1e-12 * gram.max()
    assert solution.recheck("classes").relative_gap <= 1e-10


@every
def test_clarabel_finds_the_same_value(loss, control, solved):
    exact = solved(loss, control)
    found = solve_relaxation(exact.problem, solver="Clarabel", level="classes", tol=1e-5)
    assert found.status == "optimal"
    assert abs(found.value - exact.value) <= 1e-6 * exact.value
    assert found.lower <= exact.value
    assert exact.lower <= found.value


@pytest.mark.parametrize("loss", ["nearly-hard", "soft", "margin"])
@pytest.mark.parametrize("control", CONTROLS)
def test_where_it_is_tight_nonnegative_embeddings_have_the_value(loss, control, solved):
    solution = solved(loss, control)
    assert solution.is_tight
    vectors = solution.embeddings().vectors
    assert vectors.min() >= 0
    assert np.allclose(vectors @ vectors.T, solution.class_gram, atol=1e-6)


def test_a_cycle_of_targets_is_not_tight_and_not_called_so(solved):
    """The best of many descents over H ≥ 0 is half a per cent above the proved value."""
    solution = solved("cycle", "ridge")
    problem = solution.problem
    relaxation = build_program(problem, Level.CLASSES)

    def objective(flat):
        rows = flat.reshape(5, -1)
        gram = CellGram.from_matrix(rows @ rows.T)
        slope = relaxation.gradient(gram)
        return relaxation.value(gram), (2 * (slope.pair + np.diag(slope.own)) @ rows).ravel()

    ends = [
        optimize.minimize(
            objective,
            np.random.default_rng(seed).random(50),
            jac=True,
            method="L-BFGS-B",
            bounds=optimize.Bounds(0.0, np.inf),
        ).fun
        for seed in range(6)
    ]
    assert min(ends) > solution.value * (1 + 4e-3)
    assert solution.status == "optimal"  # of the relaxation, a bound for embeddings
    assert not solution.is_tight
    assert solution.tightness_in_words.startswith("no nonnegative ones are known")
    with pytest.raises(InvalidInputError, match="no nonnegative embeddings"):
        solution.embeddings()


@pytest.mark.parametrize("loss", ["cycle", "margin"])
def test_real_features_reach_lower(loss, solved):
    """The bound at zero is in force: without it the optimum is another."""
    for control in CONTROLS:
        real = solve_relaxation(dataclasses.replace(problem_of(loss, control), features="real"))
        assert real.value < solved(loss, control).lower


def test_a_wrong_sign_of_a_multiplier_is_no_proof():
    """At orthogonal classes that want to be closer, Y < 0 would make the dual slack vanish."""
    problem = problem_of("soft", "sphere")
    optimum = solve_relaxation(problem)
    relaxation = build_program(problem, Level.CLASSES)
    frame = CellGram.from_matrix(2 * np.eye(5))
    slope = relaxation.gradient(frame).pair
    assert slope[~np.eye(5, dtype=bool)].max() < 0  # every pair of classes wants to be closer
    forged = DualPoint(None, None, np.where(np.eye(5), 0.0, slope))
    certificate = certify(relaxation, frame, [forged]).certificate
    assert certificate.upper > optimum.value * (1 + 1e-3)
    assert certificate.lower <= optimum.value
    assert not certificate.proves(1e-3)


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
@every
def test_noisy_multipliers_have_true_bounds(loss, control, size, solved):
    solution = solved(loss, control)
    relaxation = build_program(solution.problem, Level.CLASSES)
    generator = np.random.default_rng(0)
    factor = np.abs(generator.standard_normal((5, 5)))
    noise = size * np.abs(generator.standard_normal((5, 5)))
    for gram in (factor @ factor.T, solution.class_gram / solution.problem.temperature):
        forged = DualPoint(None, None, noise)
        certificate = certify(relaxation, CellGram.from_matrix(gram), [forged]).certificate
        assert certificate.lower <= solution.value + 1e-12 * abs(solution.value)
        assert certificate.upper >= solution.lower - 1e-12 * abs(solution.value)


@pytest.mark.parametrize("control", CONTROLS)
def test_files_are_proved_again(control, tmp_path, solved):
    solution = solved("cycle", control)
    path = solution.save(tmp_path / "a.npz")
    loaded = Solution.load(path)
    assert loaded.problem == solution.problem
    assert math.isclose(loaded.value, solution.value, rel_tol=1e-14)
    assert loaded.relative_gap <= 1e-10
    with np.load(path) as stored:
        held = {name: stored[name] for name in stored.files}
    for changed in (-held["pair_upper"], held["pair_upper"] - 0.01, held["pair_upper"] * 1.01):
        np.savez(path, **{**held, "pair_upper": changed})
        with pytest.raises(FileFormatError):
            Solution.load(path)
    record = {**json.loads(str(held["record"])), "features": "real"}
    np.savez(path, **{**held, "record": np.array(json.dumps(record))})
    with pytest.raises(FileFormatError):
        Solution.load(path)


def test_files_keep_multipliers(tmp_path, solved, monkeypatch):
    # wherever other tests took it out
    monkeypatch.setitem(losses.LOSSES, SoftMargin.name, SoftMargin)
    solution = solved("margin", "sphere")
    run = solve_nonnegative(build_program(solution.problem, Level.ORBITS))
    given = dataclasses.replace(solution, orbit_dual=DualPoint(None, None, run.entries))
    path = given.save(tmp_path / "a.npz")
    loaded = Solution.load(path)
    assert np.array_equal(loaded.orbit_dual.entries, run.entries)
    assert loaded.relative_gap <= 1e-10
    with np.load(path) as stored:
        held = {name: stored[name] for name in stored.files}
    entries = held["dual_entries"]
    for changed in (np.full_like(entries, np.nan), entries[1:], entries.astype(int)):
        np.savez(path, **{**held, "dual_entries": changed})
        with pytest.raises(FileFormatError):
            Solution.load(path)
    np.savez(path, **{**held, "dual_entries": -entries})
    assert Solution.load(path).lower <= solution.upper  # the Gram matrix proves itself


@pytest.mark.parametrize("seed", range(3))
def test_a_factor_that_is_near_is_polished_to_rounding(seed):
    rng = np.random.default_rng(seed)
    exact = np.where(rng.random((5, 7)) < 0.5, rng.random((5, 7)) + 0.2, 0.0) + np.eye(5, 7)
    found = _polished(exact * (1 + 1e-3 * rng.standard_normal((5, 7))), exact @ exact.T)
    assert found.min() >= 0
    assert np.abs(found @ found.T - exact @ exact.T).max() <= 1e-14


def test_a_matrix_without_nonnegative_factor_has_no_embeddings():
    """Doubly nonnegative of order five and not completely positive (Berman, Shaked-Monderer)."""
    gram = np.array(
        [
            [1.0, 1.0, 0.0, 0.0, 1.0],
            [1.0, 2.0, 1.0, 0.0, 0.0],
            [0.0, 1.0, 2.0, 1.0, 0.0],
            [0.0, 0.0, 1.0, 1.0, 1.0],
            [1.0, 0.0, 0.0, 1.0, 3.0],
        ]
    )
    assert np.linalg.eigvalsh(gram)[0] > -1e-12
    assert nonnegative_factor(gram, 1e-6) is None
    with pytest.raises(InvalidInputError, match="no nonnegative embeddings"):
        screlax.recover_embeddings(gram, nonnegative=True)


@pytest.mark.parametrize("shape", [(3, 3), (5, 3), (6, 10), (8, 4)])
def test_factors_of_products_are_found(shape):
    for seed in range(3):
        generator = np.random.default_rng(seed)
        rows = generator.random(shape) * (generator.random(shape) < 0.6)
        factor = nonnegative_factor(rows @ rows.T, 1e-9)
        assert factor is not None
        assert factor.min() >= 0
        assert np.allclose(factor @ factor.T, rows @ rows.T, atol=1e-8)


@pytest.mark.parametrize("control", CONTROLS)
def test_nonnegative_embeddings_are_never_below_the_bound(control, solved):
    for loss in LOSSES:
        solution = solved(loss, control)
        relaxation = build_program(solution.problem, Level.CLASSES)
        generator = np.random.default_rng(1)
        for width in (1, 2, 5, 9):
            rows = generator.random((5, width)) * (generator.random((5, width)) < 0.7) + 1e-3
            scale = solution.problem.control.scale((rows**2).sum(axis=1), relaxation.cells)
            rows = rows * scale[:, None]
            gram = CellGram.from_matrix(rows @ rows.T / solution.problem.temperature)
            assert relaxation.value(gram) >= solution.lower


def test_two_methods_that_are_for_real_features_refuse():
    for solver in ("slack-vector", "burer-monteiro", "closed-form"):
        with pytest.raises(InvalidInputError, match=r"nonnegative|real"):
            solve_relaxation(problem_of("soft", "sphere"), solver=solver)


def test_the_augmented_lagrangian_is_the_function_it_says():
    """Value, gradient, curvature and change agree, where its entries are on and off."""
    relaxation = build_program(problem_of("soft", "ridge"), Level.CLASSES)
    generator = np.random.default_rng(0)
    multipliers, stiffness = generator.random((2, 5, 5))
    penalty = EntryPenalty(relaxation.loss, multipliers + multipliers.T, stiffness + stiffness.T)
    for _ in range(20):
        rows, step = generator.standard_normal((2, 5, 5))
        gram = CellGram.from_matrix(3 * rows @ rows.T)
        at, move = penalty.expand(gram), CellGram.from_matrix(1e-2 * (step + step.T))
        moved = CellGram(gram.own + move.own, gram.pair + move.pair)
        change = penalty.change(at, move)
        assert math.isclose(change, penalty.value(moved) - penalty.value(gram), abs_tol=1e-11)
        slope, bend = penalty.gradient(at), penalty.curvature(at, move)
        first = slope.own @ move.own + np.vdot(slope.pair, move.pair)
        second = bend.own @ move.own + np.vdot(bend.pair, move.pair)
        assert abs(change - first) <= second + abs(first) * 1e-2 + 1e-2
        half = penalty.change(at, move.scaled(1e-4))
        assert math.isclose(half, 1e-4 * first + 1e-8 * second / 2, rel_tol=1e-3, abs_tol=1e-9)


@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("loss", [InstanceMix(alpha=0.5), SelfSupervised()], ids=str)
def test_samples_of_a_class_may_be_apart(loss, control, tmp_path):
    """Certified among all samples, tight by a factor, and the same from a file."""
    bound, temperature = CONTROLS[control]
    problem = UFM([3, 2, 2], bound, temperature, loss=loss, features="nonnegative")
    solution = solve_relaxation(problem)
    assert solution.relative_gap <= 1e-10
    assert solution.is_tight
    assert solution.recheck("samples").relative_gap <= 1e-9
    loaded = Solution.load(solution.save(tmp_path / "a.npz"))
    assert math.isclose(loaded.value, solution.value, rel_tol=1e-13)
    found = solve_relaxation(problem, solver="Clarabel", level="samples", tol=1e-5)
    assert abs(found.value - solution.value) <= 1e-6 * abs(solution.value)
    real = solve_relaxation(dataclasses.replace(problem, features="real"))
    assert real.value < solution.lower


@pytest.mark.parametrize("control", CONTROLS)
def test_classes_of_one_size_and_singletons(control):
    """Orbits of several classes, and classes whose norm may be zero."""
    bound, temperature = CONTROLS[control]
    for sizes in ([6, 3, 3, 3], [5, 2, 1, 1], [4, 4, 4]):
        for loss in (SoftTargets(epsilon=0.1), SoftMargin()):
            problem = UFM(sizes, bound, temperature, loss=loss, features="nonnegative")
            solution = solve_relaxation(problem)
            assert solution.relative_gap <= 1e-9
            assert solution.recheck("classes").relative_gap <= 1e-9
            assert solution.is_tight


def test_comparisons_are_with_nonnegative_embeddings(solved):
    solution = solved("soft", "sphere")
    labels = np.repeat(range(5), SIZES)
    rows = np.abs(solution.prototypes(9)[labels])
    found = screlax.compare(rows, labels, solution)
    assert found.gram_distance <= 1e-6
    assert found.loss.relative_gap <= 1e-6
    assert "nonnegative features" in str(found) or "nonnegative features" in found.optimum_of
    with pytest.raises(InvalidInputError, match=r"below zero.*loss='none'"):
        screlax.compare(-rows, labels, solution, loss="samples")
    geometry = screlax.compare(-rows, labels, solution)
    assert geometry.loss is None
    assert geometry.gram_distance <= 1e-6
    cycle = solved("cycle", "ridge")  # has no nonnegative embeddings, and can be compared with
    rows = np.abs(np.random.default_rng(0).standard_normal((18, 4)))
    assert screlax.compare(rows, labels, cycle).loss.gap > 0


def test_descent_refuses_with_the_reason():
    with pytest.raises(InvalidInputError, match="nonnegative"):
        screlax.solve_nonconvex(problem_of("soft", "sphere"), dim=3)


@pytest.mark.parametrize(
    ("sizes", "control", "temperature", "rows"),
    [
        ([8, 9], Ridge(0.04), 1.25, [[0.08, 0.92], [0.89, 0.11]]),  # class means are zero
        ([6, 27], Sphere(0.01), 3.0, [[0.31, 0.69], [0.4, 0.6]]),  # class means coincide
        ([23, 7], Sphere(0.12), 1.6, [[0.63, 0.37], [0.35, 0.65]]),
    ],
)
def test_saddles_of_class_means_are_left(sizes, control, temperature, rows):
    loss = SoftTargets(matrix=rows)
    solution = solve_relaxation(UFM(sizes, control, temperature, loss=loss, features="nonnegative"))
    assert solution.relative_gap <= 1e-10
    assert not solution.collapses


def test_free_prototypes_are_posed_for_classes_too():
    loss = Prototypes([1, 2, 1], tied=False, loss_terms=False)
    problem = UFM([3, 4, 2], Ball(0.6), 0.3, loss=loss, features="nonnegative")
    solution = solve_relaxation(problem, level="classes")
    assert solution.status == "optimal"
    assert solution.value == pytest.approx(solve_relaxation(problem).value, rel=1e-9)


@pytest.mark.parametrize("sizes", [[3, 2, 1], [4, 5, 3]])
def test_instances_that_are_orthogonal_are_proved_again_from_a_file(sizes, tmp_path):
    problem = UFM(sizes, Sphere(1.0), 0.2, loss=SelfSupervised(), features="nonnegative")
    solution = solve_relaxation(problem)
    assert solution.status == "optimal"  # means of three are thirds, which binary does not have
    assert Solution.load(solution.save(tmp_path / "x.npz")).status == "optimal"
