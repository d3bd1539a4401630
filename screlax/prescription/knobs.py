"""What can be turned by degrees: each knob knows its coordinates, and how the optimum follows them.

Coordinates are logarithms, so that they are free, and their steps relative. The derivatives of the
optimal Gram matrix are those of the implicit function theorem (`screlax.analysis`); a knob says how
the terms of the loss, or its gradient, move with it.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..analysis.differentiate import differentiate, moves_by_gradients, moves_by_terms
from ..analysis.sensitivity import GramMoves
from ..errors import ProblemTooLargeError
from ..gram.cells import CellGram, Level
from ..gram.curve import AnyGram
from ..problem.per_orbit import PerOrbit
from ..problem.program import build_program
from ..problem.ufm import UFM
from ..solve.solve import silent_solution
from ..types import Matrix, Vector

WIDEST = 100.0
"""Factor by which weights and shares may leave those of the balanced ones, up or down."""

_TEMPERATURES = 5.0
"""Factor by which the temperature may leave the given one, unless bounds are given."""

_MOST_PROTOTYPES = 10
"""Largest number of prototypes of a class, in numbers of samples of the largest class."""

_STEP = 1e-5
"""Of central differences of the gradient at a fixed Gram matrix, which is smooth and explicit."""

_APART = 1e-4
"""Of central differences of optima, in logarithms."""

Flat = Callable[[Vector, Matrix], Vector]
"""Squared norms and inner products to one vector of numbers."""


class Knob(ABC):
    """One thing that can be turned, of one or more coordinates.

    Attributes
    ----------
    name : str
        What it is asked for by.
    has_floor : bool
        Whether nothing exists below the smallest coordinates: they end no search too early.
    """

    name: ClassVar[str]
    has_floor: ClassVar[bool] = False

    @abstractmethod
    def why_not(self, problem: UFM) -> str | None:
        """Return why a problem does not have this knob, or None where it has."""

    def prepared(self, problem: UFM) -> UFM:
        """Return the same problem in the form that can be turned."""
        return problem

    @abstractmethod
    def at(self, problem: UFM) -> Vector:
        """Return the coordinates of a problem."""

    @abstractmethod
    def limits(self, problem: UFM) -> tuple[Vector, Vector]:
        """Return the smallest and largest coordinates."""

    def starts(self, problem: UFM) -> list[Vector]:
        """Return coordinates from which to search, beside those of the problem."""
        return []

    @abstractmethod
    def turned(self, problem: UFM, coordinates: Vector) -> UFM:
        """Return the problem at other coordinates, those of whole numbers rounded."""

    @abstractmethod
    def slopes(self, problem: UFM, gram: AnyGram, flat: Flat) -> Matrix:
        """Return the derivatives of the Gram matrix by the coordinates, as columns of `flat`.

        Raises
        ------
        InvalidInputError
            If the solution has none, as at the edge between two regimes.
        """


def _columns(moves: GramMoves, count: int, flat: Flat) -> Matrix:
    return np.column_stack([flat(moves.own[:, g], moves.pair(g)) for g in range(count)])


@dataclass(frozen=True)
class ClassWeights(Knob):
    """The weight α_c of the anchors of each class, the same for classes of one orbit.

    Only their ratios are turned: Σ α_c n_c stays what it is, and so does the meaning of a penalty.
    """

    name: ClassVar[str] = "class_weights"

    def why_not(self, problem: UFM) -> str | None:
        """See `Knob.why_not`."""
        known = {field.name for field in dataclasses.fields(problem.loss.of_all_samples)}
        if self.name not in known:
            return f"loss {problem.loss} has no class weights"
        if not (_weights(problem) > 0).all():
            return "classes of weight zero have no ratio to others; give them weights above zero"
        return None

    def at(self, problem: UFM) -> Vector:
        """See `Knob.at`: log α."""
        return np.log(_normalised(problem, _weights(problem)))

    def limits(self, problem: UFM) -> tuple[Vector, Vector]:
        """See `Knob.limits`."""
        centre = self.starts(problem)[0]
        return centre - np.log(WIDEST), centre + np.log(WIDEST)

    def starts(self, problem: UFM) -> list[Vector]:
        """See `Knob.starts`: all classes weigh the same."""
        return [np.log(_normalised(problem, 1 / problem.class_sizes.distinct.astype(float)))]

    def turned(self, problem: UFM, coordinates: Vector) -> UFM:
        """See `Knob.turned`."""
        weights = _normalised(problem, np.exp(coordinates - coordinates.max()))
        return _with_loss(problem, class_weights=PerOrbit(weights))

    def slopes(self, problem: UFM, gram: AnyGram, flat: Flat) -> Matrix:
        """See `Knob.slopes`."""
        sizes, weights = problem.class_sizes, _weights(problem)
        m, terms = sizes.orbits, problem.loss.class_terms(sizes)
        if terms is None:  # the loss of batches, to which its anchors add up
            loss = build_program(problem, Level.ORBITS).loss
            at = loss.expand(gram.scaled(1 / problem.temperature).dense())
            moves = moves_by_gradients(problem, gram, loss.gradient_by_cell(at))
        else:
            none = np.zeros(m)
            by_weight = dataclasses.replace(terms, own=none, pair=none, embeddings=none)
            moves = moves_by_terms(problem, gram, by_weight, np.ones(m))
        columns = _columns(moves, m, flat)
        # the normalised weights move by x less the mean of x over anchors
        share = sizes.multiplicities * sizes.distinct * weights
        return columns - np.outer(columns.sum(axis=1), share / share.sum())


def _weights(problem: UFM) -> Vector:
    return problem.loss.of_all_samples.weights_of_anchors(problem.class_sizes)


def _normalised(problem: UFM, weights: Vector) -> Vector:
    """Return weights that sum over samples to what those of the problem do."""
    samples = problem.class_sizes.multiplicities * problem.class_sizes.distinct
    return np.asarray(weights * (float(samples @ _weights(problem)) / float(samples @ weights)))


def _with_loss(problem: UFM, **options: Any) -> UFM:
    return dataclasses.replace(problem, loss=problem.loss.with_options(**options))


@dataclass(frozen=True)
class ClassPrototypes(Knob):
    """The number of prototypes of each class, the same for classes of one orbit: whole numbers.

    Tied prototypes, which are the class means and count as samples: `Prototypes`.
    """

    name: ClassVar[str] = "prototypes"
    has_floor: ClassVar[bool] = True

    def why_not(self, problem: UFM) -> str | None:
        """See `Knob.why_not`."""
        if problem.loss.among_prototypes() is not None:
            return None
        return (
            "prototypes go with loss supcon of one view, or tied prototypes, of all samples, "
            f"not with {problem.loss}"
        )

    def prepared(self, problem: UFM) -> UFM:
        """See `Knob.prepared`: the supervised contrastive loss is the one without prototypes."""
        loss = problem.loss.among_prototypes()
        return problem if loss is None else dataclasses.replace(problem, loss=loss)

    def at(self, problem: UFM) -> Vector:
        """See `Knob.at`: the logarithm of samples and prototypes together."""
        return np.log(problem.class_sizes.distinct + _prototypes(problem))

    def limits(self, problem: UFM) -> tuple[Vector, Vector]:
        """See `Knob.limits`: a class of one sample, which has no positives, gets one at least."""
        size = problem.class_sizes.distinct.astype(float)
        return np.log(np.maximum(size, 2)), np.log(size + _MOST_PROTOTYPES * size.max())

    def starts(self, problem: UFM) -> list[Vector]:
        """See `Knob.starts`: as many as make all classes as large as the largest."""
        size = problem.class_sizes.distinct.astype(float)
        return [np.full(len(size), np.log(size.max()))]

    def turned(self, problem: UFM, coordinates: Vector) -> UFM:
        """See `Knob.turned`."""
        count = np.rint(np.exp(coordinates)) - problem.class_sizes.distinct
        return _with_loss(problem, per_class=PerOrbit(np.maximum(count, 0.0)))

    def slopes(self, problem: UFM, gram: AnyGram, flat: Flat) -> Matrix:
        """See `Knob.slopes`; the terms of the loss are linear in the numbers."""
        count, sizes = _prototypes(problem), problem.class_sizes
        terms = problem.loss.class_terms(sizes)
        more = _with_loss(problem, per_class=PerOrbit(count + 1)).loss.class_terms(sizes)
        assert terms is not None
        assert more is not None
        total = sizes.distinct + count
        moves = moves_by_terms(problem, gram, more.less(terms), total)
        return _columns(moves, len(count), flat) * total


def _prototypes(problem: UFM) -> Vector:
    sizes = problem.class_sizes
    return np.asarray(problem.loss.points(sizes).distinct - sizes.distinct, dtype=float)


@dataclass(frozen=True)
class Temperature(Knob):
    """The temperature τ, and with it the control, on whose λτ or ρ/τ alone angles depend.

    Attributes
    ----------
    bounds : tuple of float, optional
        Smallest and largest temperature; by default within five times of the given one.
    """

    name: ClassVar[str] = "temperature"
    bounds: tuple[float, float] | None = None

    def why_not(self, problem: UFM) -> str | None:
        """See `Knob.why_not`."""
        return None

    def at(self, problem: UFM) -> Vector:
        """See `Knob.at`."""
        return np.log([problem.temperature])

    def limits(self, problem: UFM) -> tuple[Vector, Vector]:
        """See `Knob.limits`."""
        tau = problem.temperature
        low, high = self.bounds or (tau / _TEMPERATURES, tau * _TEMPERATURES)
        return np.log([low]), np.log([high])

    def turned(self, problem: UFM, coordinates: Vector) -> UFM:
        """See `Knob.turned`."""
        return dataclasses.replace(problem, temperature=float(np.exp(coordinates[0])))

    def slopes(self, problem: UFM, gram: AnyGram, flat: Flat) -> Matrix:
        """See `Knob.slopes`."""
        try:
            moved = differentiate(problem, gram)
        except ProblemTooLargeError:  # two solutions more are cheaper than a dense system
            up, down = (
                silent_solution(self.turned(problem, self.at(problem) + step)).orbit_gram
                for step in (_APART, -_APART)
            )
            change = flat(up.own, up.pair) - flat(down.own, down.pair)
            return change[:, None] / (2 * _APART)
        column = flat(moved.own_by_temperature, moved.pair_by_temperature)
        return problem.temperature * column[:, None]


@dataclass(frozen=True)
class ClassShares(Knob):
    """How often samples of each class are drawn by a weighted sampler, alike in one orbit."""

    name: ClassVar[str] = "class_shares"

    def why_not(self, problem: UFM) -> str | None:
        """See `Knob.why_not`."""
        if problem.batches is not None and self.name in problem.batches.per_class_options:
            return None
        return (
            "class shares are those of a weighted sampler; give batches, such as weighted:size=64"
        )

    def at(self, problem: UFM) -> Vector:
        """See `Knob.at`."""
        return np.log(_shares(problem))

    def limits(self, problem: UFM) -> tuple[Vector, Vector]:
        """See `Knob.limits`."""
        wide = np.full(problem.class_sizes.orbits, np.log(WIDEST))
        return -wide, wide

    def starts(self, problem: UFM) -> list[Vector]:
        """See `Knob.starts`: all classes alike, and as often as they have samples."""
        size = problem.class_sizes.distinct.astype(float)
        return [np.zeros(len(size)), np.log(size / size.mean())]

    def turned(self, problem: UFM, coordinates: Vector) -> UFM:
        """See `Knob.turned`."""
        return _with_loss(problem, class_shares=PerOrbit(np.exp(coordinates - coordinates.mean())))

    def slopes(self, problem: UFM, gram: AnyGram, flat: Flat) -> Matrix:
        """See `Knob.slopes`."""
        unit = gram.scaled(1 / problem.temperature).dense()
        shares, slopes = np.log(_shares(problem)), []
        for orbit in np.arange(len(shares)):
            up, down = (
                _gradient(
                    self.turned(problem, shares + step * (np.arange(len(shares)) == orbit)), unit
                )
                for step in (_STEP, -_STEP)
            )
            own, pair = (up.own - down.own), (up.pair - down.pair)
            slopes.append(CellGram(own / (2 * _STEP), pair / (2 * _STEP)))
        return _columns(moves_by_gradients(problem, gram, slopes), len(shares), flat)


def _gradient(problem: UFM, unit: CellGram) -> CellGram:
    """Return the gradient of the loss at a Gram matrix at unit temperature."""
    loss = build_program(problem, Level.ORBITS).loss
    return loss.gradient(loss.expand(unit))


def _shares(problem: UFM) -> Vector:
    """Return the shares of the sampler, of geometric mean one."""
    given = problem.loss.orbit_options.get("class_shares")
    shares = np.ones(problem.class_sizes.orbits) if given is None else given
    return np.asarray(np.exp(np.log(shares) - np.log(shares).mean()))


KNOBS: dict[str, Knob] = {
    knob.name: knob for knob in (ClassWeights(), ClassPrototypes(), Temperature(), ClassShares())
}
"""Every knob by name."""
