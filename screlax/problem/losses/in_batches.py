"""A loss as mini-batches see it: its expectation over which samples meet."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from ...errors import InvalidInputError
from ...gram.cells import Level
from ..batches.averaged import AveragedExpectation
from ..batches.base import Batches, Sampling, batches_named, batches_of_record, read_sampler
from ..batches.expectation import Expectation
from ..batches.general import GeneralExpectation
from ..class_sizes import ClassSizes
from ..features import Features
from ..levels import cells_at
from ..per_orbit import PerOrbit
from .base import Loss, whole_if_whole
from .expected_rows import ExpectedRows, WeightedRows
from .gram_loss import GramLoss


@dataclass(frozen=True)
class InBatches(Loss):
    """n × the expected sum over a batch, divided by its size, of a loss.

        f(M) = Σ_c a_c E[ 1 log Y_c ],   Y_c = V b_c + V − 1 + Σ_{c'≠c} V b_c' exp((M_cc' − M_cc)/τ)

    with b_c' samples of class c' in the rest of an anchor's batch, V views, a_c the anchors of
    class c, and 1 where there is a positive. It is a smooth convex function of the class means'
    Gram matrix M; all embeddings of a class coincide at its optimum, which with unequal classes is
    not that of the loss of all samples. A batch of all samples is that loss. With
    mean_over="anchors" of the sampler, V n × the expected mean over the anchors that are in a
    batch: the same where all of its embeddings always are, else exact by a second generating
    variable, which is slower. What is printed of the loss says which.

    Parameters
    ----------
    loss : Loss
        `SupCon` or `NegativesOnly` with any views, `ClassAveraged` over the classes that are in a
        batch, `Queue` and tied `Prototypes` without loss terms, all of whose keys are there with
        every batch; with any class weights. An anchor of a batch without negatives has no loss
        under `NegativesOnly`.
    batches : Batches
        The sampler.

    Source: the expectation by generating functions is screlax's own; for balanced classes Graf et
    al. 2021 (arXiv 2102.08817), whose sum over batches it reproduces.

    Examples
    --------
    >>> import screlax
    >>> batches = screlax.batches.RandomBatches(16)
    >>> problem = screlax.UFM([40, 10, 5], screlax.Sphere(1.0), 0.2, batches=batches)
    >>> print(problem.loss)
    supcon in shuffle:size=16
    >>> print(screlax.solve_relaxation(problem).status)
    optimal
    """

    name: ClassVar[str] = "in-batches"
    loss: Loss
    batches: Batches

    def __post_init__(self) -> None:
        why = self.loss.why_no_batches
        if why:
            raise InvalidInputError(
                f"the expected loss of batches is not known for loss {self.loss}: {why}"
            )
        why = self.loss.why_no_mean_over_anchors
        if self.batches.is_per_anchor and why:
            raise InvalidInputError(f"mean_over='anchors' is not known for loss {self.loss}: {why}")

    @property
    def sampler(self) -> Batches:
        """See `Loss.sampler`."""
        return self.batches

    @property
    def of_all_samples(self) -> Loss:
        """See `Loss.of_all_samples`."""
        return self.loss

    @property
    def view_count(self) -> int:
        """See `Loss.view_count`."""
        return self.loss.view_count

    def points(self, sizes: ClassSizes) -> ClassSizes:
        """See `Loss.points`."""
        return self.loss.points(sizes)

    def check(self, sizes: ClassSizes) -> None:
        """See `Loss.check`."""
        if sizes.classes < 2:
            self.loss.check(sizes)
        self.batches.samplings(sizes)
        if not self._kinds(sizes):
            raise InvalidInputError(
                f"with batches {self.batches} no sample ever has a positive partner; take larger "
                "batches, more samples of each class, or two views"
            )

    def at_level(self, sizes: ClassSizes, level: Level) -> GramLoss:
        """See `Loss.at_level`."""
        if level in (Level.SAMPLES, Level.INSTANCES):
            raise InvalidInputError(
                "the expected loss of batches is posed for class means, since all embeddings of a "
                f"class coincide at its optimum; choose level classes or orbits instead of {level}"
            )
        if level is Level.CLASSES:
            sizes, loss = self._listed(sizes)
            return loss.at_level(sizes, Level.ORBITS)
        return ExpectedRows(cells_at(self.points(sizes), level), self._kinds(sizes))

    @property
    def knows_where_bounded(self) -> bool:
        """See `Loss.knows_where_bounded`."""
        return False

    def bounded_threshold(self, sizes: ClassSizes, features: Features) -> float:
        """See `Loss.bounded_threshold`: where it has no lower bound, that of the zero solution."""
        unbounded = math.isinf(self.at_level(sizes, Level.ORBITS).infimum)
        return self.zero_threshold(sizes) if unbounded else 0.0

    def _listed(self, sizes: ClassSizes) -> tuple[ClassSizes, InBatches]:
        """Return the same with every class an orbit of its own."""
        orbit = sizes.orbit_index()
        one = np.ones(len(orbit), dtype=np.int64)
        listed = ClassSizes(sizes.distinct[orbit], one, np.arange(len(orbit)))
        return listed, self.taken(orbit)

    def _kinds(self, sizes: ClassSizes) -> list[WeightedRows]:
        """Return `_new_kinds`; the last ones are remembered, with the floors that they found."""
        if not (self._last and self._last[0][0] == sizes):
            self._last[:] = [(sizes, self._new_kinds(sizes))]
        return self._last[0][1]

    @cached_property
    def _last(self) -> list[tuple[ClassSizes, list[WeightedRows]]]:
        return []

    def _new_kinds(self, sizes: ClassSizes) -> list[WeightedRows]:
        """Return the rows that ever have a positive, for each kind of batches that has any."""
        kinds = []
        weights = self.loss.weights_of_anchors(sizes) * sizes.multiplicities
        every = np.arange(sizes.orbits)
        for number, sampling in enumerate(self.batches.samplings(sizes)):
            mass = sampling.share * self.view_count * sampling.anchors * weights
            if self._divides(sampling):
                mass = mass * sampling.size
            possible = self._rows(sizes, sampling, every).has_positives
            orbits = np.flatnonzero(np.where(possible, mass, 0.0))
            if len(orbits):
                rows = self._rows(sizes, sampling, orbits)
                kinds.append(WeightedRows(orbits, mass[orbits], rows, number))
        return kinds

    def why_not_exact(self, sizes: ClassSizes) -> str:
        """See `Loss.why_not_exact`: the faster way to expectations is the one that is enclosed."""
        if all(kind.rows.is_enclosed for kind in self._kinds(sizes)):
            return ""
        return (
            "expected losses of SupCon, divided by all samples of a batch (mean_over='all'), or "
            "where every batch has the same number of anchors"
        )

    def rows_exactly(
        self, sizes: ClassSizes, level: Level, exactly: Callable[[float], Any]
    ) -> list[tuple[list[Any], list[list[Any]], list[Any]]]:
        """Return mass, units and own units of the rows of each kind, as numbers that do not round.

        Parameters
        ----------
        sizes : ClassSizes
        level : Level
            Classes or orbits.
        exactly : callable
            Makes such a number of a double; it has arithmetic.
        """
        if level is Level.CLASSES:
            sizes, loss = self._listed(sizes)
            return loss.rows_exactly(sizes, Level.ORBITS, exactly)
        scale = self.view_count * self.loss.weights_of_anchors(sizes)
        numbers = self.batches.numbers_exactly(sizes, exactly)
        copies = sizes.multiplicities.astype(float)
        found = []
        for kind in self._kinds(sizes):
            (anchors, each), draws = numbers[kind.number], kind.rows.draws
            orbits = kind.orbits.tolist()
            mass = [exactly(scale[g]) * exactly(copies[g]) * anchors[g] for g in orbits]
            units = [
                [exactly(n * (copies[h] - (h == g))) * each[h] for h, n in enumerate(row)]
                for g, row in zip(orbits, (draws.units > 0).tolist(), strict=True)
            ]
            alone = [each[g] for g in orbits]
            if not draws.replaced:
                alone = [exactly(count) for count in draws.own_units.tolist()]
            found.append((mass, units, alone))
        return found

    def _divides(self, sampling: Sampling) -> bool:
        """Whether the number of anchors of a batch is divided by, and differs between batches."""
        return self.batches.is_per_anchor and not sampling.has_anchors_fixed(self.view_count)

    def _rows(
        self, sizes: ClassSizes, sampling: Sampling, orbits: NDArray[np.int64]
    ) -> Expectation | GeneralExpectation:
        """Return the expected losses of the anchors of some orbits."""
        draws, terms = sampling.draws.rows(orbits), self.loss.batch_terms(sizes)
        per_anchor = self._divides(sampling)
        if terms.is_plain and not per_anchor:
            return Expectation(draws, self.view_count)
        others = (sizes.multiplicities - np.eye(sizes.orbits))[orbits]
        averaged = terms.averaged and not per_anchor
        return (AveragedExpectation if averaged else GeneralExpectation)(
            draws,
            self.view_count,
            terms,
            others,
            sampling.units,
            orbits,
            per_anchor=per_anchor,
            most=sampling.most,
        )

    def anchor_count(self, sizes: ClassSizes) -> float:
        """See `Loss.anchor_count`; shares of steps that sum to one leave no fraction."""
        total = float(sum(kind.mass.sum() for kind in self._kinds(sizes)))
        nearest = float(round(total))
        return whole_if_whole(nearest if math.isclose(total, nearest, rel_tol=1e-13) else total)

    @property
    def options(self) -> dict[str, Any]:
        """Options of the loss that are not the default; those of the sampler are its own."""
        return self.loss.options

    def options_of(self, kind: type) -> dict[str, Any]:
        """See `NamedOptions.options_of`: of the loss and of the sampler."""
        return self.loss.options_of(kind) | self.batches.options_of(kind)

    def with_options(self, **options: Any) -> Self:
        """See `Loss.with_options`; of the loss or of the sampler."""
        drawn = {name: value for name, value in options.items() if hasattr(self.batches, name)}
        others = {name: value for name, value in options.items() if name not in drawn}
        return dataclasses.replace(
            self,
            loss=self.loss.with_options(**others),
            batches=dataclasses.replace(self.batches, **drawn),
        )

    def taken(self, orbit: NDArray[np.int64]) -> InBatches:
        """Return the loss with its numbers per orbit repeated for classes by their orbit."""
        given = self.options_of(PerOrbit).items()
        return self.with_options(**{name: PerOrbit(n.numbers[orbit]) for name, n in given})

    @property
    def text(self) -> str:
        """See `Loss.text`: ``loss in sampler``."""
        return f"{self.loss.text} in {self.batches.text}"

    def record(self) -> dict[str, Any]:
        """See `Loss.record`."""
        return {**self.loss.record(), "batches": self.batches.record()}

    def __str__(self) -> str:
        return f"{self.loss} in {self.batches}"


def check_batches(batches: object) -> Batches:
    """Return a sampler unchanged, or made from its text, its name and options, or its record.

    Raises
    ------
    InvalidInputError
        If it is none of these, or there is no such sampler.
    """
    if isinstance(batches, Batches):
        return batches
    if isinstance(batches, dict):
        return batches_of_record(batches)
    if isinstance(batches, str):
        batches = read_sampler(batches)
    if not isinstance(batches, tuple):
        raise InvalidInputError(f"batches must be a sampler or its text, got {batches!r}")
    return batches_named(*batches)
