"""Expected losses of mini-batches: against enumeration, closed sums, drawn batches and all data."""

import functools
import itertools
import math

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from problems import distance_of_grams

from screlax import (
    UFM,
    Ball,
    Budget,
    Ridge,
    Solution,
    Sphere,
    batch_floor,
    compare,
    solve_relaxation,
)
from screlax.batches import ClassBatches, PoissonBatches, RandomBatches, WeightedBatches
from screlax.comparison.batch_floor import _BatchRows
from screlax.errors import InvalidInputError
from screlax.gram.cells import CellGram, Level
from screlax.losses import SupCon
from screlax.problem.batches.exponential_sum import exponential_sum
from screlax.problem.losses.registry import check_loss, loss_of_record
from screlax.problem.program import build_program
from screlax.proof.dense import certify

SIZES = [4, 3, 2]
LABELS = np.repeat(range(3), SIZES)
SHARES = np.array([0.5, 0.2, 0.3])
SAMPLERS = [
    RandomBatches(2),
    RandomBatches(3),
    RandomBatches(4, drop_last=True),
    RandomBatches(5),
    RandomBatches(8),
    RandomBatches(9),
    WeightedBatches(3, SHARES),
    WeightedBatches(5),
    PoissonBatches(0.3),
    ClassBatches(2, 2),
    ClassBatches(2, 3, small_classes="cap"),
    ClassBatches(3, 4),
]


def gram_of(seed, classes=3, scale=1.0):
    matrix = np.random.default_rng(seed).standard_normal((classes, classes)) * scale
    return matrix @ matrix.T


def batches_of(sampler):
    """Yield (labels of a batch, its probability, what its sum is divided by) one after another."""
    if isinstance(sampler, RandomBatches):
        steps, rest = divmod(9, sampler.size)
        kinds = [(sampler.size, steps)] + [(rest, 1)] * (rest > 0 and not sampler.drop_last)
        for size, count in kinds:
            share = count / sum(n for _, n in kinds) / math.comb(9, size)
            for chosen in itertools.combinations(LABELS, size):
                yield chosen, share, size
    elif isinstance(sampler, WeightedBatches):
        shares = SHARES if sampler.class_shares != "balanced" else np.full(3, 1 / 3)
        for chosen in itertools.product(range(3), repeat=sampler.size):
            yield chosen, math.prod(shares[list(chosen)]), sampler.size
    elif isinstance(sampler, PoissonBatches):
        q = sampler.rate
        for size in range(1, 10):
            for chosen in itertools.combinations(LABELS, size):
                yield chosen, q**size * (1 - q) ** (9 - size), 9 * q
    else:
        each = [sampler.samples] * 3
        if sampler.small_classes == "cap":
            each = np.minimum(each, SIZES).tolist()
        size = sum(each) * sampler.classes / 3
        for classes in itertools.combinations(range(3), sampler.classes):
            chosen = np.repeat(classes, [each[c] for c in classes])
            yield chosen, 1 / math.comb(3, sampler.classes), size


@functools.cache
def batch_loss(chosen, views):
    """Return the SC loss of a batch, summed over its embeddings, as it is defined."""
    gram = gram_of(views)
    label = np.repeat(chosen, views)
    total = 0.0
    for i, own in enumerate(label):
        others = np.delete(label, i)
        if (others == own).any():
            total += math.log(np.exp(gram[own, others] - gram[own, own]).sum())
    return total


