"""Other losses in mini-batches, and the mean over anchors: against all batches there are."""

import functools
import math

import numpy as np
import pytest
from test_expected_batches import SAMPLERS, SIZES, batches_of, gram_of

from screlax import (
    UFM,
    Ball,
    Budget,
    Ridge,
    Solution,
    Sphere,
    batch_floor,
    contrastive_loss,
    solve_relaxation,
)
from screlax.batches import ClassBatches, PoissonBatches, RandomBatches, WeightedBatches
from screlax.cli import main
from screlax.errors import InvalidInputError
from screlax.gram.cells import CellGram, Level
from screlax.losses import (
    ClassAveraged,
    NegativesOnly,
    Prototypes,
    Queue,
    RowSoftmax,
    SupCon,
)
from screlax.problem.program import build_program

KEYS = [2, 0, 1]
WEIGHTS = [1.0, 0.5, 3.0]
LOSSES = {
    "supcon": SupCon(),
    "supcon views": SupCon(views=2),
    "negatives": NegativesOnly(),
    "negatives views": NegativesOnly(views=2),
    "negatives weighted": NegativesOnly(class_weights=WEIGHTS),
    "averaged": ClassAveraged(),
    "averaged classes": ClassAveraged(anchors="classes"),
    "averaged weighted": ClassAveraged(class_weights=WEIGHTS),
    "queue": Queue(3),
    "queue of some": Queue(KEYS),
    "queue weighted": Queue(KEYS, class_weights=WEIGHTS),
    "prototypes": Prototypes(KEYS, loss_terms=False),
}


def keys_of(loss):
    """Return how many keys each class has."""
    given = getattr(loss, "keys_per_class", getattr(loss, "per_class", 0))
    numbers = np.asarray(getattr(given, "numbers", given), dtype=float)
    return np.broadcast_to(numbers, 3).astype(int)


def loss_of_batch(loss, means, chosen):
    """Return the sum over a batch, and its number of anchors, as `contrastive_loss` has them."""
    chosen, views, keys = np.asarray(chosen), loss.view_count, keys_of(loss)
    counts = views * np.bincount(chosen, minlength=3)
    anchored = (counts + keys > 1) & (counts > 0)
    if not anchored.any():
        return 0.0, 0
    rows = means[chosen]
    rows = np.repeat(rows[:, None], views, axis=1) if views > 1 else rows
    weights = getattr(loss, "class_weights", None)
    bare = loss
    if keys.any():
        beside = np.repeat(range(3), keys)
        given = {"keys": means[beside], "key_labels": beside}
        bare = SupCon()
    else:
        given = {}
    if weights is not None:
        there = np.union1d(chosen, np.repeat(range(3), keys)).tolist()
        bare = bare.with_options(class_weights={c: WEIGHTS[c] for c in there})
    total = contrastive_loss(rows, chosen, loss=bare, temperature=1.0, reduction="sum", **given)
    return float(total), int(counts[anchored].sum())


@functools.cache
def known_loss(name, chosen):
    """Return the same of samples in class order, at what most samplers draw many times."""
    values, vectors = np.linalg.eigh(gram_of(len(name), scale=0.7))
    return loss_of_batch(LOSSES[name], vectors * np.sqrt(np.maximum(values, 0)), chosen)


def expected(name, sampler):
    """Return n × the mean over all batches, of the sum over its size, or over its anchors."""
    terms = []
    for chosen, share, size in batches_of(sampler):
        total, anchors = known_loss(name, tuple(sorted(map(int, chosen))))
        if sampler.mean_over == "anchors":
            size = max(anchors, 1) / LOSSES[name].view_count
        terms.append(9 * share * total / size)
    return math.fsum(terms)


@pytest.mark.parametrize("mean_over", ["all", "anchors"])
@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("sampler", SAMPLERS, ids=str)
def test_expectation_is_that_over_all_batches(sampler, name, mean_over):
    loss, gram = LOSSES[name], gram_of(len(name), scale=0.7)
    sampler = type(sampler)(**{**vars(sampler), "mean_over": mean_over})
    if mean_over == "anchors" and (loss.class_weights is not None or "classes" in name):
        with pytest.raises(InvalidInputError, match="mean_over"):
            UFM(SIZES, Sphere(1.0), loss=loss, batches=sampler)
        return
    wanted = expected(name, sampler)
    try:
        problem = UFM(SIZES, Sphere(1.0), loss=loss, batches=sampler)
    except InvalidInputError as error:
        assert "positive partner" in str(error)  # noqa: PT017
        assert wanted == 0
        return
    found = build_program(problem, Level.CLASSES).loss.value(CellGram.from_matrix(gram))
    assert found == pytest.approx(wanted, rel=1e-12, abs=1e-12)


