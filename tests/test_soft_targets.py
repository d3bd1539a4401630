"""Soft targets: what T is for each option, which classes it tells apart, and its geometry."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_storage import tamper

from screlax import UFM, Ball, Budget, Ridge, Solution, Sphere, solve_relaxation
from screlax.errors import FileFormatError, InvalidInputError
from screlax.gram.cells import CellGram, Level
from screlax.losses import RowSoftmax, SoftTargets, SupCon
from screlax.problem.losses.registry import check_loss, loss_of_record
from screlax.problem.program import build_program

SIZES = [6, 4, 3, 2]
CONTROLS = [Sphere(1.0), Ball(1.5), Budget(0.8), Ridge(0.2)]
every_control = pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.name)


def stochastic(rng, count, zeros=0.0):
    matrix = rng.random((count, count)) * (rng.random((count, count)) >= zeros)
    matrix += 0.05 * np.eye(count)
    return matrix / matrix.sum(axis=1, keepdims=True)


def targets_of(problem):
    """Return T of a problem, class by class, from the rows of the k×k program."""
    rows = problem.loss.at_level(problem.class_sizes, Level.CLASSES)
    return rows.target.pair + np.diag(rows.target.own - np.diagonal(rows.target.pair))


# ----------------------------------------------------------------- what T is


def test_epsilon_weighs_every_other_sample():
    found = targets_of(UFM(SIZES, Sphere(1.0), loss=SoftTargets(epsilon=0.1)))
    size = np.array(SIZES, dtype=float)
    raw = 0.1 * np.tile(size, (4, 1))
    np.fill_diagonal(raw, size - 1)
    assert found == pytest.approx(raw / raw.sum(axis=1, keepdims=True), rel=1e-14)


def test_smoothing_is_uniform_over_classes():
    found = targets_of(UFM(SIZES, Sphere(1.0), loss=SoftTargets(smoothing=0.2)))
    assert found == pytest.approx(0.8 * np.eye(4) + 0.05, rel=1e-14)


@pytest.mark.parametrize("loss", [SoftTargets(epsilon=0), SoftTargets(smoothing=0)])
@every_control
def test_without_softness_it_is_supcon(loss, control):
    soft = solve_relaxation(UFM([5, 3, 2, 1], control, 0.7, loss=loss))
    hard = solve_relaxation(UFM([5, 3, 2, 1], control, 0.7))
    assert soft.relative_gap <= 1e-9
    assert soft.lower <= hard.upper
    assert hard.lower <= soft.upper
    assert soft.collapses


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20)
def test_value_is_the_definition_in_samples(seed):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(2, 4, 3)
    matrix = stochastic(rng, 3, 0.3)
    label = np.repeat(np.arange(3), sizes)
    vectors = rng.standard_normal((len(label), 4))
    gram = vectors @ vectors.T
    expected = 0.0
    for i, own in enumerate(label):
        others = np.arange(len(label)) != i
        expected += np.log(np.exp(gram[i, others]).sum())
        for other in range(3):
            positives = others & (label == other)
            expected -= matrix[own, other] * gram[i, positives].mean()
    problem = UFM(sizes, Sphere(1.0), loss=SoftTargets(matrix))
    found = build_program(problem, Level.SAMPLES).value(CellGram.from_matrix(gram))
    assert found == pytest.approx(expected, rel=1e-12)


def test_one_sample_alone_is_no_anchor_where_its_class_is_its_target():
    matrix = [[0.9, 0.1, 0.0], [0.5, 0.5, 0.0], [0.0, 1.0, 0.0]]
    anchors = UFM([4, 1, 1], Sphere(1.0), loss=SoftTargets(matrix)).loss.terms(
        UFM([4, 1, 1], Sphere(1.0), loss=SoftTargets(matrix)).class_sizes
    )
    assert sorted(anchors.anchors.tolist()) == [0, 1, 4]  # the last is drawn to another class
    assert UFM([4, 1, 1], Sphere(1.0), loss=SoftTargets(epsilon=0.1)).anchors == 4
    assert UFM([4, 1, 1], Sphere(1.0), loss=SoftTargets(smoothing=0.1)).anchors == 4


# ----------------------------------------------------------------- containers


MATRIX = [[0.8, 0.2, 0.0], [0.1, 0.7, 0.2], [0.25, 0.25, 0.5]]
LABELS = ["ant", "bee", "cat"]


def test_matrices_by_label_are_in_the_order_of_the_classes():
    frame = pd.DataFrame(MATRIX, index=LABELS, columns=LABELS)
    shuffled = frame.loc[["cat", "ant", "bee"], ["bee", "cat", "ant"]]
    nested = {a: {b: MATRIX[i][j] for j, b in enumerate(LABELS)} for i, a in enumerate(LABELS)}
    del nested["ant"]["cat"]  # entries that are not there are zero
    counts = {"cat": 2, "bee": 3, "ant": 5}
    expected = targets_of(UFM([5, 3, 2], Sphere(1.0), loss=SoftTargets(MATRIX)))
    for matrix in (frame, shuffled, nested):
        problem = UFM(counts, Sphere(1.0), loss=SoftTargets(matrix))
        assert problem.class_labels == ("ant", "bee", "cat")
        assert targets_of(problem) == pytest.approx(expected, rel=1e-14)
        assert SoftTargets(matrix) == SoftTargets(frame)
        assert hash(SoftTargets(matrix)) == hash(SoftTargets(frame))
    assert SoftTargets(frame) != SoftTargets(MATRIX)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "need one of matrix, epsilon and smoothing, got none"),
        ({"epsilon": 0.1, "smoothing": 0.1}, "got epsilon and smoothing"),
        ({"epsilon": -0.1}, r"epsilon .*-0.1"),
        ({"epsilon": math.nan}, "epsilon .*nan"),
        ({"smoothing": 1.5}, "smoothing must be at most one, got 1.5"),
        ({"matrix": [[0.5, 0.5], [0.9, 0.2]]}, r"row 1 sums to 1.1"),
        ({"matrix": [[1.5, -0.5], [0, 1]]}, r"nonnegative.*-0.5 at 0, 1"),
        ({"matrix": [[math.nan, 1], [0, 1]]}, "nan at 0, 0"),
        ({"matrix": [[0.5, 0.5]]}, r"square matrix.*\(1, 2\)"),
        ({"matrix": [["a", "b"], ["c", "d"]]}, "square matrix of real numbers"),
        ({"matrix": {"a": {"a": 1}, "b": {"c": 1}}}, "of 'b' have 'c', which has no row"),
        ({"matrix": {"a": [1, 0], "b": [0, 1]}}, "need a mapping for every row"),
        ({"matrix": pd.DataFrame(np.eye(2), index=["a", "b"])}, "same labels"),
        ({"matrix": np.ma.masked_array(np.eye(2), mask=np.eye(2))}, "masked"),
    ],
)
def test_what_is_no_target_is_refused(options, message):
    with pytest.raises(InvalidInputError, match=message):
        SoftTargets(**options)


def test_matrices_of_other_classes_are_refused():
    with pytest.raises(InvalidInputError, match="3 numbers for 4 classes"):
        UFM(SIZES, Sphere(1.0), loss=SoftTargets(MATRIX))
    nested = {"ant": {"ant": 1}, "bee": {"bee": 1}}
    with pytest.raises(InvalidInputError, match="no number for label 'cat'"):
        UFM({"ant": 3, "cat": 2}, Sphere(1.0), loss=SoftTargets(nested))
    with pytest.raises(InvalidInputError, match="one number for each pair of classes"):
        UFM.from_pairs([5, 3], [2, 1], Sphere(1.0), loss=SoftTargets(MATRIX))


def test_rows_of_single_precision_are_divided_by_their_sum():
    rng = np.random.default_rng(0)
    matrix = stochastic(rng, 50).astype(np.float32)
    given = SoftTargets(matrix).matrix.numbers
    assert given.sum(axis=1) == pytest.approx(np.ones(50), abs=4e-16)


# ----------------------------------------------------------------- orbits


def test_classes_share_an_orbit_only_if_exchanging_them_changes_nothing():
    blocks = np.full((4, 4), 0.1)
    blocks[0, 1] = blocks[1, 0] = blocks[2, 3] = blocks[3, 2] = 0.2
    blocks += np.diag(1 - blocks.sum(axis=1))
    problem = UFM([5, 5, 5, 5], Sphere(1.0), loss=SoftTargets(blocks))
    assert problem.class_sizes.multiplicities.tolist() == [2, 2]
    circle = 0.7 * np.eye(4) + 0.2 * np.roll(np.eye(4), 1, axis=1) + 0.1 * np.roll(np.eye(4), 3, 1)
    assert UFM([5] * 4, Sphere(1.0), loss=SoftTargets(circle)).class_sizes.orbits == 4
    same = 0.7 * np.eye(4) + 0.075
    assert UFM([5] * 4, Sphere(1.0), loss=SoftTargets(same)).class_sizes.orbits == 1
    weighted = SoftTargets(same, class_weights=[1, 1, 2, 2])
    assert UFM([5] * 4, Sphere(1.0), loss=weighted).class_sizes.orbits == 2


@every_control
def test_twins_have_the_value_of_their_classes_one_by_one(control):
    """An orbit of two classes against the same problem with the classes told apart by a hair."""
    twins = np.array([[0.7, 0.2, 0.1], [0.2, 0.7, 0.1], [0.15, 0.15, 0.7]])
    apart = twins.copy()
    apart[0] += [1e-13, -1e-13, 0]
    merged = solve_relaxation(UFM([3, 3, 2], control, 0.6, loss=SoftTargets(twins)))
    split = solve_relaxation(UFM([3, 3, 2], control, 0.6, loss=SoftTargets(apart)))
    assert merged.problem.class_sizes.orbits == 2
    assert split.problem.class_sizes.orbits == 3
    assert merged.value == pytest.approx(split.value, rel=1e-10)


@given(st.integers(0, 2**32 - 1), st.permutations(range(4)))
@settings(max_examples=10)
def test_the_order_of_classes_does_not_matter(seed, order):
    matrix, sizes = stochastic(np.random.default_rng(seed), 4), np.array(SIZES)
    order = np.array(order)
    first = UFM(sizes, Sphere(1.0), loss=SoftTargets(matrix))
    second = UFM(sizes[order], Sphere(1.0), loss=SoftTargets(matrix[np.ix_(order, order)]))
    assert targets_of(second) == pytest.approx(targets_of(first)[np.ix_(order, order)], rel=1e-14)
    assert first.zero_threshold() == pytest.approx(second.zero_threshold(), rel=1e-12)


# ----------------------------------------------------------------- geometry


@pytest.mark.parametrize(("epsilon", "temperature"), [(0.1, 0.5), (0.3, 0.2), (0.05, 0.2)])
def test_cosines_on_the_sphere_are_one_plus_tau_log_epsilon(epsilon, temperature):
    cosine = 1 + temperature * math.log(epsilon)
    problem = UFM([50, 10, 5, 2], Sphere(1.0), temperature, loss=SoftTargets(epsilon=epsilon))
    assert cosine >= -1 / 3
    solution = solve_relaxation(problem)
    expected = cosine + (1 - cosine) * np.eye(4)
    assert solution.collapses
    assert solution.class_gram == pytest.approx(expected, abs=1e-7)
    # the targets are met: at sample level the optimum is one of many
    assert not solution.value_determines_geometry
    assert solution.value == pytest.approx(problem.infimum, rel=1e-13)


def test_cosines_beyond_the_simplex_are_not_reached():
    problem = UFM([50, 10, 5, 2], Sphere(1.0), 0.5, loss=SoftTargets(epsilon=0.001))
    solution = solve_relaxation(problem)
    assert 1 + 0.5 * math.log(0.001) < -1 / 3
    assert solution.relative_gap <= 1e-9
    assert solution.value > problem.infimum * 1.01
    assert solution.value_determines_geometry


@every_control
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=5)
def test_random_targets_are_certified_and_rechecked_by_samples(control, seed):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 5, 4)
    sizes[0] = 3
    problem = UFM(sizes, control, 0.6, loss=SoftTargets(stochastic(rng, 4, 0.4)))
    solution = solve_relaxation(problem)
    assert solution.relative_gap <= 1e-9
    samples = solution.recheck(level="samples")
    assert samples.proves(1e-9)
    assert samples.upper == pytest.approx(solution.value, rel=1e-9)


def test_zero_is_optimal_from_its_threshold_on():
    rng = np.random.default_rng(3)
    loss = SoftTargets(stochastic(rng, 4))
    edge = UFM(SIZES, Ridge(1.0), loss=loss).zero_threshold()
    above = solve_relaxation(UFM(SIZES, Ridge(edge * 1.001), loss=loss))
    below = solve_relaxation(UFM(SIZES, Ridge(edge * 0.98), loss=loss))
    assert not above.class_gram.any()
    assert above.relative_gap <= 1e-9
    assert below.class_gram.any() or not below.collapses
    assert below.relative_gap <= 1e-9


# ----------------------------------------------------------------- targets of RowSoftmax


def test_row_softmax_with_targets_is_the_family():
    size = np.array(SIZES, dtype=float)
    matrix = stochastic(np.random.default_rng(5), 4)
    soft = UFM(SIZES, Sphere(1.0), 0.7, loss=SoftTargets(matrix))
    rows = UFM(SIZES, Sphere(1.0), 0.7, loss=RowSoftmax(size, size - 1, size, matrix))
    for level in (Level.CLASSES, Level.INSTANCES, Level.SAMPLES):
        ours, theirs = (build_program(p, level).loss for p in (soft, rows))
        assert np.array_equal(ours.weight.pair, theirs.weight.pair)
        assert np.array_equal(ours.target.pair, theirs.target.pair)
        assert np.array_equal(ours.anchors, theirs.anchors)
    own = RowSoftmax(size, size - 1, size)
    assert own.collapses
    assert not RowSoftmax(size, size - 1, size, np.eye(4)).collapses


@pytest.mark.parametrize("control", [Sphere(1.0), Budget(1.0)], ids=lambda control: control.name)
@pytest.mark.filterwarnings("ignore::screlax.errors.InaccurateWarning")
def test_targets_without_weight_are_never_wrongly_optimal(control):
    """Support of T beyond that of the weights: no infimum, and no repair by mixing with T."""
    matrix = [[0.6, 0.4, 0.0], [0.3, 0.5, 0.2], [0.2, 0.0, 0.8]]
    loss = RowSoftmax(1.0, [1.0, 0.0, 1.0], [1.0, 0.0, 2.0], matrix)
    problem = UFM([3, 2, 2], control, 0.5, loss=loss)
    assert problem.infimum == -math.inf
    native = solve_relaxation(problem)
    conic = solve_relaxation(problem, solver="Clarabel", level="samples")
    assert native.relative_gap <= 1e-9
    assert native.lower <= conic.upper
    assert conic.lower <= native.upper


def test_a_ridge_that_may_not_bound_targets_without_weight_is_refused():
    matrix = [[0.6, 0.4], [0.3, 0.7]]
    loss = RowSoftmax(10.0, [1.0, 0.0], [1.0, 1.0], matrix)
    problem = UFM([3, 3], Ridge(0.1), loss=loss)
    with pytest.raises(InvalidInputError, match=r"may fall without end.*is known to have"):
        solve_relaxation(problem)
    least = problem.bounded_threshold()
    assert solve_relaxation(UFM([3, 3], Ridge(1.01 * least), loss=loss)).relative_gap <= 1e-9
    assert UFM(SIZES, Ridge(1e-3), loss=SoftTargets(epsilon=0.1)).bounded_threshold() == 0


# ----------------------------------------------------------------- text and files


@pytest.mark.parametrize(
    "loss",
    [
        SoftTargets(epsilon=0.1),
        SoftTargets(smoothing=0.25),
        SoftTargets(MATRIX),
        SoftTargets({a: {a: 1.0} for a in LABELS}),
        SoftTargets(MATRIX, class_weights=[1.0, 2.0, 3.0]),
    ],
    ids=str,
)
def test_text_says_the_loss_in_full(loss):
    assert check_loss(loss.text) == loss


def test_a_resolved_loss_comes_back_from_its_record():
    problem = UFM([5, 3, 3], Sphere(1.0), loss=SoftTargets(MATRIX, class_weights=[1, 2, 2]))
    record = json.loads(json.dumps(problem.loss.record()))
    assert loss_of_record(record) == problem.loss
    assert UFM(problem.class_sizes, Sphere(1.0), loss=problem.loss) == problem
    with pytest.raises(InvalidInputError, match="are of another problem"):
        UFM([5, 4], Sphere(1.0), loss=problem.loss)


def test_solutions_with_matrices_are_stored(tmp_path):
    solution = solve_relaxation(UFM([4, 3, 2], Sphere(1.0), 0.3, loss=SoftTargets(MATRIX)))
    loaded = Solution.load(solution.save(tmp_path / "x.npz"))
    assert loaded.problem == solution.problem
    assert loaded.collapses == solution.collapses
    assert loaded.value == pytest.approx(solution.value, rel=1e-14)
    assert np.array_equal(loaded.class_gram, solution.class_gram)


@pytest.mark.parametrize(
    "forge",
    [
        lambda matrix: matrix["own"].__setitem__(0, 0.5),
        lambda matrix: matrix["each"][0].__setitem__(1, -0.1),
        lambda matrix: matrix["each"].pop(),
        lambda matrix: matrix.pop("own"),
    ],
    ids=["rows that do not sum to one", "negative", "not square", "half of it"],
)
def test_forged_matrices_are_refused(tmp_path, forge):
    solution = solve_relaxation(UFM([4, 3, 2], Sphere(1.0), 0.3, loss=SoftTargets(MATRIX)))
    record = solution.problem.loss.record()
    forge(record["matrix"])
    path = tamper(solution.save(tmp_path / "x.npz"), record={"loss": record})
    with pytest.raises(FileFormatError):
        Solution.load(path)


def test_a_matrix_of_other_targets_proves_nothing_of_the_claim(tmp_path):
    solution = solve_relaxation(UFM([4, 3, 2], Sphere(1.0), 0.3, loss=SoftTargets(MATRIX)))
    record = solution.problem.loss.record()
    record["matrix"]["own"] = [1.0, 1.0, 1.0]
    record["matrix"]["each"] = np.zeros((3, 3)).tolist()
    path = tamper(solution.save(tmp_path / "x.npz"), record={"loss": record})
    with pytest.raises(FileFormatError):
        Solution.load(path)


def test_a_solution_names_its_loss():
    solution = solve_relaxation(UFM(SIZES, Sphere(1.0), loss=SoftTargets(epsilon=0.25)))
    assert "soft-targets:epsilon=0.25" in repr(solution)
    assert isinstance(SoftTargets(epsilon=0.1).own_class(), SupCon)