@pytest.mark.parametrize("views", [1, 2, 3])
@pytest.mark.parametrize("sampler", SAMPLERS, ids=str)
def test_expectation_is_that_over_all_batches(sampler, views):
    gram = gram_of(views)
    try:
        problem = UFM(SIZES, Sphere(1.0), loss=SupCon(views=views), batches=sampler)
    except InvalidInputError:
        assert all(batch_loss(tuple(each), views) == 0 for each, _, _ in batches_of(sampler))
        return
    expected = math.fsum(
        9 * share * batch_loss(tuple(chosen), views) / size
        for chosen, share, size in batches_of(sampler)
    )
    found = build_program(problem, Level.CLASSES).loss.value(CellGram.from_matrix(gram))
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(("classes", "size", "batch"), [(4, 5, 6), (10, 50, 64), (3, 500, 700)])
def test_balanced_classes_at_the_simplex_have_the_closed_sum_of_graf(classes, size, batch):
    n, norm = classes * size, 2.0
    with mpmath.workdps(40):
        far = mpmath.exp(-mpmath.mpf(classes) * norm / (classes - 1))
        total = mpmath.mpf(0)
        for positives in range(2, min(size, batch) + 1):
            ways = mpmath.binomial(size, positives) * mpmath.binomial(n - size, batch - positives)
            row = mpmath.log(positives - 1 + (batch - positives) * far)
            total += positives * classes * ways * row
        expected = float(n * total / mpmath.binomial(n, batch) / batch)
    batches = RandomBatches(batch, drop_last=True)
    problem = UFM([size] * classes, Sphere(norm), batches=batches)
    gram = CellGram(np.array([norm]), np.array([[-norm / (classes - 1)]]))
    loss = build_program(problem, Level.ORBITS).loss
    assert loss.value(gram) == pytest.approx(expected, rel=loss.unit)


@pytest.mark.parametrize(
    "control", [Ridge(0.1), Ball(2.0), Sphere(1.0), Budget(1.0)], ids=lambda c: c.name
)
def test_a_batch_of_everything_is_the_loss_of_all_samples(control):
    sizes = [20, 8, 5, 5, 2]
    whole = solve_relaxation(UFM(sizes, control, 0.5))
    batch = solve_relaxation(UFM(sizes, control, 0.5, batches=RandomBatches(40)))
    assert batch.value == pytest.approx(whole.value, rel=1e-10)
    assert batch.mean_value == pytest.approx(whole.mean_value, rel=1e-10)
    assert distance_of_grams(batch.class_gram, whole.class_gram) < 1e-5


@pytest.mark.parametrize("sampler", SAMPLERS[3:], ids=str)
def test_gradient_and_curvature_are_those_of_the_value(sampler):
    problem = UFM(SIZES, Sphere(1.0), loss=SupCon(views=2), batches=sampler)
    loss = build_program(problem, Level.CLASSES).loss
    gram, step = gram_of(5), gram_of(6)
    at, direction = loss.expand(CellGram.from_matrix(gram)), CellGram.from_matrix(step)
    slope, bend = loss.gradient(at), loss.curvature(at, direction)
    first = slope.own @ direction.own + (slope.pair * direction.pair).sum()
    second = bend.own @ direction.own + (bend.pair * direction.pair).sum()
    assert second >= 0
    errors = []
    for length in (1e-2, 5e-3):
        moved = loss.value(CellGram.from_matrix(gram + length * step))
        change = loss.change(at, direction.scaled(length))
        assert change == pytest.approx(moved - loss.value(CellGram.from_matrix(gram)), rel=1e-9)
        errors.append(abs(change - length * first - length**2 / 2 * second))
    assert errors[0] / errors[1] == pytest.approx(8, rel=0.2)


@given(st.integers(0, 10**6), st.sampled_from(SAMPLERS[3:]))
def test_it_is_convex(seed, sampler):
    problem = UFM(SIZES, Sphere(1.0), loss=SupCon(views=2), batches=sampler)
    loss = build_program(problem, Level.CLASSES).loss
    ends = [gram_of([seed, end], scale=2.0) for end in (0, 1)]
    middle = loss.value(CellGram.from_matrix((ends[0] + ends[1]) / 2))
    mean = sum(loss.value(CellGram.from_matrix(end)) for end in ends) / 2
    assert middle <= mean * (1 + 1e-12)


