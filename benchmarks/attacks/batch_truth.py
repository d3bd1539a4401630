"""Expected losses of mini-batches by enumeration of all compositions, to sixty digits."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import mpmath as mp
import numpy as np

from screlax.batches import Batches, ClassBatches, PoissonBatches, RandomBatches, WeightedBatches

DIGITS = 60

Composition = tuple[int, ...]


def _boxes(most: list[int], total: int | None) -> Iterator[Composition]:
    """Yield all numbers of samples of every class, of that total if any."""
    for chosen in itertools.product(*(range(count + 1) for count in most)):
        if total is None or sum(chosen) == total:
            yield chosen


def compositions(sampler: Batches, sizes: list[int]) -> Iterator[tuple[Composition, Any, Any]]:
    """Yield compositions, their chances, and what the sum over a batch is divided by."""
    n, k = sum(sizes), len(sizes)
    if isinstance(sampler, RandomBatches):
        steps, rest = divmod(n, sampler.size)
        kinds = [(sampler.size, steps)] + [(rest, 1)] * (rest > 0 and not sampler.drop_last)
        for size, count in kinds:
            whole = mp.binomial(n, size) * sum(step for _, step in kinds) / count
            for chosen in _boxes(sizes, size):
                ways = mp.fprod(mp.binomial(c, b) for c, b in zip(sizes, chosen, strict=True))
                yield chosen, ways / whole, size
    elif isinstance(sampler, WeightedBatches):
        given = sampler.class_shares
        given = [1.0] * k if given == "balanced" else given.numbers
        shares = [mp.mpf(float(x)) for x in np.asarray(given, dtype=float)]
        for chosen in _boxes([sampler.size] * k, sampler.size):
            ways = mp.factorial(sampler.size)
            for share, b in zip(shares, chosen, strict=True):
                ways *= (share / sum(shares)) ** b / mp.factorial(b)
            yield chosen, ways, sampler.size
    elif isinstance(sampler, PoissonBatches):
        q = mp.mpf(sampler.rate)
        for chosen in _boxes(sizes, None):
            ways = mp.fprod(mp.binomial(c, b) for c, b in zip(sizes, chosen, strict=True))
            yield chosen, ways * q ** sum(chosen) * (1 - q) ** (n - sum(chosen)), n * q
    else:
        assert isinstance(sampler, ClassBatches)
        capped = sampler.small_classes == "cap"
        each = [min(sampler.samples, c) if capped else sampler.samples for c in sizes]
        size = mp.mpf(sum(each) * sampler.classes) / k
        for classes in itertools.combinations(range(k), sampler.classes):
            chosen = tuple(each[c] if c in classes else 0 for c in range(k))
            yield chosen, 1 / mp.binomial(k, sampler.classes), size


def expected_loss(
    sampler: Batches, sizes: list[int], views: int, gram: list[list[Any]]
) -> tuple[Any, list[list[Any]]]:
    """Return n × the expected sum over a batch by its size, and derivatives by M_cj − M_cc."""
    k, n = len(sizes), sum(sizes)
    e = [[mp.exp(gram[c][j] - gram[c][c]) for j in range(k)] for c in range(k)]
    value, slopes = mp.mpf(0), [[mp.mpf(0)] * k for _ in range(k)]
    for chosen, chance, size in compositions(sampler, sizes):
        for c, drawn in enumerate(chosen):
            count = views * drawn
            if count < 2:
                continue
            terms = [views * b * e[c][j] for j, b in enumerate(chosen)]
            terms[c] = mp.mpf(count - 1)
            whole, mass = mp.fsum(terms), chance * n * count / size
            value += mass * mp.log(whole)
            for j, term in enumerate(terms):
                if j != c:
                    slopes[c][j] += mass * term / whole
    return value, slopes
