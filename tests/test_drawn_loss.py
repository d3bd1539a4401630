"""The expected loss of batches at embeddings that have not collapsed, against all batches.

Enumerated in plain numpy: which samples are in a batch, with their probability, and the sum of the
loss over a batch divided by its expected size.
"""

import itertools
import math

import numpy as np
import pytest

from screlax import Budget, ClassSizes, Ridge, Sphere, compare, losses, solve_relaxation
from screlax.batches import ClassBatches, PoissonBatches, RandomBatches, WeightedBatches
from screlax.comparison.drawn_batches import DrawnBatches

SIZES = [4, 3, 2]
LABELS = np.repeat([0, 1, 2], SIZES)
TAU = 0.4
WEIGHTS = [1.0, 2.0, 0.5]


def batch_sum(rows, labels, weights=None):
    """Return Σ_i ℓ_i over a batch, zero where an embedding has no positive."""
    inner = rows @ rows.T / TAU
    total = 0.0
    for i in range(len(rows)):
        others = [j for j in range(len(rows)) if j != i]
        positives = [j for j in others if labels[j] == labels[i]]
        if positives:
            value = np.log(np.exp(inner[i, others]).sum()) - inner[i, positives].mean()
            total += value * (1.0 if weights is None else weights[labels[i]])
    return total


def shuffled(size, last):
    """Yield (probability, samples, divisor) of every batch of a shuffled loader."""
    n, steps = len(LABELS), len(LABELS) // size
    rest = n - steps * size
    whole = steps / (steps + 1) if last and rest else 1.0
    for count, share in ((size, whole), (rest, 1 - whole)):
        chosen = list(itertools.combinations(range(n), count)) if share else []
        yield from ((share / len(chosen), list(each), count) for each in chosen)


def weighted(size):
    each = [1 / (3 * SIZES[label]) for label in LABELS]
    for chosen in itertools.product(range(len(LABELS)), repeat=size):
        yield math.prod(each[i] for i in chosen), list(chosen), size


def by_classes(samples, cap):
    """Two classes of three, `samples` of each; of a small one again, or all that it has."""
    pools = [list(np.flatnonzero(label == LABELS)) for label in range(3)]
    kinds = []
    for pool in pools:
        count = min(samples, len(pool)) if cap else samples
        if count <= len(pool):
            kinds.append(list(itertools.combinations(pool, count)))
        else:
            kinds.append(list(itertools.product(pool, repeat=count)))
    size = sum(len(kind[0]) for kind in kinds) * 2 / 3
    for first, second in itertools.combinations(range(3), 2):
        for one, two in itertools.product(kinds[first], kinds[second]):
            share = 1 / (3 * len(kinds[first]) * len(kinds[second]))
            yield share, [*one, *two], size


def poisson(rate):
    n = len(LABELS)
    for inside in itertools.product([False, True], repeat=n):
        count = sum(inside)
        share = rate**count * (1 - rate) ** (n - count)
        yield share, list(np.flatnonzero(inside)), rate * n


SAMPLERS = {
    "shuffle": (RandomBatches(4, drop_last=True), list(shuffled(4, False))),
    "shuffle with its last batch": (RandomBatches(4), list(shuffled(4, True))),
    "weighted": (WeightedBatches(3), list(weighted(3))),
    "classes": (ClassBatches(2, 3), list(by_classes(3, False))),
    "classes, capped": (ClassBatches(2, 3, "cap"), list(by_classes(3, True))),
    "poisson": (PoissonBatches(0.4), list(poisson(0.4))),
}


@pytest.mark.parametrize(
    ("control", "weights"),
    [(Sphere(1.0), None), (Ridge(0.3), WEIGHTS), (Budget(0.8), None)],
    ids=["sphere", "ridge, weights", "budget"],
)
@pytest.mark.parametrize("name", SAMPLERS)
def test_drawn_batches_estimate_the_mean_over_all_batches(name, control, weights):
    batches, every = SAMPLERS[name]
    loss = losses.SupCon(class_weights=weights)
    solution = solve_relaxation(SIZES, control, temperature=TAU, loss=loss, batches=batches)
    rows = np.random.default_rng(1).standard_normal((9, 3))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    rows *= math.sqrt(0.8) if isinstance(control, Budget) else 1.0
    exact = 9 * sum(p * batch_sum(rows[i], LABELS[i], weights) / size for p, i, size in every)
    if isinstance(control, Ridge):
        exact += 0.3 / 2 * (rows**2).sum()
    found = compare(rows, LABELS, solution, draws=250, seed=3, agreement=False, search=False)
    drawn = found.drawn
    assert sum(p for p, _, _ in every) == pytest.approx(1.0)
    assert abs(drawn.value - exact) <= 4.5 * drawn.standard_error
    assert drawn.standard_error < 0.1 * abs(exact)
    assert drawn.added == pytest.approx(drawn.value - found.loss.value)
    assert drawn.excess == pytest.approx(drawn.value - solution.lower, abs=1e-9)


