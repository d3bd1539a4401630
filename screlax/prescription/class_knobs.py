"""Knobs of one number a class: weights of anchors, shares of a sampler, prototypes."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..analysis.differentiate import moves_by_gradients, moves_by_terms
from ..gram.cells import CellGram, Level
from ..gram.curve import AnyGram
from ..problem.per_orbit import PerOrbit
from ..problem.program import build_program
from ..problem.ufm import UFM
from ..types import Matrix, Vector
from .knob import Flat, Knob, columns_of, with_loss

WIDEST = 100.0
"""Factor by which weights and shares may leave those of the balanced ones, up or down."""

_MOST_PROTOTYPES = 10
"""Largest number of prototypes of a class, in numbers of samples of the largest class."""

_STEP = 1e-5
"""Of central differences of the gradient at a fixed Gram matrix, which is smooth and explicit."""


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
        here, centre = self.at(problem), self.starts(problem)[0]
        low, high = centre - np.log(WIDEST), centre + np.log(WIDEST)
        return np.minimum(low, here), np.maximum(high, here)

    def starts(self, problem: UFM) -> list[Vector]:
        """See `Knob.starts`: all classes weigh the same."""
        return [np.log(_normalised(problem, 1 / problem.class_sizes.distinct.astype(float)))]

    def turned(self, problem: UFM, coordinates: Vector) -> UFM:
        """See `Knob.turned`."""
        weights = _normalised(problem, np.exp(coordinates - coordinates.max()))
        return with_loss(problem, class_weights=PerOrbit(weights))

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
        columns = columns_of(moves, m, flat)
        # the normalised weights move by x less the mean of x over anchors
        share = sizes.multiplicities * sizes.distinct * weights
        return columns - np.outer(columns.sum(axis=1), share / share.sum())


def _weights(problem: UFM) -> Vector:
    return problem.loss.of_all_samples.weights_of_anchors(problem.class_sizes)


def _normalised(problem: UFM, weights: Vector) -> Vector:
    """Return weights that sum over samples to what those of the problem do."""
    samples = problem.class_sizes.multiplicities * problem.class_sizes.distinct
    return np.asarray(weights * (float(samples @ _weights(problem)) / float(samples @ weights)))


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
        here = self.at(problem)
        return np.minimum(here, -np.log(WIDEST)), np.maximum(here, np.log(WIDEST))

    def starts(self, problem: UFM) -> list[Vector]:
        """See `Knob.starts`: all classes alike, and as often as they have samples."""
        size = problem.class_sizes.distinct.astype(float)
        return [np.zeros(len(size)), np.log(size / size.mean())]

    def turned(self, problem: UFM, coordinates: Vector) -> UFM:
        """See `Knob.turned`."""
        return with_loss(problem, class_shares=PerOrbit(np.exp(coordinates - coordinates.mean())))

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
        return columns_of(moves_by_gradients(problem, gram, slopes), len(shares), flat)


def _gradient(problem: UFM, unit: CellGram) -> CellGram:
    """Return the gradient of the loss at a Gram matrix at unit temperature."""
    loss = build_program(problem, Level.ORBITS).loss
    return loss.gradient(loss.expand(unit))


def _shares(problem: UFM) -> Vector:
    """Return the shares of the sampler, of geometric mean one."""
    given = problem.loss.orbit_options.get("class_shares")
    shares = np.ones(problem.class_sizes.orbits) if given is None else given
    return np.asarray(np.exp(np.log(shares) - np.log(shares).mean()))


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
        return with_loss(problem, per_class=PerOrbit(np.maximum(count, 0.0)))

    def slopes(self, problem: UFM, gram: AnyGram, flat: Flat) -> Matrix:
        """See `Knob.slopes`; the terms of the loss are linear in the numbers."""
        count, sizes = _prototypes(problem), problem.class_sizes
        terms = problem.loss.class_terms(sizes)
        more = with_loss(problem, per_class=PerOrbit(count + 1)).loss.class_terms(sizes)
        assert terms is not None
        assert more is not None
        total = sizes.distinct + count
        moves = moves_by_terms(problem, gram, more.less(terms), total)
        return columns_of(moves, len(count), flat) * total


def _prototypes(problem: UFM) -> Vector:
    sizes = problem.class_sizes
    return np.asarray(problem.loss.points(sizes).distinct - sizes.distinct, dtype=float)
