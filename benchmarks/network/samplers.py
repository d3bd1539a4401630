"""Loaders of real batches, each beside the sampler of screlax that says what it expects."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from screlax.batches import Batches, ClassBatches, RandomBatches, WeightedBatches

SIZE, CLASSES = 64, 8
"""Samples of a batch; classes of one that has as many samples of each."""

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Sampler:
    """How batches are drawn.

    Attributes
    ----------
    batches : Batches or None
        What screlax calls it; None is all samples at once.
    draw : callable
        Yields batches for ever, indices of samples, from labels, shape (n,), and a generator.
    """

    batches: Batches | None
    draw: Callable[[Indices, np.random.Generator], Iterator[Indices]]


def _whole(labels: Indices, generator: np.random.Generator) -> Iterator[Indices]:
    while True:
        yield np.arange(len(labels))


def _shuffled(labels: Indices, generator: np.random.Generator) -> Iterator[Indices]:
    """Yield each sample once in an epoch; the last batch has what is left."""
    while True:
        order = generator.permutation(len(labels))
        for start in range(0, len(labels), SIZE):
            yield order[start : start + SIZE]


def _weighted(labels: Indices, generator: np.random.Generator) -> Iterator[Indices]:
    """Yield draws with replacement, all classes alike, as torch's WeightedRandomSampler does."""
    weight = 1 / np.bincount(labels)[labels]
    share = weight / weight.sum()
    while True:
        yield generator.choice(len(labels), SIZE, p=share)


def _by_class(labels: Indices, generator: np.random.Generator) -> Iterator[Indices]:
    """Yield as many samples of some classes; of too small a class, draws with replacement."""
    members = [np.flatnonzero(labels == number) for number in range(labels.max() + 1)]
    each = SIZE // CLASSES
    while True:
        chosen = generator.choice(len(members), CLASSES, replace=False)
        yield np.concatenate(
            [
                generator.choice(members[number], each, replace=len(members[number]) < each)
                for number in chosen
            ]
        )


SAMPLERS: dict[str, Sampler] = {
    "full": Sampler(None, _whole),
    "shuffle": Sampler(RandomBatches(SIZE), _shuffled),
    "weighted": Sampler(WeightedBatches(SIZE), _weighted),
    "classes": Sampler(ClassBatches(CLASSES, SIZE // CLASSES), _by_class),
}


def collapsed_loss(gram: NDArray[np.float64], counts: Indices, temperature: float) -> float:
    """Return the loss of a batch of collapsed classes, a mean over all its embeddings.

    Parameters
    ----------
    gram : ndarray, shape (k, k)
        Of the class means.
    counts : ndarray of int, shape (k,)
        Embeddings of each class in the batch.
    temperature : float
        τ.
    """
    away = np.exp((gram - np.diagonal(gram)[:, None]) / temperature)
    anchored = counts > 1
    denominators = (away @ counts - 1)[anchored]
    return float(counts[anchored] @ np.log(denominators)) / float(counts.sum())
