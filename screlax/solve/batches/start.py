"""Where Newton for expected losses starts: at batches that all have the mean composition.

An anchor that has a positive then has the same others beside it in every batch, which is a loss of
the family of `screlax.problem.losses.class_softmax`: a_c is how many samples of a class are anchors
with a positive, o_c how many positives these have on average, u_c' how many of another class. It
is solved in O(m) a step. With a ridge, classes that gain less by their norm than it costs serve
as negatives only, and share a point.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ...equations.singletons import SingletonEquations, SingletonState
from ...equations.slack_vector import SlackVectorEquations
from ...gram.cells import CellGram
from ...problem.constraints.norm_control import NormControl
from ...problem.constraints.norms import Ridge
from ...problem.losses.class_rows import ClassTerms
from ...problem.losses.in_batches import InBatches
from ...problem.ufm import UFM
from ...proof.singletons import SingletonProof
from ...proof.structured import prove
from ...types import Vector
from ..singletons.candidates import direct_root
from ..singletons.start import one_anchored_class
from ..slack_vector.solver import solve_slack_vector

_CLOSE = 1e-3
"""Relative error of the mean norm up to which a ridge stands for a budget."""

_MOST_RIDGES, _STRIDE = 40, 1.4
"""How many are tried, and the difference of their log λ while the budget is not between them."""


def start_at_mean(problem: UFM) -> CellGram | None:
    """Return the optimum for batches of the mean composition, at orbit level; None if not found.

    Examples
    --------
    >>> import screlax
    >>> from screlax.solve.batches.start import start_at_mean
    >>> batches = screlax.batches.RandomBatches(16)
    >>> problem = screlax.UFM([40, 10, 5], screlax.Sphere(1.0), batches=batches)
    >>> start_at_mean(problem).own
    array([1., 1., 1.])
    """
    terms, copies = _mean_terms(problem), problem.points.multiplicities.astype(float)
    if not terms.anchors.any():
        return None  # all positives are keys
    control = problem.control_at_unit_temperature
    with np.errstate(all="ignore"):
        found = _optimum(terms, copies, control)
        if found is None and not (control.is_penalty or control.fixes_norms):
            found = _by_ridges(terms, copies, control.parameter)
    return found if found is not None and found.is_finite() else None


def _mean_terms(problem: UFM) -> ClassTerms:
    """Return a, o, u and r of batches that all have the mean composition."""
    loss, sizes = problem.loss, problem.class_sizes
    assert isinstance(loss, InBatches)
    copies, views = sizes.multiplicities.astype(float), loss.view_count
    weights = loss.loss.weights_of_anchors(sizes)
    others = copies - np.eye(len(copies))
    anchors, own, pair = np.zeros((3, len(copies)))
    for sampling in loss.batches.samplings(sizes):
        draws = sampling.draws
        everything = np.maximum(draws.everything, np.finfo(float).tiny)
        share, own_share = draws.mean_units / everything, draws.own_units / everything
        inside = draws.own_units * share
        always = (draws.own_fixed > 0) | (views > 1)
        tries, each = (draws.mean_units, own_share) if draws.replaced else (draws.own_units, share)
        chance = np.where(always, 1.0, 1 - (1 - each) ** tries)
        mass = sampling.share * views * sampling.anchors * weights * chance
        inside = draws.own_fixed + inside / np.where(chance > 0, chance, 1.0)
        units = np.where(others > 0, draws.units / np.where(others > 0, others, 1.0), 0.0)
        anchors += mass
        own += mass * (views * inside + views - 1)
        drawn = views * units.max(axis=0) * share.mean() * draws.samples_each
        pair += float(copies @ mass) * drawn
    own = own / np.where(anchors > 0, anchors, 1.0)
    pair = pair / (float(copies @ anchors) or 1.0)
    return ClassTerms(anchors, own, pair, problem.points.distinct.astype(float))


def _optimum(terms: ClassTerms, copies: Vector, control: NormControl) -> CellGram | None:
    """Return the optimum of a loss of the family; None if not found."""
    bare = terms.anchors == 0
    if control.is_penalty:
        bare |= control.parameter / 2 * terms.embeddings >= terms.anchors
    if not bare.any():
        parameters = np.array([control.parameter])
        equations = SlackVectorEquations(terms, copies, control, parameters)
        root = solve_slack_vector(equations)
        return prove(equations, root.state).gram(copies).dense() if root.converged[0] else None
    beside = SingletonEquations(*_merged(terms, copies, bare), control)
    state = _beside(beside)
    if state is None:
        return None
    return _apart(SingletonProof(beside, state).proof.gram.dense(), copies, bare)


def _beside(equations: SingletonEquations) -> SingletonState | None:
    """Return the solution beside classes that are negatives only; None if not found."""
    classes = float(equations.copies.sum())
    if classes < 2:
        can_be_solved = classes == 1 and not equations.bounded
        return one_anchored_class(equations) if can_be_solved else None
    found, _ = direct_root(equations)
    return None if found is None else found.state


def _merged(
    terms: ClassTerms, copies: Vector, bare: NDArray[np.bool_]
) -> tuple[ClassTerms, Vector]:
    """Return the terms with all classes that are negatives only as one."""

    def with_one(numbers: Vector, last: float) -> Vector:
        return np.append(numbers[~bare], last)

    together = copies * bare
    merged = ClassTerms(
        with_one(terms.anchors, 0.0),
        with_one(terms.own, 0.0),
        with_one(terms.pair, float(together @ terms.pair)),
        with_one(terms.embeddings, float(together @ terms.embeddings)),
    )
    return merged, with_one(copies, 1.0)


def _apart(gram: CellGram, copies: Vector, bare: NDArray[np.bool_]) -> CellGram:
    """Return the Gram matrix with the merged classes, the last, at their places again."""
    places = np.where(bare, len(gram.own) - 1, np.cumsum(~bare) - 1)
    own, pair = gram.own[places], gram.pair[np.ix_(places, places)]
    pair[np.ix_(bare, bare)] = gram.own[-1]
    np.fill_diagonal(pair, np.where(copies == 1, own, np.diagonal(pair)))
    return CellGram(own, pair)


def _by_ridges(terms: ClassTerms, copies: Vector, limit: float) -> CellGram | None:
    """Return the optimum under a ridge at which the mean squared norm is about a budget's."""
    mass = copies * terms.embeddings / float(copies @ terms.embeddings)
    top = math.log(2 * float((terms.anchors / terms.embeddings).max()))  # from there on it is zero
    place, more, less, nearest = top - _STRIDE, None, None, None
    for _ in range(_MOST_RIDGES):
        gram = _optimum(terms, copies, Ridge(math.exp(place)))
        mean = 0.0 if gram is None else float(mass @ gram.own)
        if gram is not None and mean > 0:
            nearest, found = gram, (math.log(mean / limit), place)
            if abs(found[0]) < _CLOSE:
                return gram
            more, less = (found, less) if found[0] > 0 else (more, found)
        if more is None:
            place -= _STRIDE
        elif gram is None or less is None:
            place = (more[1] + (place if gram is None else top)) / 2
        else:
            share = more[0] / (more[0] - less[0])
            place = more[1] + min(max(share, 0.05), 0.95) * (less[1] - more[1])
    return nearest if more and less else None
