"""Samplers: which samples meet in a mini-batch. Sizes count samples, before views are taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ...checks import finite_number, whole_number
from ...errors import InvalidInputError
from ...types import Matrix, Vector
from ..class_sizes import MAX_SIZE, ClassSizes
from ..per_orbit import orbit_numbers, per_class_option
from .base import Batches, Sampling, register_batches
from .draws import Draws

BALANCED = "balanced"
"""Class shares that are all the same."""


def _units(sizes: ClassSizes, each: Vector) -> Matrix:
    """Return the units of the other classes of each orbit, a row for an anchor of each, (m, m)."""
    copies = sizes.multiplicities.astype(float)
    return np.asarray((copies - np.eye(len(copies))) * each)


@register_batches
@dataclass(frozen=True)
class RandomBatches(Batches):
    """Batches of a shuffled data set, without replacement: the usual loader.

    Every step of an epoch counts alike, also that of the last, smaller batch.

    Parameters
    ----------
    size : int
        B, samples in a batch, at most n.
    drop_last : bool, default False
        Whether the last batch is left out where n is no multiple of B.
    mean_over : {"all", "anchors"}, default "all"
        Whether the mean of a batch is over all its embeddings, or those with a positive, which
        are fewer with one view. Keyword only.

    Examples
    --------
    >>> import screlax
    >>> batches = screlax.batches.RandomBatches(64)
    >>> print(batches, len(batches.samplings(screlax.ClassSizes.from_counts([80, 40]))))
    shuffle:size=64 2
    """

    name: ClassVar[str] = "shuffle"
    size: int
    drop_last: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "size", whole_number(self.size, "batch size", 2, MAX_SIZE))

    def samplings(self, sizes: ClassSizes) -> list[Sampling]:
        """See `Batches.samplings`."""
        n = sizes.samples
        if self.size > n:
            raise InvalidInputError(
                f"batches of {self.size} samples cannot be drawn without replacement from {n}"
            )
        steps, rest = divmod(n, self.size)
        if rest == 0 or self.drop_last:
            return [self._of(sizes, self.size, 1.0)]
        whole = steps / (steps + 1)
        return [self._of(sizes, self.size, whole), self._of(sizes, rest, 1 / (steps + 1))]

    def numbers_exactly(
        self, sizes: ClassSizes, exactly: Callable[[float], Any]
    ) -> list[tuple[list[Any], list[Any]]]:
        """See `Batches.numbers_exactly`."""
        steps, rest = divmod(sizes.samples, self.size)
        shares = [steps, 1] if rest and not self.drop_last else [steps]
        each = [exactly(count) for count in sizes.distinct.tolist()]
        return [([share * count / sum(shares) for count in each], each) for share in shares]

    def draw(self, sizes: ClassSizes, generator: np.random.Generator) -> NDArray[np.int64]:
        """See `Batches.draw`."""
        steps, rest = divmod(sizes.samples, self.size)
        is_last = rest > 0 and not self.drop_last and generator.integers(steps + 1) == steps
        size = rest if is_last else self.size
        drawn = generator.multivariate_hypergeometric(np.asarray(sizes), size, method="marginals")
        return np.asarray(drawn)

    def are_alike(self, sizes: ClassSizes) -> bool:
        """See `Batches.are_alike`: where a batch is everything."""
        return self.size == sizes.samples

    def _of(self, sizes: ClassSizes, size: int, share: float) -> Sampling:
        """Return batches of one size."""
        count = sizes.distinct.astype(float)
        one, units = np.ones_like(count), _units(sizes, count)
        if size == 1:  # nothing else is in them
            alone = Draws(0 * units, one, 0 * count, 0 * count, None)
            return Sampling(share, count, alone, count, 1.0, 1.0)
        draws = Draws(units, one, count - 1, 0 * count, size - 1.0)
        return Sampling(share, count, draws, count, float(size), float(size))


@register_batches
@dataclass(frozen=True)
class WeightedBatches(Batches):
    """Batches drawn with replacement, a class with a probability of its own: a weighted sampler.

    Parameters
    ----------
    size : int
        B, samples in a batch.
    class_shares : "balanced", array-like of shape (k,), mapping or Series, default "balanced"
        π_c > 0, proportional to how often samples of class c are drawn; "balanced" is alike.
    mean_over : {"all", "anchors"}, default "all"
        Whether the mean of a batch is over all its embeddings, or those with a positive, which
        are fewer with one view. Keyword only.

    Examples
    --------
    >>> import screlax
    >>> print(screlax.batches.WeightedBatches(64))
    weighted:size=64
    """

    name: ClassVar[str] = "weighted"
    with_replacement: ClassVar[bool] = True
    per_class_options: ClassVar[tuple[str, ...]] = ("class_shares",)
    size: int
    class_shares: Any = BALANCED

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "size", whole_number(self.size, "batch size", 2, MAX_SIZE))
        shares = per_class_option(self.class_shares, "class_shares", word=BALANCED)
        object.__setattr__(self, "class_shares", shares)

    def draw(self, sizes: ClassSizes, generator: np.random.Generator) -> NDArray[np.int64]:
        """See `Batches.draw`."""
        return np.asarray(
            generator.multinomial(self.size, self._shares(sizes)[sizes.orbit_index()])
        )

    def numbers_exactly(
        self, sizes: ClassSizes, exactly: Callable[[float], Any]
    ) -> list[tuple[list[Any], list[Any]]]:
        """See `Batches.numbers_exactly`: shares are as they were given."""
        shares = [exactly(share) for share in self._given(sizes).tolist()]
        copies = sizes.multiplicities.tolist()
        whole = sum(count * share for count, share in zip(copies, shares, strict=True))
        return [([sizes.samples * share / whole for share in shares], shares)]

    def _shares(self, sizes: ClassSizes) -> Vector:
        """Return the probability of each class, by orbit."""
        share = self._given(sizes)
        return share / float(share @ sizes.multiplicities)

    def _given(self, sizes: ClassSizes) -> Vector:
        """Return what the probabilities are in proportion to, by orbit."""
        given = 1.0 if self.class_shares == BALANCED else self.class_shares
        share = orbit_numbers(given, sizes.orbits)
        if not (share > 0).all():
            raise InvalidInputError(
                f"class_shares must be above zero, got {share.min():g}; leave out a class that is "
                "never drawn"
            )
        return share

    def samplings(self, sizes: ClassSizes) -> list[Sampling]:
        """See `Batches.samplings`."""
        share = self._shares(sizes)
        one, units = np.ones_like(share), _units(sizes, share)
        draws = Draws(units, one, share, 0 * share, self.size - 1.0, replaced=True)
        size = float(self.size)
        return [Sampling(1.0, sizes.samples * share, draws, share, size, size)]


@register_batches
@dataclass(frozen=True)
class ClassBatches(Batches):
    """Batches of P classes drawn without replacement, and K samples of each: m-per-class samplers.

    Parameters
    ----------
    classes, samples : int
        P, from 2 to k, and K.
    small_classes : {"repeat", "cap"}, default "repeat"
        Of a class with fewer than K samples, draw some of them again, so that it has K in the
        batch and even a class of one sample has positives; or take all that it has.
    mean_over : {"all", "anchors"}, default "all"
        Whether the mean of a batch is over all its embeddings, or those with a positive, which
        are fewer with one view. Keyword only.

    Examples
    --------
    >>> import screlax
    >>> print(screlax.batches.ClassBatches(8, 4))
    classes:classes=8,samples=4
    """

    name: ClassVar[str] = "classes"
    classes: int
    samples: int
    small_classes: str = "repeat"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(
            self, "classes", whole_number(self.classes, "classes of a batch", 2, MAX_SIZE)
        )
        object.__setattr__(
            self, "samples", whole_number(self.samples, "samples of each class", 1, MAX_SIZE)
        )
        if self.small_classes not in ("repeat", "cap"):
            raise InvalidInputError(
                f"small_classes must be 'repeat' or 'cap', got {self.small_classes!r}"
            )

    def samplings(self, sizes: ClassSizes) -> list[Sampling]:
        """See `Batches.samplings`."""
        if self.classes > sizes.classes:
            raise InvalidInputError(
                f"batches of {self.classes} classes cannot be drawn from {sizes.classes}"
            )
        count = sizes.distinct.astype(float)
        each = self._each(sizes)
        units = _units(sizes, np.ones_like(count))
        draws = Draws(units, each, 0 * count, each - 1, self.classes - 1.0)
        total = float(each @ sizes.multiplicities)
        size, most = self.classes * total / sizes.classes, self.classes * float(each.max())
        anchors = sizes.samples * each / total
        return [Sampling(1.0, anchors, draws, np.ones_like(count), size, most)]

    def numbers_exactly(
        self, sizes: ClassSizes, exactly: Callable[[float], Any]
    ) -> list[tuple[list[Any], list[Any]]]:
        """See `Batches.numbers_exactly`."""
        each = self._each(sizes)
        whole = exactly(float(each @ sizes.multiplicities))
        anchors = [sizes.samples * exactly(one) / whole for one in each.tolist()]
        return [(anchors, [exactly(1.0)] * len(anchors))]

    def expected_size(self, drawn: NDArray[np.int64], sizes: ClassSizes) -> float:
        """See `Batches.expected_size`: classes that are capped make them differ."""
        return float(self._each(sizes) @ sizes.multiplicities) * self.classes / sizes.classes

    def sizes_vary(self, sizes: ClassSizes) -> bool:
        """See `Batches.sizes_vary`: where some classes are capped and not all are in a batch."""
        return not self.are_alike(sizes) and bool(np.ptp(self._each(sizes)))

    def are_alike(self, sizes: ClassSizes) -> bool:
        """See `Batches.are_alike`: where all classes are in every batch."""
        return self.classes == sizes.classes

    def _each(self, sizes: ClassSizes) -> Vector:
        """Return how many samples of a class there are in a batch that it is in, by orbit."""
        count = sizes.distinct.astype(float)
        each = np.full_like(count, self.samples)
        return each if self.small_classes == "repeat" else np.minimum(each, count)

    def draw(self, sizes: ClassSizes, generator: np.random.Generator) -> NDArray[np.int64]:
        """See `Batches.draw`."""
        chosen = generator.choice(sizes.classes, self.classes, replace=False)
        drawn = np.zeros(sizes.classes, dtype=np.int64)
        drawn[chosen] = self._each(sizes)[sizes.orbit_index()[chosen]]
        return drawn


@register_batches
@dataclass(frozen=True)
class PoissonBatches(Batches):
    """Batches in which every sample is with the same probability, independently.

    Parameters
    ----------
    rate : float
        q, between 0 and 1.
    mean_over : {"all", "anchors"}, default "all"
        Whether the mean of a batch is over all its embeddings, or those with a positive, which
        are fewer with one view. Keyword only.

    Examples
    --------
    >>> import screlax
    >>> print(screlax.batches.PoissonBatches(0.01))
    poisson:rate=0.01
    """

    name: ClassVar[str] = "poisson"
    rate: float

    def __post_init__(self) -> None:
        super().__post_init__()
        rate = finite_number(self.rate, "rate")
        if not 0 < rate < 1:
            raise InvalidInputError(f"rate must be between 0 and 1, got {rate:g}")
        object.__setattr__(self, "rate", rate)

    def samplings(self, sizes: ClassSizes) -> list[Sampling]:
        """See `Batches.samplings`."""
        count = sizes.distinct.astype(float)
        odds = self.rate / (1 - self.rate)
        one, units = np.ones_like(count), _units(sizes, count)
        draws = Draws(units, one, count - 1, 0 * count, None, odds, chance=self.rate)
        n = float(sizes.samples)
        return [Sampling(1.0, count, draws, count, self.rate * n, n)]

    def numbers_exactly(
        self, sizes: ClassSizes, exactly: Callable[[float], Any]
    ) -> list[tuple[list[Any], list[Any]]]:
        """See `Batches.numbers_exactly`."""
        counts = [exactly(count) for count in sizes.distinct.tolist()]
        return [(counts, counts)]

    def expected_size(self, drawn: NDArray[np.int64], sizes: ClassSizes) -> float:
        """See `Batches.expected_size`."""
        return self.rate * sizes.samples

    def sizes_vary(self, sizes: ClassSizes) -> bool:
        """See `Batches.sizes_vary`."""
        return True

    def draw(self, sizes: ClassSizes, generator: np.random.Generator) -> NDArray[np.int64]:
        """See `Batches.draw`."""
        return np.asarray(generator.binomial(np.asarray(sizes), self.rate))
