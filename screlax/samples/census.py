"""How many embeddings each class has, and what a loss makes of that."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..errors import InvalidInputError
from ..problem.losses.sample_terms import SampleTerms
from ..types import Matrix, Vector
from .block_targets import BlockTargets, MatrixMixing
from .denominator import ClassDenominators, SameClass
from .kernels.near_zero import Floor
from .layout import Codes, Layout
from .loss_terms import LossTerms
from .positives import ClassPositives, Targets
from .rows import Rows


@dataclass(frozen=True, eq=False)
class Census:
    """The classes of all items, in numbers, each of shape (items·classes,) unless it says more.

    Attributes
    ----------
    samples : ndarray, shape (items, classes)
        Anchors that are no keys; a class of one item is not that of another.
    terms : SampleTerms
        The loss.
    columns : ndarray
        Embeddings in denominators and targets: all of a class, or its keys.
    positives : ndarray
        How many positives an anchor of the class has.
    keys_from : int or None
        As in `Denominator`.
    """

    samples: Matrix
    terms: SampleTerms
    columns: Vector
    positives: Vector
    keys_from: int | None

    @classmethod
    def of(
        cls,
        layout: Layout,
        numbers: NDArray[np.int64],
        codes: Codes,
        loss: LossTerms,
        keys_only: bool,
    ) -> Census:
        """Count classes and ask the loss; `numbers` are those of all rows."""
        total, shape = codes.classes * layout.items, (layout.items, codes.classes)
        counts = np.bincount(numbers, minlength=total).astype(np.float64)
        anchored = samples = counts
        if layout.anchors < layout.size:
            anchored = _counted(numbers, layout, layout.anchors, total)
        if layout.keys:
            first = min(layout.anchors, layout.size - layout.keys)
            samples = _counted(numbers, layout, first, total)
        names, by_item = codes.names, samples.reshape(shape)
        if not keys_only:
            terms = loss.of_classes(counts.reshape(shape), anchored.reshape(shape), names)
            return cls(by_item, terms, counts, counts - 1.0, None)
        start = layout.size - layout.keys
        keys = np.bincount(numbers[start:], minlength=total).astype(np.float64)
        # positives are all keys of the class, as if the anchor were one more
        own = loss.of_classes((keys + 1).reshape(shape), by_item, names)
        pair = loss.of_classes(np.maximum(keys, 1).reshape(shape), by_item, names)
        if own.instances > 0:
            raise InvalidInputError(
                "with contrast_with='keys' there are no views to be targets; take a loss whose "
                "targets are those of labels"
            )
        if not _alike(own.targets, pair.targets):
            raise InvalidInputError(
                "these targets depend on the number of samples, which keys alone do not have; give "
                "them as a matrix"
            )
        terms = SampleTerms(own.anchors, own.own, pair.pair, own.targets)
        return cls(by_item, terms, keys, keys, start)

    @classmethod
    def of_codes(cls, codes: Codes, loss: LossTerms) -> Census:
        """Count classes of samples that are all anchors, one embedding each, and ask the loss."""
        counts = np.bincount(codes.codes, minlength=codes.classes).astype(np.float64)
        by_item = counts[None]
        return cls(
            by_item, loss.of_classes(by_item, by_item, codes.names), counts, counts - 1, None
        )

    @property
    def weights(self) -> Vector:
        """Weights of samples; one for those without positives, which a mean over all counts."""
        return np.where((self.positives <= 0) & (self.terms.anchors == 0), 1.0, self.terms.anchors)

    @property
    def has_targets(self) -> NDArray[np.bool_]:
        """Whether an anchor of the class has anything to be drawn to."""
        if self.terms.targets is None:
            return np.asarray(self.positives > 0)
        return np.asarray(self.mixing @ self.columns - self.mixing.diagonal() > 0)

    @cached_property
    def has_terms(self) -> NDArray[np.bool_]:
        """Whether the class has anchors, and their denominators are sums of anything."""
        negative = ((self.columns > 0) & (self.terms.pair > 0)).reshape(self.samples.shape)
        others = (negative.sum(axis=1, keepdims=True) - negative).reshape(-1)
        filled = (others > 0) | ((self.positives > 0) & (self.terms.own > 0))
        return np.asarray(filled & (self.terms.anchors > 0))

    @cached_property
    def _pair(self) -> Vector:
        """Weights of columns; of classes without any, one."""
        pair = np.where(self.columns > 0, self.terms.pair, 1.0)
        hidden = (pair == 0) & (self.terms.own > 0) & (self.positives > 0)
        if hidden.any():
            raise InvalidInputError(
                "a pair weight of zero beside an own weight that is not has no evaluation for "
                "embeddings; give the class a small pair weight, or no own weight"
            )
        return pair

    @cached_property
    def _factors(self) -> Vector:
        """Weights between positives over those of columns; of classes without any, one."""
        ratio = np.divide(
            self.terms.own, self._pair, out=np.ones_like(self._pair), where=self._pair > 0
        )
        return np.where((self.positives > 0) & (self._pair > 0), ratio, 1.0)

    @property
    def tells_classes_apart(self) -> bool:
        """Whether weights within a class differ from those between classes."""
        return bool((self._factors != 1).any())

    @cached_property
    def denominators(self) -> ClassDenominators:
        """W by class."""
        pair, factors = self._pair, self._factors
        largest = float(pair.max()) or 1.0
        scaled = pair / largest
        weights = np.concatenate([scaled, scaled * factors])
        alike = bool((factors[self.positives > 0] == 0).all())
        return ClassDenominators(
            columns=None if (scaled == 1).all() else scaled,
            within=self.tells_classes_apart,
            factors=None if alike else factors,
            spread=float(np.abs(np.log(weights[weights > 0])).max(initial=0.0)),
            log_scale=float(np.log(largest)),
            keys_from=self.keys_from,
        )

    def targets(self, rows: Rows, numbers: NDArray[np.int64], size: int) -> Targets:
        """Return T for rows of these classes: the own class, or a matrix of classes."""
        classes = len(self.columns)
        if self.terms.targets is None and self.keys_from is None:
            return ClassPositives(rows, numbers, classes, size)
        mixing = self.mixing
        if self.keys_from is None:
            return BlockTargets(rows, numbers, MatrixMixing(mixing))
        is_key = np.arange(len(numbers)) >= self.keys_from
        both = sparse.block_array([[None, mixing], [sparse.csr_array(mixing.shape), None]])
        return BlockTargets(rows, numbers + classes * is_key, MatrixMixing(both.tocsr()))

    @cached_property
    def mixing(self) -> Any:
        """B, sparse of classes × classes: what a sample of the one draws one of the other by."""
        matrix, classes = self.terms.targets, len(self.columns)
        whole = (
            sparse.eye_array(classes, format="csr") if matrix is None else sparse.csr_array(matrix)
        )
        each = np.divide(1.0, self.columns, out=np.zeros(classes), where=self.columns > 0)
        own = np.divide(1.0, self.positives, out=np.zeros(classes), where=self.positives > 0)
        diagonal = whole.diagonal()
        return whole @ sparse.diags_array(each) + sparse.diags_array(diagonal * (own - each))

    @cached_property
    def at_floor(self) -> NDArray[np.bool_]:
        """Whether the positives of an anchor weigh one together: losses can be near zero then."""
        if self.terms.targets is not None or self.terms.instances > 0:
            return np.zeros(len(self.positives), dtype=bool)
        apart = np.abs(self.terms.own * self.positives - 1)
        return np.asarray(apart <= 4 * np.finfo(float).eps)

    @property
    def own(self) -> Vector | None:
        """Weight of each positive, None where anchors at the floor have a single one."""
        return None if (self.positives[self.at_floor] == 1).all() else self.terms.own

    def floor(self, numbers: NDArray[np.int64]) -> Floor | None:
        """Return the rows whose losses can be near zero."""
        if not self.at_floor.any():
            return None
        own = None if self.own is None else self.own[numbers]
        return Floor(self.at_floor[numbers], SameClass(numbers), own)


def _counted(numbers: NDArray[np.int64], layout: Layout, first: int, classes: int) -> Vector:
    """Count the classes of the first rows of every item."""
    some = numbers.reshape(layout.items, -1)[:, :first].reshape(-1)
    return np.bincount(some, minlength=classes).astype(np.float64)


def _alike(first: Matrix | None, second: Matrix | None) -> bool:
    """Whether targets are the same up to rounding."""
    return first is None or second is None or np.allclose(first, second, rtol=0, atol=1e-9)