@pytest.mark.parametrize("views", [1, 2])
@pytest.mark.parametrize(
    "sampler",
    [
        RandomBatches(50),
        WeightedBatches(40, [1, 2, 3, 1, 5]),
        ClassBatches(3, 10),
        ClassBatches(5, 10, small_classes="cap"),
        PoissonBatches(0.1),
    ],
    ids=str,
)
def test_single_batches_scatter_about_the_expectation(sampler, views):
    sizes = [300, 100, 40, 12, 4]
    problem = UFM(sizes, Sphere(1.0), 0.3, loss=SupCon(views=views), batches=sampler)
    solution = solve_relaxation(problem)
    found = batch_floor(solution, draws=2000, seed=1)
    assert found.floor == solution.lower / problem.mean_count < found.optimum
    if isinstance(sampler, PoissonBatches | RandomBatches | ClassBatches):
        generator = np.random.default_rng(2)
        assert sampler.draw(problem.class_sizes, generator).sum() > 0
    assert abs(found.mean - found.optimum) < 4 * found.scatter / math.sqrt(2000) + 1e-12
    assert str(problem.loss) in str(found)


@pytest.mark.parametrize(
    "sampler", [PoissonBatches(0.2), ClassBatches(2, 9, small_classes="cap")], ids=str
)
def test_drawn_batches_of_different_sizes_have_the_mean_that_the_floor_is_of(sampler):
    problem = UFM([30, 12, 5], Sphere(1.0), 0.5, batches=sampler)
    floor = batch_floor(solve_relaxation(problem), draws=20000)
    assert abs(floor.mean - floor.optimum) < 4 * floor.scatter / 20000**0.5
    assert "per embedding of a batch of mean size" in str(floor)


@pytest.mark.parametrize("per_anchor", [False, True])
@pytest.mark.parametrize(
    ("loss", "counts"),
    [
        ("supcon", [1, 1, 0]),
        ("negatives-only", [1, 1, 1]),
        ("negatives-only", [3, 0, 0]),
        ("supcon", [2, 0, 0]),
    ],
)
def test_batches_without_anchors_or_without_negatives_have_no_loss(loss, counts, per_anchor):
    sizes = UFM([5, 4, 3], Sphere(1.0), loss=loss).class_sizes
    terms = check_loss(loss).batch_terms(sizes)
    rows = _BatchRows(np.full((3, 3), 0.5) + np.eye(3) / 2, terms, np.zeros(3), per_anchor)
    assert rows.mean(np.array(counts), 2.0) == 0.0


def test_a_floor_holds_for_single_batches_only_where_all_are_alike():
    def floor(sampler):
        problem = UFM([50, 20, 20], Sphere(1.0), batches=sampler)
        return batch_floor(solve_relaxation(problem), draws=50)

    every = floor(ClassBatches(3, 4))
    assert every.holds_for_each
    assert every.smallest >= every.floor - 1e-12
    assert every.scatter < 1e-12
    some = floor(RandomBatches(30, drop_last=True))
    assert not some.holds_for_each
    assert some.smallest < some.floor


@pytest.mark.parametrize(
    ("problem", "message"),
    [
        (UFM([5, 3], Sphere(1.0)), "all samples at once"),
        (UFM([5, 3], Ridge(0.1), batches=RandomBatches(4)), "loss and penalty together"),
        (
            UFM([5, 3], Sphere(1.0), loss=SupCon(class_weights=[1, 2]), batches="shuffle:size=4"),
            "no mean that training would log",
        ),
    ],
)
def test_floors_that_mean_nothing_are_refused(problem, message):
    with pytest.raises(InvalidInputError, match=message):
        batch_floor(solve_relaxation(problem))


def test_drawn_batches_agree_within_their_standard_error():
    sizes, tau, size = np.array([500, 180, 65, 23, 8]), 0.2, 64
    problem = UFM(sizes, Sphere(1.0), tau, batches=RandomBatches(size, drop_last=True))
    gram = solve_relaxation(problem).class_gram / tau
    generator, drawn = np.random.default_rng(0), []
    weights = np.exp(gram - gram.diagonal()[:, None])
    for _ in range(4000):
        counts = generator.multivariate_hypergeometric(sizes, size)
        others = np.tile(counts, (5, 1)) - np.eye(5, dtype=int)
        rows = np.log((others * weights).sum(axis=1), where=counts > 1, out=np.zeros(5))
        drawn.append(sizes.sum() * float(counts @ rows) / size)
    expected = build_program(problem, Level.CLASSES).loss.value(CellGram.from_matrix(gram))
    error = np.std(drawn) / math.sqrt(len(drawn))
    assert abs(np.mean(drawn) - expected) < 3 * error


