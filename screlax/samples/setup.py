"""From labels, a mask or soft labels, and a loss, to what one evaluation needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..errors import InvalidInputError
from ..types import Vector
from .block_targets import (
    BlockTargets,
    FactorMixing,
    MaskPositives,
    MixedTargets,
    require_symmetric,
)
from .census import Census
from .denominator import EVERY_OTHER, Denominator, SameClass
from .kernels.near_zero import Floor
from .kernels.small import LARGEST_SMALL
from .layout import Codes, Layout, encode, nonnegative
from .loss_terms import LossTerms
from .options import Options, row_weights, weights_of_classes
from .positives import ClassPositives, Targets
from .rows import Rows, is_mapped


@dataclass(frozen=True, eq=False)
class Setup:
    """What is contrasted, with which weights, towards which targets.

    Attributes
    ----------
    targets : Targets
        T, and the embeddings.
    denominator : Denominator
        w.
    weights : ndarray, shape (rows,)
        a_i, so that the reduced loss is Σ a_i ℓ_i.
    floor : Floor or None
        Rows whose losses can be near zero.
    order : ndarray of int, shape (rows,), or None
        Row of the layout that each of these rows is; None where they are in the same order.
    """

    targets: Targets
    denominator: Denominator
    weights: Vector
    floor: Floor | None
    order: NDArray[np.intp] | None = None


def of_supcon(
    layout: Layout, labels: Any, negatives_only: bool, class_weights: Any, options: Options
) -> Setup:
    """Return the setup of `SupCon`, or of `NegativesOnly`, for labels: fast for small batches."""
    codes, numbers = _numbered(layout, labels, class_weights is not None)
    order = _sorted_order(layout, numbers) if negatives_only else None
    numbers = _in_order(numbers, order)
    classes = codes.classes * layout.items
    positives = ClassPositives(_rows(layout, options, order), numbers, classes, layout.size)
    counted, weights = positives.counts > 0, None
    if class_weights is not None:
        weights = np.tile(weights_of_classes(codes, class_weights), layout.items)[numbers]
    if negatives_only:
        counted &= positives.negatives > 0
        within = SameClass(numbers, in_runs=_worth_sorting(layout))
        denominator, floor = Denominator(within=within), None
    else:
        denominator, floor = EVERY_OTHER, Floor(positives.single, positives.exclude)
    reduced = row_weights(options, counted, weights, layout.items, layout.anchors)
    return Setup(positives, denominator, reduced, floor, order)


def from_labels(
    layout: Layout,
    labels: Any,
    loss: LossTerms,
    options: Options,
    silent: NDArray[np.bool_] | None = None,
    keys_only: bool = False,
) -> Setup:
    """Return the setup for labels, one a sample, those of keys last.

    Samples that are `silent` are no anchors. With `keys_only` anchors are contrasted with keys.
    """
    codes, numbers = _numbered(layout, labels, loss.needs_labels)
    census = Census.of(layout, numbers, codes, loss, keys_only)
    order = _sorted_order(layout, numbers) if census.tells_classes_apart else None
    if order is not None:
        numbers = numbers[order]
    rows = _rows(layout, options, order)
    weights = census.weights[numbers]
    loud = np.ones(codes.classes, dtype=bool)
    if silent is not None:
        loud[codes.codes[silent]] = False
    class_weights = loss.class_weights(census.samples, codes, loud)
    if class_weights is not None:
        weights = weights * class_weights[numbers]
    if silent is not None:
        weights[_in_order(layout.per_row(silent), order)] = 0.0
    targets: Targets = census.targets(rows, numbers, layout.size)
    if census.terms.instances > 0:
        targets = _mixed(targets, census.terms.instances, layout, order)
    counted = (targets.counts > 0) & census.has_terms[numbers]
    weights = row_weights(options, counted, weights, layout.items, layout.anchors)
    denominator = census.denominators.of_rows(numbers, _worth_sorting(layout))
    return Setup(targets, denominator, weights, census.floor(numbers), order)


def from_mask(layout: Layout, mask: Any, negatives_only: bool, options: Options) -> Setup:
    """Return the setup for a mask of positives, of one item."""
    matrix = nonnegative(mask, "mask", (layout.samples, layout.samples))
    if negatives_only:
        require_symmetric(matrix)
    positives = MaskPositives(_rows(layout, options, None), matrix, layout)
    counted = positives.counts > 0
    if negatives_only:
        counted &= positives.negatives > 0
    weights = row_weights(options, counted, None, layout.items, layout.anchors)
    if negatives_only:
        return Setup(positives, Denominator(within=positives.exclude), weights, None)
    return Setup(positives, Denominator(), weights, Floor(positives.single, positives.exclude))


def from_soft_labels(
    layout: Layout, labels: Any, loss: LossTerms, options: Options, keys_only: bool = False
) -> Setup:
    """Return the setup for label probabilities, shape (samples, labels): T_ij ∝ ⟨y_i, y_j⟩."""
    if not loss.has_no_classes:
        raise InvalidInputError(
            f"soft labels have no classes, which the loss {loss.loss} needs; give it labels, or "
            "take a loss whose denominator has every other embedding once, as supcon, without "
            "class weights and prototypes"
        )
    terms = loss.of_two_classes
    left, right = labels, labels
    if keys_only:
        is_key = np.arange(layout.samples) >= layout.samples - layout.keys
        left, right = (
            sparse.diags_array(part.astype(float)) @ labels for part in (~is_key, is_key)
        )
    rows = _rows(layout, options, None)
    samples: NDArray[np.int64] = layout.per_row(np.arange(layout.samples))
    targets: Targets = BlockTargets(rows, samples, FactorMixing(left, right))
    if terms.instances > 0:
        targets = _mixed(targets, terms.instances, layout, None)
    counted = targets.counts > 0
    weights = row_weights(options, counted, None, 1, layout.anchors)
    denominator = Denominator(keys_from=layout.size - layout.keys if keys_only else None)
    return Setup(targets, denominator, weights, None)


def _numbered(layout: Layout, labels: Any, names: bool) -> tuple[Codes, NDArray[np.int64]]:
    """Return the classes, and a number for each row's: other ones for each item."""
    samples = layout.samples
    shapes = ((samples,), (layout.items, samples)) if layout.kind == "batch" else ((samples,),)
    codes = encode(labels, shapes, names=names, hint=layout.hint)
    numbers = layout.per_row(codes.codes)
    if layout.items > 1:
        numbers = numbers + codes.classes * np.repeat(np.arange(layout.items), layout.size)
    return codes, numbers


