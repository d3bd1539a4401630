"""Bounds of the errors of expected losses: against sums over all compositions with fifty digits."""

import functools
import itertools
import math

import mpmath
import numpy as np
import pytest

from screlax import UFM, Sphere
from screlax.batches import ClassBatches, PoissonBatches, RandomBatches, WeightedBatches
from screlax.gram.cells import Level
from screlax.losses import SupCon
from screlax.problem.batches.exponential_sum import ExponentialSum, exponential_sum
from screlax.problem.batches.own_counts import OwnCounts
from screlax.problem.program import build_program

PROBLEMS = [
    ([500, 60, 8], RandomBatches(128, drop_last=True)),
    ([1500, 900], RandomBatches(1024, drop_last=True)),
    ([40, 25, 10, 3], RandomBatches(20, drop_last=True)),
    ([7, 4, 2], RandomBatches(12, drop_last=True)),
    ([500, 60, 8], WeightedBatches(30, [5, 3, 1])),
    ([30, 12, 5], PoissonBatches(0.3)),
    ([20, 9, 8, 5, 3], ClassBatches(3, 6, small_classes="cap")),
]


def compositions(total, most):
    """Yield every way to draw so many from classes with so many units each."""
    if len(most) == 1:
        if total <= most[0]:
            yield (total,)
        return
    for first in range(min(total, most[0]) + 1):
        for rest in compositions(total - first, most[1:]):
            yield (first, *rest)


def weighted_compositions(draws, row):
    """Return numbers of units, the own class last, and their probability."""
    units = (*draws.units[row].tolist(), draws.own_units[row].item())
    return _weighted_compositions(units, draws.degree, draws.odds, draws.replaced)


@functools.cache
def _weighted_compositions(units, degree, odds, replaced):
    """Return the same, with fifty digits, once for all scales and numbers of views."""
    if replaced:
        d, total = int(degree), mpmath.fsum(units)
        powers = [[(n / total) ** b / mpmath.factorial(b) for b in range(d + 1)] for n in units]
        return [
            (counts, mpmath.factorial(d) * mpmath.fprod(map(list.__getitem__, powers, counts)))
            for counts in compositions(d, [d] * len(units))
        ]
    whole = list(map(int, units))
    if degree is None:
        chosen = itertools.product(*(range(n + 1) for n in whole))
        q = mpmath.mpf(odds) / (1 + mpmath.mpf(odds))
        powers = [q**b * (1 - q) ** (sum(whole) - b) for b in range(sum(whole) + 1)]
    else:
        chosen = compositions(int(degree), whole)
        powers = {int(degree): 1 / mpmath.mpf(math.comb(sum(whole), int(degree)))}
    return [
        (counts, math.prod(map(math.comb, whole, counts)) * powers[sum(counts)])
        for counts in chosen
    ]


@functools.cache
def log_of(number):
    return mpmath.log(number)


def exact_row(draws, views, row, e):
    """Return floor, excess and softmax of a row."""
    floor = excess = mpmath.mpf(0)
    softmax = [mpmath.mpf(0)] * len(e)
    each = [int(k) * mpmath.mpf(float(x)) for k, x in zip(draws.samples_each, e, strict=True)]
    for counts, chance in weighted_compositions(draws, row):
        own = int(views * (draws.own_fixed[row] + counts[-1]) + views - 1)
        if own == 0:
            continue
        parts = [views * int(b) * x for b, x in zip(counts, each, strict=False)]
        total = own + sum(parts)
        floor += chance * log_of(own)
        excess += chance * mpmath.log(total / own)
        softmax = [s + chance * part / total for s, part in zip(softmax, parts, strict=True)]
    return floor, excess, softmax


def expectation_of(sizes, batches, views):
    problem = UFM(sizes, Sphere(1.0), loss=SupCon(views=views), batches=batches)
    (kind,) = build_program(problem, Level.CLASSES).loss.kinds
    return kind.rows


def e_of(draws, scale, seed=0):
    spread = np.random.default_rng(seed).standard_normal(draws.units.shape)
    return scale * np.exp(0.7 * spread)


def largest_ratios(expectation, e, rows):
    """Return errors of floor, excess and softmax, each as a multiple of its bound."""
    excess, bound = expectation.excess_and_error(e)
    moments = expectation.moments(e)
    ratios = []
    with mpmath.workdps(50):
        for row in rows:
            floor, above, softmax = exact_row(expectation.draws, expectation.views, row, e[row])
            floor_bound = expectation.floor_error[row] + 1e-300
            ratios.append(abs(mpmath.mpf(float(expectation.floor[row])) - floor) / floor_bound)
            ratios.append(abs(mpmath.mpf(float(excess[row])) - above) / bound[row])
            pairs = zip(moments.softmax[row], softmax, strict=True)
            away = sum(abs(mpmath.mpf(float(a)) - b) for a, b in pairs)
            ratios.append(away / (moments.errors[row] * sum(softmax)))
    return [float(ratio) for ratio in ratios]