def test_many_classes_are_interpolated_without_loss(monkeypatch):
    sizes = np.unique(np.geomspace(1000, 5, 60).astype(int))
    problem = UFM(sizes, Sphere(1.0), 0.3, batches=RandomBatches(100, drop_last=True))
    factor = np.random.default_rng(0).standard_normal((len(sizes), 20))
    gram = CellGram.from_matrix(factor @ factor.T / 10)
    loss = build_program(problem, Level.CLASSES).loss
    few = loss.value(gram), loss.gradient(loss.expand(gram)).pair
    monkeypatch.setattr("screlax.problem.batches.columns.MOST", 0)
    every = loss.value(gram), loss.gradient(loss.expand(gram)).pair
    assert few[0] == pytest.approx(every[0], rel=loss.unit)
    np.testing.assert_allclose(few[1], every[1], rtol=0, atol=loss.unit * np.abs(every[1]).max())


@pytest.mark.parametrize("ratio", [1.0, 10.0, 1e6, 1e20])
def test_sums_of_exponentials_are_as_good_as_they_say(ratio):
    rule = exponential_sum(3.0, 3.0 * ratio)
    grid = np.geomspace(3.0, 3.0 * ratio, 1000)
    inverse = np.exp(-np.outer(grid, rule.nodes)) @ rule.weights
    assert np.abs(inverse * grid - 1).max() <= rule.error < 1e-14


@pytest.mark.parametrize(
    ("temperature", "control", "distance"),
    [(0.1, Sphere(1.0), 0.0911), (0.2, Sphere(1.0), 0.0974), (1.0, Ridge(0.01), 0.0784)],
)
def test_optimum_of_batches_is_not_that_of_all_samples(temperature, control, distance):
    sizes = np.round(500 * 100 ** (-np.arange(10) / 9)).astype(int)
    batches = RandomBatches(128, drop_last=True)
    solution = solve_relaxation(UFM(sizes, control, temperature, batches=batches))
    whole = solve_relaxation(UFM(sizes, control, temperature))
    assert solution.solver_message == "slack-vector Newton"
    assert solution.relative_gap <= 1e-10
    assert solution.gap <= 1e-6 * (solution.value - solution.problem.infimum)
    found = distance_of_grams(solution.class_gram, whole.class_gram)
    assert found == pytest.approx(distance, abs=1e-4)


def test_step_sizes_are_as_far_away_as_trained_networks_are():
    sizes = [80] * 5 + [8] * 5
    batches = RandomBatches(64, drop_last=True)
    solution = solve_relaxation(UFM(sizes, Sphere(1.0), 0.2, batches=batches))
    whole = solve_relaxation(UFM(sizes, Sphere(1.0), 0.2))
    found = distance_of_grams(solution.class_gram, whole.class_gram)
    assert found == pytest.approx(0.0871, abs=1e-4)


def test_classes_of_one_sample_have_positives_where_it_is_drawn_twice():
    solution = solve_relaxation(UFM([1, 1, 1], Sphere(1.0), batches=WeightedBatches(4)))
    assert solution.relative_gap <= 1e-9
    np.testing.assert_allclose(solution.class_gram, 1.5 * np.eye(3) - 0.5, atol=1e-5)


def test_singletons_have_positives_where_they_are_drawn_again():
    batches = ClassBatches(2, 3)
    solution = solve_relaxation(UFM([5, 1, 1], Sphere(1.0), batches=batches))
    assert solution.relative_gap <= 1e-9
    np.testing.assert_allclose(solution.class_gram, 1.5 * np.eye(3) - 0.5, atol=1e-5)


