"""A comparison as text."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..io.notebook import card
from ..io.shown import shortened
from ..io.tables import text_lines
from .decision import Decision, named
from .gap_split import GapSplit
from .logits_metrics import LogitMetrics
from .logits_split import LogitSplit
from .loss_gap import LossGap

if TYPE_CHECKING:
    from ..analysis.determinacy import Reference
    from .drawn import DrawnLoss
    from .result import Comparison, PerClass

_LISTED = 20
"""Rows of the table of classes."""

_WIDTH = 100

_ROUNDING = 1e-9
"""Share of an excess below which a part of it is written as zero."""


def table_of(found: Comparison) -> str:
    """Return verdict, flags, summary, metrics, and a row for each class."""
    counts = "" if found.same_counts else "; class counts differ from the problem's"
    lines = [
        *paragraph("verdict", found.verdict.sentence),
        *_flag_lines(found),
        f"embeddings   {found.samples:,} samples, {found.classes:,} classes, dimension {found.dim}"
        f"{counts}",
        f"optimum      of {found.recipe}: {found.recipe.kind}",
        *_loss_lines(found),
        f"Gram         ‖G/‖G‖ − G*/‖G*‖‖ = {found.gram_distance:.6g} of class means, "
        f"{found.sample_gram_distance:.6g} of samples",
        f"Procrustes   residual {found.residual:.6g} at scale {found.scale:.6g}",
        *_metric_lines(found),
        *([] if found.groups is None else ["", *found.groups.lines()]),
        "",
        *_class_lines(found.per_class),
        *([] if found.logits is None else _row_lines(found.per_class, found.logits)),
    ]
    return "\n".join(lines)


def card_of(found: Comparison) -> str:
    """Return the same for a notebook: the first lines as facts, all metrics to unfold."""
    above, *below = table_of(found).split("\n\n")
    facts: list[tuple[str, str]] = []
    for line in above.splitlines():
        if line.startswith(" " * 13):
            name, said = facts.pop()
            facts.append((name, f"{said} {line.strip()}"))
        else:
            name, _, said = line.partition(" ")
            facts.append((name, said.strip()))
    return card("Comparison", facts, more="\n\n".join(below))


def ranking_lines(found: Sequence[Comparison]) -> list[str]:
    """Return a row for each of several comparisons, the nearest optimum first; none for one."""
    if len(found) < 2:
        return []
    rows = (
        [f"{one.gram_distance:.4g}", _excess_cell(one), one.verdict.case, str(one.recipe)]
        for one in found
    )
    return [
        *text_lines(["distance", "relative excess of its own loss", "verdict", "optimum of"], rows),
        "",
    ]


def _excess_cell(found: Comparison) -> str:
    """Return the excess and whether it is one of class means, which leaves out all within them."""
    if found.decision is None or found.loss is None:
        return "–"
    means = "" if found.loss.level == "samples" else " at class means"
    return f"{found.decision.relative_excess:.3g}{means}"


def paragraph(title: str, text: str) -> list[str]:
    """Return text in lines of a terminal, under a title."""
    return textwrap.wrap(
        f"{title:<12} {text}", _WIDTH, subsequent_indent=" " * 13, break_long_words=False
    )


def excess_in_words(loss: LossGap) -> str:
    """Say a gap by the optimum, or where values may be negative by value and spread."""
    if loss.floor >= 0:
        return _times(loss.relative_to_optimum, "the optimum")
    return f"{loss.gap:.3g}, {loss.relative_to_spread:.3g} of value and spread"


def _flag_lines(found: Comparison) -> Iterator[str]:
    """Yield the flags whose sentence the verdict has not."""
    for flag in found.flags:
        if flag.sentence not in found.verdict.sentence:
            yield from paragraph(flag.name, flag.sentence)


def _loss_lines(found: Comparison) -> Iterator[str]:
    loss = found.loss
    if loss is None:
        return
    changed = ""
    if loss.violation > 1e-6:
        changed = f"; rescaled to the control, ‖h‖² was off by up to {loss.violation:.2g} of ρ"
    of = "" if loss.level == "samples" else ", of their class means, NOT of all samples"
    yield (
        f"loss         {loss.value:.10g} ≥ {loss.lower:.10g} by {loss.of}{of}: proved to exceed "
        f"the optimum by at most {excess_in_words(loss)} ({loss.reason}{changed})"
    )
    if math.isfinite(loss.floor):
        yield (
            f"height       {loss.height:.6g} ≥ {loss.optimal_height:.6g} above "
            f"{loss.floor:.10g}, which no value is below: at most "
            f"{_times(loss.relative_to_height, 'that of the optimum')} more"
        )
    if found.drawn is not None:
        yield _drawn_line(found.drawn)
    if found.split is not None:
        yield _split_line(found.split)
    if found.decision is not None:
        yield from _decision_lines(found.decision)


def _drawn_line(drawn: DrawnLoss) -> str:
    return (
        f"drawn        {drawn.value:.6g} ± {drawn.standard_error:.2g} expected at the embeddings "
        f"themselves, {drawn.added:.3g} more than at class means: an estimate by {drawn.draws:,} "
        f"batches drawn with seed {drawn.seed}, no bound"
    )


def _split_line(split: GapSplit | LogitSplit) -> str:
    if not split.is_known:
        return f"split        not known: {split.how}"
    total = sum(split.parts.values())
    parts = (
        f"{name} {'0' if abs(part) <= _ROUNDING * total else f'{part:.3g}'}"
        for name, part in split.parts.items()
    )
    return f"split        {', '.join(parts)} ({split.how})"


def _decision_lines(decision: Decision) -> Iterator[str]:
    if not decision.is_known:
        yield f"decides      what the excess allows is not known: {decision.reason}"
        return
    proved = decision.proved_distance
    yield (
        f"decides      a relative excess of {decision.relative_excess:.3g} allows a distance of "
        f"{_distance(decision.distance)} (second order; proved: "
        f"{f'at most {proved:.3g}' if math.isfinite(proved) else 'nothing'}), that of class means "
        f"alone, {decision.means_excess:.3g}, {_distance(decision.means_distance)}"
    )
    each = (_reference(one, decision.dim) for one in decision.references)
    yield f"references   relative excess of {', '.join(each)}"


def _reference(one: Reference, dim: int) -> str:
    """Say a reference, and what keeps embeddings of a dimension from being it."""
    most, average = ("at most ", " on average") if one.is_average else ("", "")
    return (
        f"{named(one, dim)}: {most}{one.relative_excess:.2g}{average} at distance "
        f"{one.distance:.3g}"
    )


def _distance(allowed: float) -> str:
    return f"about {allowed:.3g}" if math.isfinite(allowed) else "any size"


def _metric_lines(found: Comparison) -> list[str]:
    lines = ["", *found.metrics.table().splitlines()]
    if found.nearest_mean_agreement is not None:
        lines.append(f"{'nearest class mean agreement':<34} {found.nearest_mean_agreement:.6f}")
    for measured in (found.classifier, found.logits):
        if measured is not None:
            lines += ["", *measured.table().splitlines()]
    return lines


def _class_lines(of: PerClass) -> list[str]:
    header = ["class", "size", "samples", "‖mean‖", "optimal", "cosine", "optimal", "angle°"]
    return text_lines(header, ([shortened(of.names[c], 14), *_cells(of, c)] for c in _shown(of)))


def _row_lines(of: PerClass, logits: LogitMetrics) -> list[str]:
    """Return a row of text for each row of the classifier."""
    header = ["class", "size", "‖row‖", "optimal", "cosine", "optimal"]
    norms, cosines = (logits.norms, logits.optimal_norms), (logits.cosines, logits.optimal_cosines)
    rows = (
        [shortened(of.names[c], 14), f"{of.sizes[c]:,}"]
        + [f"{column[c]:.4g}" for column in norms]
        + [f"{column[c]:.4f}" for column in cosines]
        for c in _shown(of)
    )
    return ["", *text_lines(header, rows)]


def _shown(of: PerClass) -> np.ndarray:
    """Return the classes shown: of more than twenty those at quantiles of size."""
    order = np.argsort(-of.sizes, kind="stable")
    if len(order) <= _LISTED:
        return order
    places = np.linspace(0, len(order) - 1, _LISTED).round().astype(int)
    return np.asarray(order[places])


def _cells(of: PerClass, c: int) -> list[str]:
    counted = (f"{column[c]:,}" for column in (of.sizes, of.counts))
    norms = (f"{column[c]:.4g}" for column in (of.norms, of.optimal_norms))
    cosines = (f"{column[c]:.4f}" for column in (of.cosines, of.optimal_cosines))
    return [*counted, *norms, *cosines, f"{of.angles[c]:.2f}"]


def _times(ratio: float, of: str) -> str:
    """Say a ratio, where anything is proved of what it is relative to."""
    return f"{ratio:.3g} times {of}" if math.isfinite(ratio) else f"any multiple of {of}"