EVERY = [name for name in LOSSES if name != "supcon views"]
OVER_ANCHORS = ["supcon", "negatives", "averaged", "queue of some"]
CASES = [(name, "all") for name in EVERY] + [(name, "anchors") for name in OVER_ANCHORS]
CASES.remove(("supcon", "all"))
DRAWN = [
    RandomBatches(4),
    WeightedBatches(5, [0.5, 0.2, 0.3]),
    PoissonBatches(0.3),
    ClassBatches(2, 3, small_classes="cap"),
]


def per(sampler, mean_over):
    return type(sampler)(**{**vars(sampler), "mean_over": mean_over})


@pytest.mark.parametrize(("name", "mean_over"), CASES)
@pytest.mark.parametrize("sampler", DRAWN, ids=str)
def test_gradient_and_curvature_by_taylor_slopes(sampler, name, mean_over):
    problem = UFM(SIZES, Sphere(1.0), loss=LOSSES[name], batches=per(sampler, mean_over))
    loss, gram, step = build_program(problem, Level.CLASSES).loss, gram_of(1, scale=0.7), gram_of(2)
    step = (step - gram_of(3)) / 3
    at = loss.expand(CellGram.from_matrix(gram))
    direction = CellGram.from_matrix(step)

    def along(slope):
        return float(slope.own @ direction.own + (slope.pair * direction.pair).sum())

    def value(length):
        return loss.value(CellGram.from_matrix(gram + length * step))

    slope, bend = along(loss.gradient(at)), along(loss.curvature(at, direction))
    assert bend >= -1e-10
    first, second = [], []
    for h in (0.02, 0.01):
        first.append((value(h) - value(-h)) / (2 * h))
        second.append((value(h) - 2 * value(0) + value(-h)) / h**2)
    size = 1 + abs(first[0]) + abs(second[0])
    assert slope == pytest.approx((4 * first[1] - first[0]) / 3, abs=1e-7 * size)
    assert bend == pytest.approx((4 * second[1] - second[0]) / 3, abs=1e-6 * size)
    small = CellGram.from_matrix(0.01 * step)
    assert loss.change(at, small) == pytest.approx(value(0.01) - value(0), rel=1e-8, abs=1e-12)


@pytest.mark.parametrize(("name", "mean_over"), CASES)
@pytest.mark.parametrize("control", [Sphere(1.0), Budget(1.0)], ids=lambda c: c.name)
def test_optimum_is_certified(name, mean_over, control):
    batches = RandomBatches(4, mean_over=mean_over)
    problem = UFM(SIZES, control, 0.5, loss=LOSSES[name], batches=batches)
    solution = solve_relaxation(problem)
    assert solution.status == "optimal"
    loss = build_program(problem, Level.CLASSES).loss
    generator = np.random.default_rng(0)
    for _ in range(5):
        rows = generator.standard_normal((3, 4))
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        gram = CellGram.from_matrix(rows @ rows.T / 0.5)
        assert loss.value(gram) >= solution.lower


@pytest.mark.parametrize("name", [n for n in EVERY if n not in ("supcon", "averaged classes")])
@pytest.mark.parametrize("control", [Ball(1.5), Sphere(1.0)], ids=lambda c: c.name)
def test_a_batch_of_everything_is_the_loss_of_all_samples(name, control):
    whole = solve_relaxation(UFM([6, 4, 3, 3], control, 0.5, loss=of_four(name)))
    batches = RandomBatches(16)
    batch = solve_relaxation(UFM([6, 4, 3, 3], control, 0.5, loss=of_four(name), batches=batches))
    assert batch.status == "optimal"
    assert batch.value == pytest.approx(whole.value, rel=1e-10, abs=1e-10)


def of_four(name):
    """Return a loss with one more number where it has one for each class."""
    loss = LOSSES[name]
    longer = {
        option: [*np.asarray(getattr(loss, option).numbers), 2.0]
        for option in loss.per_class_options
        if hasattr(getattr(loss, option), "numbers")
    }
    return loss.with_options(**longer)