@pytest.mark.parametrize("name", SAMPLERS)
def test_sums_are_divided_by_the_expected_size(name):
    batches, every = SAMPLERS[name]
    sizes = ClassSizes.from_counts(SIZES)
    for _, chosen, size in every:
        drawn = np.bincount(LABELS[chosen], minlength=3)
        assert batches.expected_size(drawn, sizes) == pytest.approx(size, rel=1e-12)


@pytest.mark.parametrize(
    ("batches", "wanted", "again"),
    [
        (RandomBatches(4), [4, 2, 1], False),
        (PoissonBatches(0.4), [3, 3, 2], False),
        (ClassBatches(2, 3), [3, 0, 2], False),
        (ClassBatches(2, 3), [0, 3, 3], True),
        (WeightedBatches(3), [3, 0, 0], True),
    ],
    ids=str,
)
def test_samples_are_drawn_again_only_where_the_sampler_does(batches, wanted, again):
    solution = solve_relaxation(SIZES, Sphere(1.0), temperature=TAU, batches=batches)
    rows = np.random.default_rng(0).standard_normal((9, 3))
    means = np.array([rows[label == LABELS].mean(axis=0) for label in range(3)])
    every = DrawnBatches(rows, LABELS, means, solution.problem, 1, False)
    generator, repeated, seen = np.random.default_rng(0), False, set()
    for _ in range(60):
        chosen = every._members(np.array(wanted), generator)
        assert np.bincount(LABELS[chosen], minlength=3).tolist() == wanted
        repeated |= len(set(chosen.tolist())) < len(chosen)
        seen |= set(chosen.tolist())
    assert repeated == again
    assert seen == {i for i in range(9) if wanted[LABELS[i]]}


def test_views_of_a_sample_are_drawn_together():
    every = list(shuffled(3, False))
    solution = solve_relaxation(
        SIZES,
        Sphere(1.0),
        temperature=TAU,
        loss="supcon:views=2",
        batches=RandomBatches(3, drop_last=True),
    )
    rows = np.random.default_rng(2).standard_normal((9, 2, 3))
    rows /= np.linalg.norm(rows, axis=2, keepdims=True)
    exact = 9 * sum(
        p * batch_sum(rows[i].reshape(-1, 3), np.repeat(LABELS[i], 2)) / size
        for p, i, size in every
    )
    drawn = compare(rows, LABELS, solution, draws=250, search=False).drawn
    assert abs(drawn.value - exact) <= 4.5 * drawn.standard_error
    flat = compare(rows.reshape(-1, 3), np.repeat(LABELS, 2), solution, search=False)
    assert flat.drawn is None  # nothing says which rows belong together


def solved():
    return solve_relaxation(SIZES, Sphere(1.0), temperature=TAU, batches=RandomBatches(4))


def test_a_seed_draws_the_same_batches():
    rows = np.random.default_rng(1).standard_normal((9, 3))
    one, two, other = (
        compare(rows, LABELS, solved(), draws=20, seed=seed).drawn for seed in (5, 5, 6)
    )
    assert one == two
    assert one.value != other.value
    assert (one.draws, one.seed) == (20, 5)


def test_class_means_are_exact_and_nothing_is_drawn():
    best = solved().prototypes(3)[LABELS]
    found = compare(best, LABELS, solved())
    assert found.drawn is None
    assert found.loss.level == "class means"
    assert "drawn" not in found.table()
    assert compare(best + 0.1, LABELS, solved(), draws=0).drawn is None
    whole = solve_relaxation(SIZES, Sphere(1.0), temperature=TAU)
    assert compare(best, LABELS, whole).drawn is None


def test_what_was_done_is_said():
    rows = np.random.default_rng(1).standard_normal((9, 3))
    table = compare(rows, LABELS, solved(), draws=50, seed=2).table()
    assert "an estimate by 50 batches drawn with seed 2, no bound" in " ".join(table.split())
    assert "the expectation over mini-batches, not a single one" in table
    assert "of their class means, NOT of all samples" in table


@pytest.mark.parametrize("draws", [-1, 2.5, "many"])
def test_draws_are_a_whole_number(draws):
    from screlax.errors import InvalidInputError

    with pytest.raises(InvalidInputError, match="draws"):
        compare(np.random.default_rng(1).standard_normal((9, 3)), LABELS, solved(), draws=draws)