@pytest.mark.parametrize("views", [1, 2])
@pytest.mark.parametrize("scale", [1e-9, 0.01, 0.5, 20.0])
@pytest.mark.parametrize(("sizes", "batches"), PROBLEMS, ids=lambda v: str(v))
def test_errors_are_within_their_bounds(sizes, batches, scale, views):
    expectation = expectation_of(sizes, batches, views)
    e = e_of(expectation.draws, scale)
    assert max(largest_ratios(expectation, e, [0, len(sizes) - 1])) <= 1
    assert (expectation.moments(e).errors < 1e-11).all()
    excess, bound = expectation.excess_and_error(e)
    assert (bound <= 1e-11 * excess).all()


def sampler_of(generator, sizes):
    """Return one of the samplers, as it may be for these sizes."""
    k, n = len(sizes), sum(sizes)
    return [
        lambda: RandomBatches(int(generator.integers(3, min(n, 14) + 1)), drop_last=True),
        lambda: WeightedBatches(int(generator.integers(3, 10)), generator.uniform(0.1, 5, k)),
        lambda: PoissonBatches(float(generator.uniform(0.02, 0.9))),
        lambda: ClassBatches(int(generator.integers(2, k + 1)), int(generator.integers(2, 9))),
    ][generator.integers(4)]()


@pytest.mark.parametrize("seed", range(24))
def test_bounds_hold_wherever_the_embeddings_are(seed):
    generator = np.random.default_rng(seed)
    sizes = sorted(generator.integers(2, 8, size=generator.integers(2, 5)).tolist())
    views = int(generator.integers(1, 4))
    expectation = expectation_of(sizes, sampler_of(generator, sizes), views)
    spread = generator.choice([0.1, 1.0, 4.0]) * generator.standard_normal(
        expectation.draws.units.shape
    )
    e = 10.0 ** generator.uniform(-6, 2) * np.exp(spread)
    assert max(largest_ratios(expectation, e, [0, len(e) - 1])) <= 1
    assert (expectation.moments(e).errors < 1e-10).all()


def damage_rule(monkeypatch):
    monkeypatch.setattr("screlax.problem.batches.exponential_sum._ACCURACY", 1e-5)


def damage_circles(monkeypatch):
    for module in ("contour", "profile"):
        monkeypatch.setattr(f"screlax.problem.batches.{module}.LOG_ACCURACY", 8.0)


def damage_columns(monkeypatch):
    monkeypatch.setattr("screlax.problem.batches.evaluated._allowed", lambda draws: 1e-4)


@pytest.mark.parametrize("damage", [damage_rule, damage_circles, damage_columns])
@pytest.mark.parametrize("scale", [0.01, 1.0])
def test_what_is_damaged_says_so(damage, scale, monkeypatch):
    damage(monkeypatch)
    expectation = expectation_of([60, 45, 30, 25, 20], RandomBatches(14, drop_last=True), 1)
    e = e_of(expectation.draws, scale)
    assert max(largest_ratios(expectation, e, [0, 4])) <= 1
    assert expectation.moments(e).errors.max() > 1e-9


@pytest.mark.parametrize("ratio", [1.0, 30.0, 1e6])
@pytest.mark.parametrize("kept", [slice(None), slice(2, None), slice(None, None, 2), slice(-3)])
def test_a_sum_of_exponentials_bounds_its_own_error(ratio, kept):
    rule = exponential_sum(2.0, 2.0 * ratio)
    step = kept.step or 1
    damaged = ExponentialSum(rule.nodes[kept], step * rule.weights[kept], rule.least, rule.most)
    worst = mpmath.mpf(0)
    with mpmath.workdps(40):
        for y in np.geomspace(rule.least, rule.most, 60):
            pairs = zip(damaged.nodes, damaged.weights, strict=True)
            total = sum(
                mpmath.mpf(float(w)) * mpmath.exp(-float(t) * mpmath.mpf(y)) for t, w in pairs
            )
            worst = max(worst, abs(y * total - 1))
    assert worst <= damaged.error <= 10 * worst + 2e-14


def test_numbers_of_positives_are_those_of_their_distribution():
    draws = expectation_of([900, 400, 3], RandomBatches(300, drop_last=True), 1).draws
    for row in range(3):
        own = OwnCounts.of(draws, row)
        mine, everything = int(draws.own_units[row]), int(draws.everything[row])
        for b, chance, error in zip(own.counts, own.chances, own.errors, strict=True):
            ways = math.comb(mine, int(b)) * math.comb(everything - mine, 299 - int(b))
            exact = mpmath.mpf(ways) / math.comb(everything, 299)
            assert abs(float(mpmath.mpf(float(chance)) / exact - 1)) <= error < 2e-13