@pytest.mark.parametrize(("name", "mean_over"), CASES)
@pytest.mark.parametrize("sampler", ["shuffle:size=16", "weighted:size=16", "poisson:rate=0.1"])
def test_drawn_batches_agree_with_the_floor(name, mean_over, sampler):
    loss = LOSSES[name]
    if "weighted" in name:
        loss = loss.with_options(class_weights=None)
    sizes = [90, 50, 20]
    batches = f"{sampler},mean_over={mean_over}"
    solution = solve_relaxation(UFM(sizes, Sphere(1.0), 0.3, loss=loss, batches=batches))
    assert solution.status == "optimal"
    floor = batch_floor(solution, draws=4000)
    if "poisson" in sampler and mean_over == "all":  # a ratio of sums, not a mean of ratios
        return
    assert abs(floor.mean - floor.optimum) < 4 * floor.scatter / 4000**0.5
    assert ("anchor present" in str(floor)) == (mean_over == "anchors")


@pytest.mark.parametrize(
    ("sampler", "views"),
    [(RandomBatches(6), 2), (WeightedBatches(6), 2), (ClassBatches(3, 2), 1)],
    ids=str,
)
def test_both_means_are_one_where_every_embedding_is_an_anchor(sampler, views):
    loss = SupCon(views=views)
    one, other = (
        solve_relaxation(UFM([9, 6, 2], Sphere(1.0), 0.5, loss=loss, batches=per(sampler, mean)))
        for mean in ("all", "anchors")
    )
    assert one.value == pytest.approx(other.value, rel=1e-12)


def test_the_mean_over_anchors_of_large_batches_is_exact():
    sizes, gram = [400, 150, 50], gram_of(4, scale=0.5)
    values, vectors = np.linalg.eigh(gram)
    means, label = vectors * np.sqrt(values), np.repeat(range(3), sizes)
    batches = RandomBatches(300, drop_last=True, mean_over="anchors")
    problem = UFM(sizes, Sphere(1.0), loss=SupCon(), batches=batches)
    found = build_program(problem, Level.CLASSES).loss.value(CellGram.from_matrix(gram))
    generator, drawn = np.random.default_rng(0), []
    for _ in range(300):
        chosen = generator.permutation(600)[:300]
        drawn.append(600 * contrastive_loss(means[label[chosen]], label[chosen], temperature=1.0))
    error = np.std(drawn) / len(drawn) ** 0.5
    assert abs(np.mean(drawn) - found) < 4 * error
    assert error < 1e-3 * found


def test_what_has_no_expectation_is_refused_with_the_reason():
    def refused(loss, why, batches="shuffle:size=4"):
        with pytest.raises(InvalidInputError, match=why):
            UFM(SIZES, Sphere(1.0), loss=loss, batches=batches)

    refused("soft-targets:epsilon=0.1", "need not coincide")
    refused("instance-mix:alpha=0.1", "need not coincide")
    refused("self-supervised", r"UFM\.from_pairs\(\[1\], \[n\]")
    refused(Prototypes(2), "anchors of every batch")
    refused(Prototypes(2, tied=False, loss_terms=False), "need not coincide")
    refused(RowSoftmax([4, 3, 2], [3, 2, 1], [4, 3, 2]), "has not been derived")
    refused(SupCon(), "mean_over must be", "shuffle:size=4,mean_over=batch")
    with pytest.raises(InvalidInputError, match="known to have a minimum"):
        solve_relaxation(UFM(SIZES, Ridge(0.5), loss=NegativesOnly(), batches="shuffle:size=4"))


def test_every_sample_as_a_class_is_how_to_pose_self_supervision_in_batches():
    pairs = UFM.from_pairs(
        [1], [10], Sphere(1.0), 0.5, loss=SupCon(views=2), batches="shuffle:size=5"
    )
    solution = solve_relaxation(pairs)
    assert solution.status == "optimal"
    row = np.log(1 + 2 * 4 * np.exp(-(10 / 9) / 0.5))
    assert solution.value == pytest.approx(20 * row, rel=1e-10)


def test_solutions_are_proved_again_from_their_file(tmp_path):
    for name, mean_over in [
        ("negatives", "all"),
        ("averaged", "anchors"),
        ("queue of some", "all"),
    ]:
        batches = RandomBatches(4, mean_over=mean_over)
        problem = UFM(SIZES, Sphere(1.0), 0.5, loss=LOSSES[name], batches=batches)
        solution = solve_relaxation(problem)
        loaded = Solution.load(solution.save(tmp_path / "one.npz"))
        assert loaded.problem == problem
        assert loaded.value == solution.value
        assert (",mean_over=anchors" in str(problem.loss) or "=anchors," in str(problem.loss)) == (
            mean_over == "anchors"
        )