@pytest.mark.parametrize(
    "text",
    [
        "supcon in shuffle:size=64",
        "supcon in shuffle:size=64,drop_last=true",
        "supcon:views=2 in classes:classes=2,samples=4,small_classes=cap",
        "supcon in weighted:size=8,class_shares=[1,2,3]",
        "supcon:views=2 in poisson:rate=0.25",
    ],
)
def test_text_records_and_files_say_all_of_it(text, tmp_path):
    loss = check_loss(text)
    assert check_loss(loss.text) == loss
    solution = solve_relaxation(UFM([40, 20, 10], Sphere(1.0), loss=loss))
    assert loss_of_record(solution.problem.loss.record()) == solution.problem.loss
    assert str(solution.problem.loss) in repr(solution)
    path = solution.save(tmp_path / "batches.npz")
    again = Solution.load(path)
    assert again.problem == solution.problem
    assert again.problem.loss == solution.problem.loss
    assert again.problem != UFM([40, 20, 10], Sphere(1.0))


def test_shares_by_label_are_those_of_their_classes():
    counts = {"cat": 5, "dog": 5, "axolotl": 9}
    shares = {"dog": 3.0, "cat": 1.0, "axolotl": 2.0}
    problem = UFM(counts, Sphere(1.0), batches=WeightedBatches(6, shares))
    assert problem.class_labels == ("axolotl", "cat", "dog")
    again = UFM([9, 5, 5], Sphere(1.0), batches=WeightedBatches(6, [2.0, 1.0, 3.0]))
    assert problem == again
    assert list(problem.class_sizes.multiplicities) == [1, 1, 1]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: UFM([5, 3], Sphere(1.0), batches=RandomBatches(9)), "9 samples cannot be drawn"),
        (lambda: UFM([5, 3], Sphere(1.0), batches=ClassBatches(3, 2)), "3 classes cannot be drawn"),
        (lambda: UFM([5, 3], Sphere(1.0), batches=ClassBatches(2, 1)), "no sample ever has"),
        (lambda: UFM([5, 3], Sphere(1.0), batches="shuffle:sizes=3"), "no option 'sizes'"),
        (lambda: UFM([5, 3], Sphere(1.0), batches="shuffled:size=3"), "no sampler 'shuffled'"),
        (lambda: UFM([5, 3], Sphere(1.0), batches="shuffle"), "needs more options"),
        (lambda: UFM([5, 3], Sphere(1.0), batches=64), "sampler or its text, got 64"),
        (lambda: RandomBatches(1), "batch size must be"),
        (lambda: PoissonBatches(1.0), "between 0 and 1"),
        (lambda: WeightedBatches(4, [-1.0, 2.0]), "at least 0"),
        (lambda: WeightedBatches(4, "even"), "numbers or 'balanced'"),
        (lambda: ClassBatches(2, 2, small_classes="skip"), "'repeat' or 'cap'"),
        (
            lambda: UFM([5, 3], Sphere(1.0), loss="self-supervised", batches=RandomBatches(4)),
            "not known for loss self-supervised",
        ),
        (
            lambda: solve_relaxation(
                UFM([5, 3], Sphere(1.0), batches=RandomBatches(4)), level="samples"
            ),
            "posed for class means",
        ),
    ],
)
def test_what_cannot_be_drawn_or_is_not_known_is_refused(make, message):
    with pytest.raises(InvalidInputError, match=message):
        make()


def test_embeddings_are_compared_by_the_expected_loss_of_their_class_means():
    sizes = [40, 20, 10, 5]
    labels = np.repeat(range(4), sizes)
    batches = RandomBatches(16)
    solution = solve_relaxation(UFM(sizes, Sphere(1.0), 0.3, batches=batches))
    whole = solve_relaxation(UFM(sizes, Sphere(1.0), 0.3))
    same = compare(solution.prototypes()[labels], labels, solution)
    assert same.loss.level == "class means"
    assert same.loss.of == "supcon in shuffle:size=16"
    assert same.loss.relative_to_height < 1e-9
    other = compare(whole.prototypes()[labels], labels, solution)
    assert other.loss.relative_to_height > 1e-3
    assert other.loss.value >= solution.lower
    with pytest.raises(InvalidInputError, match="expected loss of batches is one of class means"):
        compare(whole.prototypes()[labels], labels, solution, loss="samples")


