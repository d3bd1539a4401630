"""Forged dual points, tampered files and lost digits: what was once proved and is not true."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from scipy import linalg

from screlax import UFM, Ball, Budget, Ridge, Solution, Sphere, solve_relaxation
from screlax.errors import FileFormatError
from screlax.gram.blocks import gram_blocks
from screlax.gram.cells import CellGram, Level
from screlax.problem.program import build_program
from screlax.proof.certificate import format_gap
from screlax.proof.dense import certify
from screlax.proof.dual import DualPoint
from screlax.proof.prove import prove_gram
from screlax.proof.repair import products_by_cell, repair_primal

FRAME = UFM([50, 20, 5], Sphere(1.0), 0.5)


@pytest.mark.parametrize("level", [Level.CLASSES, Level.ORBITS])
@pytest.mark.parametrize("size", [1e3, 1e9, 3162277660168379.5, 1e18, 1e300])
def test_multipliers_that_repair_cannot_mend_prove_nothing_false(level, size):
    relaxation = build_program(FRAME, level)
    frame = CellGram.from_matrix(2 * np.eye(3))
    softmax = relaxation.loss.expand(frame)
    forged = (
        -products_by_cell(relaxation.loss.gradient(softmax), frame) / frame.own
        - size * relaxation.cells.mass
    )
    certificate = certify(relaxation, frame, [DualPoint(softmax, forged)]).certificate
    assert certificate.lower <= 266.8942971701
    assert certificate.upper >= 276.43


@pytest.mark.parametrize("size", [1e12, 1e300])
def test_rows_and_multipliers_near_overflow_are_no_points(size):
    relaxation = build_program(UFM([5, 2, 1, 1], Budget(252.66)), Level.ORBITS)
    gram = CellGram(np.ones(3), np.eye(3))
    softmax = relaxation.loss.expand(gram)
    huge = DualPoint(softmax, np.full(3, size))
    certificate = certify(relaxation, gram, [huge]).certificate
    assert certificate.infimum <= certificate.lower <= certificate.upper


@pytest.mark.parametrize("level", list(Level))
@pytest.mark.parametrize("sizes", [[2, 2, 2], [2, 2], [4, 4, 4]])
@pytest.mark.parametrize("strength", [1e-10, 8.4e-14, 1e-3])
def test_weak_ridges_claim_no_more_than_the_closed_form(level, sizes, strength):
    problem = UFM(sizes, Ridge(strength))
    optimum = solve_relaxation(problem)  # the closed form
    rng = np.random.default_rng(7)
    relaxation = build_program(problem, level)
    for scale in (0.0, 1e-3, 1.0, 1e3):
        factor = scale * rng.standard_normal((relaxation.size, 2))
        gram = CellGram.from_matrix(factor @ factor.T)
        if level is Level.ORBITS:
            gram = CellGram(gram.own, -gram.pair / (len(sizes) - 1))
        certificate = certify(relaxation, gram).certificate
        assert certificate.lower <= optimum.upper
        assert certificate.upper >= optimum.lower
        assert certificate.infimum <= certificate.lower <= certificate.upper


def test_garbage_at_level_samples_does_not_prove_more_than_a_tiny_loss():
    problem = UFM([2, 1], Ball(29.3))
    optimum = solve_relaxation(problem)
    assert optimum.status == "optimal"
    relaxation, rng = build_program(problem, Level.SAMPLES), np.random.default_rng(0)
    for _ in range(20):
        factor = rng.standard_normal((3, 3))
        certificate = certify(relaxation, CellGram.from_matrix(29.3 * factor @ factor.T))
        assert certificate.certificate.lower <= optimum.upper


@pytest.mark.parametrize("factor", [1 - 1e-6, 0.5, -1.0, 1 + 1e-3])
@pytest.mark.parametrize("level", [Level.CLASSES, Level.ORBITS])
def test_a_single_point_has_one_squared_norm(level, factor):
    problem = UFM([15, 4, 1], Ridge(0.11))
    optimum = solve_relaxation(problem)
    gram = optimum.orbit_gram.dense()
    relaxation = build_program(problem, level)
    proof = certify(relaxation, CellGram(factor * gram.own, gram.pair))
    assert np.array_equal(np.diagonal(proof.gram.pair), proof.gram.own)
    assert proof.certificate.upper >= optimum.lower
    assert proof.certificate.lower <= optimum.upper


@pytest.mark.parametrize("control", [Ridge(0.1), Ball(2.0), Sphere(2.0), Budget(1.0)])
@pytest.mark.parametrize("level", list(Level))
def test_repaired_matrices_stay_as_they_are(control, level):
    problem = UFM([9, 6, 6, 2, 1], control, 0.7)
    relaxation, rng = build_program(problem, level), np.random.default_rng(5)
    for _ in range(10):
        noise = rng.standard_normal((relaxation.size, relaxation.size))
        once = repair_primal(relaxation, CellGram.from_matrix(noise + noise.T)).gram
        again = repair_primal(relaxation, once).gram
        assert np.array_equal(once.own, again.own)
        assert np.array_equal(once.pair, again.pair)


def test_recheck_proves_the_matrix_that_is_returned():
    for control in (Ridge(0.1), Ball(2.0), Sphere(2.0), Budget(1.0)):
        solution = solve_relaxation([9, 6, 6, 2, 1], control=control, temperature=0.7)
        relaxation = build_program(solution.problem, Level.CLASSES)
        gram = CellGram.from_matrix(solution.class_gram).scaled(1 / 0.7)
        assert np.array_equal(repair_primal(relaxation, gram).gram.pair, gram.pair)


@pytest.mark.parametrize("level", list(Level))
@pytest.mark.parametrize("size", [5e-324, 2e-290, 1e-160, 1e150, 1e286])
@pytest.mark.parametrize("control", [Ridge(0.1), Sphere(0.3), Budget(0.2)])
def test_entries_at_the_ends_of_the_range_are_judged_without_warnings(level, size, control):
    problem = UFM([3, 2, 1, 1], control)
    relaxation, rng = build_program(problem, level), np.random.default_rng(2)
    noise = rng.standard_normal((relaxation.size, relaxation.size))
    certificate = certify(relaxation, CellGram.from_matrix(size * (noise + noise.T))).certificate
    assert certificate.infimum <= certificate.lower <= certificate.upper
    assert certificate.lower <= solve_relaxation(problem).upper


# ----------------------------------------------------------------- files


def tampered(solution, tmp_path, **changes):
    path = solution.save(tmp_path / "x.npz")
    with np.load(path) as held:
        arrays = {name: held[name] for name in held.files}
    np.savez(path, **{**arrays, **{name: change(arrays[name]) for name, change in changes.items()}})
    return path


@pytest.mark.parametrize(
    ("control", "changes"),
    [
        (Budget(1.0), {"centre": lambda g: g + 10, "log_normalizer": lambda beta: beta + 20}),
        (Budget(1.0), {"centre": lambda g: g - 1e-4}),
        (Budget(1.0), {"centre": lambda g: g - 1e-10}),
        (Sphere(1.0), {"centre": lambda g: g * 0.999999}),
        (Sphere(1.0), {"log_normalizer": lambda beta: beta[::-1]}),
        (Sphere(1.0), {"unit_own": lambda own: own * 1e6}),
        (Ridge(0.1), {"unit_own": lambda own: own * (1 - 1e-9)}),
        (Ridge(0.1), {"unit_own": lambda own: own[::-1]}),
        (Budget(1.8e-5), {"unit_own": lambda own: np.append(5e-324, own[1:])}),
    ],
)
def test_tampered_slack_vector_files_are_refused(control, changes, tmp_path):
    solution = solve_relaxation([30, 30, 4, 3], control=control, temperature=0.3)
    path = tampered(solution, tmp_path, **changes)
    with pytest.raises(FileFormatError, match=r"not feasible|it claims"):
        Solution.load(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"own": lambda own: own * (1 - 1e-6)}, "do not agree: .* between own"),
        ({"own": lambda own: own * 1e6, "pair_upper": lambda pair: pair * 1e6}, "not feasible"),
        ({"own": np.negative, "pair_upper": np.negative}, "not feasible"),
        ({"own": np.zeros_like, "pair_upper": np.zeros_like}, "not feasible"),
    ],
)
def test_tampered_dense_files_are_refused(changes, message, tmp_path):
    problem = UFM([30, 12, 4, 1], Sphere(1.0), temperature=0.3)
    solution = solve_relaxation(problem, solver="burer-monteiro")
    path = tampered(solution, tmp_path, **changes)
    with pytest.raises(FileFormatError, match=message):
        Solution.load(path)


@pytest.mark.parametrize("sizes", [[30, 12, 4], [30, 12, 4, 1], [1862232315, 106892, 2529, 5]])
def test_a_file_proves_what_its_points_prove_not_what_it_says(sizes, tmp_path):
    solution = solve_relaxation(sizes, Ball(3.9e-5), temperature=0.25)
    proved, record = solution.certificate, None

    def forge(text):
        nonlocal record
        record = json.loads(str(text))
        record["certificate"]["lower"] += proved.rounding
        record["certificate"]["gap"] -= proved.rounding
        record["certificate"]["rounding"] = 0.0
        return np.array(json.dumps(record))

    path = tampered(solution, tmp_path, record=forge)
    assert record["certificate"]["lower"] > proved.lower
    assert Solution.load(path).certificate == solution.recheck() == proved


def test_a_file_of_nearly_another_temperature_proves_what_is_true_of_that(tmp_path):
    solution = solve_relaxation(
        [1862232315, 106892, 2529, 5], Ball(3.9e-5), temperature=0.25, solver="burer-monteiro"
    )

    def cooled(text):
        record = json.loads(str(text))
        return np.array(json.dumps({**record, "temperature": 0.25 * 0.999999}))

    loaded = Solution.load(tampered(solution, tmp_path, record=cooled))
    assert loaded.certificate == loaded.recheck() != solution.certificate


@pytest.mark.parametrize(
    ("problem", "wrong"),
    [
        (UFM([92, 92, 9], Ball(4.57e-5)), lambda centre: centre * (1 + 7.8e-9)),
        (UFM([804] * 4, Ridge(2.179917977896859)), lambda centre: centre - 8.2e-15),
        (UFM([30, 20, 20, 3], Budget(1e-5)), lambda centre: centre + 1e-15),
        (UFM([30, 20, 20, 3], Sphere(1e-5)), lambda centre: centre - 1e-15),
    ],
)
def test_matrices_of_tiny_norms_come_back_feasible_to_rounding_of_their_size(problem, wrong):
    gram = solve_relaxation(problem).orbit_gram
    given = dataclasses.replace(gram, centre=wrong(gram.centre))
    proved = prove_gram(problem, Level.ORBITS, given).gram
    relaxation, size = build_program(problem, Level.ORBITS), np.abs(proved.own).max()
    smallest = linalg.eigvalsh(gram_blocks(relaxation.cells, proved.dense()).shared)[0]
    assert smallest >= -1e-13 * size * problem.samples
    assert problem.control.violation(proved.own, relaxation.cells) <= 1e-13


@pytest.mark.parametrize(
    ("problem", "wrong"),
    [
        (
            UFM.from_pairs([881, 865, 495, 159], [1388, 4291, 110401, 1439178], Sphere(2.3e-4)),
            lambda beta: 150 * beta,
        ),
        (UFM([321, 22, 6, 3], Budget(842.0)), lambda beta: np.full_like(beta, 1e300)),
        (UFM([321, 22, 6, 3], Budget(8.0)), lambda beta: beta + 1e9),
        (UFM([321, 22, 6, 3], Sphere(8.0)), lambda beta: beta + 1e9),
        (UFM.from_pairs([2, 1], [2, 164], Ball(4.610230564503714)), lambda beta: -beta),
    ],
)
def test_normalizers_too_large_to_leave_digits_prove_nothing_false(problem, wrong):
    solution = solve_relaxation(problem)
    gram = solution.orbit_gram
    given = dataclasses.replace(gram, log_normalizer=wrong(gram.log_normalizer))
    proof = prove_gram(problem, Level.ORBITS, given)
    assert proof.certificate.upper >= solution.lower
    assert proof.certificate.lower <= solution.upper
    assert np.abs(proof.gram.own).max() <= 1.001 * problem.samples * problem.control.parameter


# ----------------------------------------------------------------- signs and rounding


def test_gaps_within_rounding_are_printed_as_no_more_than_that():
    assert format_gap(4e-16, 3e-16) == "< 4.2e-16"
    assert format_gap(4e-9, 3e-16) == "4.00e-09"
    assert format_gap(0.0, 0.0) == "0.00e+00"


@pytest.mark.parametrize("radius", [0.01, 1.0, 30.0, 300.0, 826.3])
@pytest.mark.parametrize("sizes", [[2, 1], [2, 2, 2], [9, 4, 2], [50, 3, 1, 1]])
def test_bounds_are_in_order_and_no_gap_is_finer_than_rounding(sizes, radius):
    solution = solve_relaxation(sizes, control=Ball(radius))
    certificate = solution.certificate
    assert certificate.infimum <= certificate.lower <= certificate.upper
    assert certificate.gap >= certificate.rounding > 0
    assert solution.relative_gap <= solution.tol


@pytest.mark.parametrize("form", ["dense", "slack_vector"])
def test_files_of_the_first_version_are_read_and_proved_again(form):
    path = Path(__file__).parent / "data" / f"solution_0_1_{form}.npz"
    solution = Solution.load(path)
    assert solution.certificate.gap >= solution.certificate.rounding > 0
    assert solution.certificate.lower <= solution.certificate.upper
    assert solution.status == "optimal"