def _mixed(
    targets: Targets, share: float, layout: Layout, order: NDArray[np.intp] | None
) -> Targets:
    """Mix targets with those on the other views of the same sample."""
    samples = _in_order(layout.per_row(np.arange(layout.samples)), order)
    views = ClassPositives(targets.rows, samples, layout.samples, layout.size)
    return views if share == 1 else MixedTargets(targets, views, share)


def _rows(layout: Layout, options: Options, order: NDArray[np.intp] | None) -> Rows:
    """Return the embeddings, in an order; a bad entry is named by its place in the input."""
    if order is None:
        return Rows(layout.rows, options.normalize, layout.locate)
    found = order
    return Rows(layout.rows[found], options.normalize, lambda row: layout.locate(int(found[row])))


def _in_order(values: NDArray[Any], order: NDArray[np.intp] | None) -> NDArray[Any]:
    return values if order is None else values[order]


def _sorted_order(layout: Layout, numbers: NDArray[np.int64]) -> NDArray[np.intp] | None:
    """Return an order in which tiles have few runs of one class, None where it is of no use.

    Anchors stay first, and keys last.
    """
    if not _worth_sorting(layout):
        return None
    place = np.arange(len(numbers)) % layout.size
    section = (place >= layout.anchors).astype(np.int64) + (place >= layout.size - layout.keys)
    if layout.items > 1 or not section.any():
        return None if (numbers[1:] >= numbers[:-1]).all() else np.argsort(numbers, kind="stable")
    return np.lexsort((numbers, section))


def _worth_sorting(layout: Layout) -> bool:
    """Whether rows are to be sorted by class: not for one tile, and files are not copied."""
    return layout.size > LARGEST_SMALL and not is_mapped(layout.rows)