def test_the_command_line_takes_the_mean_over_anchors(capsys, tmp_path):
    (tmp_path / "counts.csv").write_text("9\n5\n3\n")
    given = ["--counts", str(tmp_path / "counts.csv"), "--sphere", "1", "--batch-size", "6"]
    given += ["--sampler", "shuffle:mean_over=anchors", "--temperature", "0.5"]
    for loss in ("supcon", "negatives-only", "class-averaged", "queue:keys_per_class=4"):
        assert main(["solve", *given, "--loss", loss]) == 0
        assert "mean_over=anchors" in capsys.readouterr().out
        assert main(["floor", *given, "--loss", loss]) == 0
        assert "per anchor present" in capsys.readouterr().out


@pytest.mark.parametrize("control", [Ball(1.0), Budget(1.0), Ridge(0.1)], ids=lambda c: c.name)
def test_a_batch_whose_only_positives_are_keys(control):
    batches = ClassBatches(2, 1)
    solution = solve_relaxation(
        UFM([4, 2, 1], control, 0.5, loss=Queue([1, 2, 0]), batches=batches)
    )
    assert solution.status == "optimal"


@pytest.mark.parametrize("sampler", ["weighted:size=2", "shuffle:size=2"])
@pytest.mark.parametrize("mean_over", ["all", "anchors"])
def test_a_batch_that_a_positive_fills_has_no_loss_at_all(sampler, mean_over):
    batches = f"{sampler},mean_over={mean_over}"
    problem = UFM([4, 2, 1], Sphere(1.0), 0.5, loss=ClassAveraged(), batches=batches)
    solution = solve_relaxation(problem)
    assert (solution.lower, solution.upper) == (0, 0)


def test_curvature_of_far_negatives_overflows_nowhere():
    batches = WeightedBatches(3, [0.1, 0.2, 0.3])
    problem = UFM(SIZES, Ball(1.0), loss=NegativesOnly(), batches=batches)
    loss = build_program(problem, Level.CLASSES).loss
    places = np.array([0.0, -300.0, -600.0])
    gram = np.minimum.outer(places, places)
    np.fill_diagonal(gram, 0.0)
    at = loss.expand(CellGram.from_matrix(gram))
    bend = loss.curvature(at, CellGram.from_matrix(np.ones((3, 3)) - np.eye(3)))
    assert np.isfinite(bend.own).all()
    assert np.isfinite(bend.pair).all()


def test_curvature_where_an_anchor_meets_nothing_but_one_class():
    sizes = [5, 6, 7, 6, 1]
    pairs = ClassBatches(2, 2)  # one other class in a batch: a loss that is linear
    problem = UFM(sizes, Sphere(0.5), loss=NegativesOnly(), batches=pairs)
    loss = build_program(problem, Level.CLASSES).loss
    at = loss.expand(CellGram.from_matrix(gram_of(1, classes=5, scale=0.5)))
    rows = loss.row_curvature(at)
    step = np.random.default_rng(0).standard_normal((5, 5))
    np.fill_diagonal(step, 0.0)
    parts = np.einsum("jgm,gm->jg", rows.factors, step)
    bend = (rows.diagonal * step**2).sum(axis=1) + (rows.signs * parts**2).sum(axis=0)
    assert np.abs(bend).max() < 1e-12
    assert (rows.diagonal >= 0).all()


def test_nothing_is_relative_to_a_value_of_zero():
    problem = UFM([4, 5], Sphere(1.0), 0.5, batches="weighted:size=2")
    with pytest.raises(InvalidInputError, match="value is zero"):
        solve_relaxation(problem).determinacy()


@pytest.mark.parametrize("name", ["supcon", "negatives"])
def test_sums_beyond_double_precision_are_refused(name):
    problem = UFM([2, 3], Sphere(1.0), loss=LOSSES[name], batches="poisson:rate=0.5")
    loss = build_program(problem, Level.CLASSES).loss
    for far in (-705.0, 705.0):
        gram = CellGram.from_matrix(np.array([[0.0, far], [far, 0.0]]))
        if name == "supcon" and far < 0:
            assert np.isfinite(loss.value(gram))
            continue
        with pytest.raises(InvalidInputError, match="about 700"):
            loss.value(gram)


def test_curvature_is_finite_where_softmax_is_rounding_alone():
    loss = Prototypes([0, 0, 2], loss_terms=False)
    batches = RandomBatches(2)
    problem = UFM([4, 3, 1], Ball(0.0539), 0.00634, loss=loss, batches=batches)
    solution = solve_relaxation(problem)
    program = build_program(problem, Level.ORBITS)
    at = program.loss.expand(solution.point_gram.dense().scaled(1 / problem.temperature))
    rows = program.loss.row_curvature(at)
    assert (rows.diagonal >= 0).all()
    assert np.isfinite(rows.factors).all()