def test_a_solution_of_all_samples_is_not_optimal_in_batches():
    sizes = [80] * 5 + [8] * 5
    problem = UFM(sizes, Sphere(1.0), 0.2, batches=RandomBatches(64))
    whole = solve_relaxation(UFM(sizes, Sphere(1.0), 0.2))
    program = build_program(problem, Level.CLASSES)
    certificate = certify(program, CellGram.from_matrix(whole.class_gram / 0.2)).certificate
    assert not certificate.proves(1e-9)
    assert certificate.lower < solve_relaxation(problem).upper


def floor_of_independent_draws(sizes, rate):
    """Return Σ n_c E[1 log b_c], the loss without negatives, to fifty digits."""
    with mpmath.workdps(50):
        rate, total = mpmath.mpf(rate), mpmath.mpf(0)
        for size in sizes:
            for drawn in range(2, size):
                chance = mpmath.binomial(size - 1, drawn) * rate**drawn
                total += size * chance * (1 - rate) ** (size - 1 - drawn) * mpmath.log(drawn)
        return total


@pytest.mark.filterwarnings("ignore::screlax.errors.InaccurateWarning")
@pytest.mark.parametrize("sizes", [[3, 3], [2, 2], [5, 3, 1], [10, 4]])
@pytest.mark.parametrize("rate", [1e-8, 1e-5, 0.5, 1 - 1e-6, 1 - 1e-12])
def test_bounds_hold_where_the_loss_is_next_to_nothing_but_its_floor(sizes, rate):
    problem = UFM(sizes, Sphere(2000.0), 1.0, batches=PoissonBatches(rate))
    solution = solve_relaxation(problem)  # what negatives add is e^{−2000}
    floor = floor_of_independent_draws(sizes, rate)
    assert solution.lower <= floor <= solution.upper


def test_a_loss_that_is_always_log_one_is_zero():
    for control in (Ridge(0.2), Sphere(1.0), Budget(1.0), Ball(1.0)):
        solution = solve_relaxation(UFM([3, 4], control, 2.0, batches=WeightedBatches(2)))
        assert (solution.lower, solution.upper) == (0.0, 0.0)


def test_a_budget_that_gains_nothing_is_solved_without_warnings():
    batches, loss = RandomBatches(3), SupCon(views=3)
    problem = UFM([1, 3], Budget(411.0), 0.5, loss=loss, batches=batches)
    assert solve_relaxation(problem).status == "optimal"


def test_descent_does_not_begin_at_a_saddle():
    loss = SupCon(views=3, class_weights=[4.5, 0.9, 0.1, 0.2])
    problem = UFM([1, 3, 2, 2], Ridge(3.9), 2.5, loss=loss, batches=ClassBatches(4, 1))
    assert solve_relaxation(problem).status == "optimal"  # that of all samples is at zero


def test_embeddings_beyond_the_range_of_exponentials_are_refused_in_words():
    problem = UFM([5, 4, 3], Ridge(0.1), 0.1, batches=PoissonBatches(0.3))
    labels = np.repeat(range(3), [5, 4, 3])
    embeddings = np.random.default_rng(0).standard_normal((12, 4)) * 10.0 ** labels[:, None]
    with pytest.raises(InvalidInputError, match="about 700 τ above squared norms"):
        compare(embeddings, labels, solve_relaxation(problem))


@pytest.mark.parametrize("sizes", [[3, 3, 2, 1], [4, 4, 2, 2, 1], [5, 4, 3, 2, 2, 1], [4, 3, 2]])
@pytest.mark.parametrize("beside", range(1, 5))
def test_zero_embeddings_in_nearly_full_batches_have_the_closed_sum(sizes, beside):
    n = sum(sizes)
    batch = n - beside
    chance = [1 - math.comb(n - c, batch - 1) / math.comb(n - 1, batch - 1) for c in sizes]
    expected = math.fsum(c * share for c, share in zip(sizes, chance, strict=True))
    expected *= math.log(batch - 1)
    problem = UFM(sizes, Sphere(1.0), batches=RandomBatches(batch, drop_last=True))
    loss = build_program(problem, Level.CLASSES).loss
    gram = CellGram.from_matrix(np.zeros((len(sizes), len(sizes))))
    assert loss.value(gram) == pytest.approx(expected, rel=1e-13)
