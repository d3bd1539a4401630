"""Embeddings beside an optimum on the page: verdict, pictures, numbers, metrics to unfold."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..comparison import Comparison
from ..comparison.decision import named
from ..comparison.text import excess_in_words
from ..gram.geometry import cosines_of
from ..io.shown import one_line
from ..plots.colours import role
from ..plots.gram import colour_limit
from ..types import Matrix, Vector
from .chart import Chart, Series
from .figure import Point, chart_figure, column_table
from .geometry import BY_SIZE, MOST_DRAWN, is_constant
from .heat_map import HeatMap
from .legends import COMPARISON
from .markup import Markup, details, tag
from .metrics import metric_tables
from .numbers import Row, Sheet, distance, number, table_of_numbers
from .scales import fitting_scale, sizes_scale
from .verdicts import verdict

_MOST_DOTS = 1500


def comparison_section(sheet: Sheet, name: str, found: Comparison, *, says_verdict: bool) -> Markup:
    """Return the section of one comparison; its verdict is there unless it is above."""
    place = sheet.identifier("comparison")
    heading = f"{name} beside the optimum"
    flags = [tag("p", tag("strong", f"{flag.name}: "), flag.sentence, class_="warning")
             for flag in found.flags if flag.sentence not in found.verdict.sentence]  # fmt: skip
    return tag(
        "section",
        tag("h2", heading, id=place),
        verdict(name, found.verdict.sentence, found.recipe.is_certified) if says_verdict else None,
        *flags,
        tag("div", *_figures(sheet, name, found), class_="figures"),
        tag("h3", f"{name} in numbers"),
        table_of_numbers(sheet, f"{heading}: numbers", _numbers(found)),
        details("Metrics of neural collapse, of the embeddings", *metric_tables(sheet, found)),
        aria_labelledby=place,
    )


def _numbers(found: Comparison) -> Iterator[Row]:
    counts = "" if found.same_counts else "; class counts differ from the problem's"
    yield "optimum of", f"{found.recipe}: {found.recipe.kind}", "What is compared with."
    yield "samples", f"{found.samples:,}{counts}", COMPARISON["samples"]
    yield "dimension", f"{found.dim:,}", COMPARISON["dimension"]
    for name, value in (
        ("Gram distance of class means", number(found.gram_distance)),
        ("Gram distance of samples", number(found.sample_gram_distance)),
        ("Procrustes residual", f"{number(found.residual)} at scale {number(found.scale)}"),
    ):
        yield name, value, COMPARISON[name]
    yield from _loss(found)
    yield from _decision(found)
    if found.nearest_mean_agreement is not None:
        share = number(found.nearest_mean_agreement, 6)
        yield "nearest class mean agreement", share, COMPARISON["nearest mean"]


def _loss(found: Comparison) -> Iterator[Row]:
    loss = found.loss
    if loss is None:
        return
    at = "of all samples" if loss.level == "samples" else "of class means, NOT of all samples"
    name = f"objective (loss {loss.of}), {at}, above the optimum"
    yield name, f"at most {excess_in_words(loss).removeprefix('at most ')}", COMPARISON["excess"]
    if np.isfinite(loss.floor):
        times = "not bounded"
        if np.isfinite(loss.relative_to_height):
            times = f"at most {number(loss.relative_to_height)} times that of the optimum"
        floor = number(loss.floor, 6)
        yield f"the same of the heights above {floor}", times, COMPARISON["excess of heights"]
    if found.drawn is not None:
        drawn = found.drawn
        error, batches = number(drawn.standard_error, 2), f"{drawn.draws:,} batches"
        said = f"{number(drawn.value, 6)} ± {error} ({batches})"
        yield "expected loss at the embeddings themselves", said, COMPARISON["estimate"]
    if found.split is not None:
        parts = found.split.parts.items() if found.split.is_known else ()
        said = ", ".join(f"{name} {number(part, 3)}" for name, part in parts) or (
            f"not known: {found.split.how}"
        )
        yield "the excess in parts", said, COMPARISON["split"]


def _decision(found: Comparison) -> Iterator[Row]:
    decision = found.decision
    if decision is None:
        return
    allowed = decision.reason or _within("a distance of about", decision.distance)
    excess = number(decision.relative_excess, 3)
    yield f"what a relative excess of {excess} allows", allowed, COMPARISON["allows"]
    if decision.is_known:
        proved = _within("at most", decision.proved_distance, "nothing is proved")
        yield "the same, proved", proved, COMPARISON["proved distance"]
    for one in decision.references:
        most, average = ("at most ", " on average") if one.is_average else ("", "")
        excess = f"{most}{number(one.relative_excess, 3)}{average}"
        said = f"{excess}, at distance {number(one.distance, 3)}"
        yield f"{named(one, decision.dim)}: relative excess", said, COMPARISON["reference"]


def _within(before: str, apart: float, else_: str = "a distance of any size") -> str:
    return f"{before} {distance(apart)}" if np.isfinite(apart) else else_


def _figures(sheet: Sheet, name: str, found: Comparison) -> Iterator[Markup]:
    """Yield both heat maps on one scale of colours, then cosines and norms of classes."""
    order = np.argsort(-found.per_class.sizes, kind="stable")
    places = np.unique(np.linspace(0, len(order) - 1, MOST_DRAWN).round().astype(int))
    drawn = order[places]
    names = [one_line(found.per_class.names[number]) for number in drawn.tolist()]
    mine, optimal = _cosines(found.class_gram, drawn), _cosines(found.optimal_gram, drawn)
    limits = [colour_limit(of) for of in (mine, optimal) if np.nan_to_num(of).any()]
    limit = max(limits, default=1.0)
    whole = len(places) == len(order)
    axis = "classes, largest first" if whole else f"{len(places)} of {len(order):,} classes"
    both = "Both pictures have one scale of colours."
    yield HeatMap(mine, names, axis, limit).figure(sheet, f"Cosines of {name}", both)
    yield HeatMap(optimal, names, axis, limit).figure(sheet, "Cosines of the optimum", both)
    of = found.per_class
    yield _by_class(sheet, name, found, order, "Mean cosines with the other classes",
                    "cosine", of.cosines, of.optimal_cosines)  # fmt: skip
    if is_constant(of.norms) and is_constant(of.optimal_norms):
        norms = f"{number(float(of.norms[0]))}, those of the optimum {number(of.optimal_norms[0])}"
        yield tag("p", f"Every class mean of {name} has norm {norms}.", class_="instead")
        return
    yield _by_class(sheet, name, found, order, "Norms of the class means", "‖mean‖",
                    of.norms, of.optimal_norms)  # fmt: skip


def _cosines(gram: Matrix, drawn: NDArray[np.int64]) -> Matrix:
    cosines = cosines_of(gram[np.ix_(drawn, drawn)])
    np.fill_diagonal(cosines, np.nan)  # a class with itself says nothing
    return cosines


def _by_class(
    sheet: Sheet,
    name: str,
    found: Comparison,
    order: NDArray[np.int64],
    title: str,
    unit: str,
    mine: Vector,
    optimal: Vector,
) -> Markup:
    """Return a dot for each class, and the optimum as a line behind them."""
    kept = order[np.unique(np.linspace(0, len(order) - 1, _MOST_DOTS).round().astype(int))]
    sizes = found.per_class.sizes[kept].astype(float)
    of = [
        Series("optimum", sizes, optimal[kept], role("optimum")),
        Series(name, sizes, mine[kept], role("network"), dots=True),
    ]
    chart = Chart(sizes_scale(sizes), fitting_scale([optimal[kept], mine[kept]]),
                  BY_SIZE, unit, of)  # fmt: skip
    labels = [one_line(found.per_class.names[number]) for number in kept.tolist()]
    points: list[Point] = [
        (x, y, f"{label}, {int(size):,} samples: {name} {number(a)}, optimum {number(b)}")
        for x, y, label, size, a, b in zip(
            chart.across(sizes).tolist(), chart.up(mine[kept]).tolist(),
            labels, sizes, mine[kept], optimal[kept], strict=True,
        )
        if np.isfinite(y)
    ]  # fmt: skip
    columns = {
        "class": labels,
        BY_SIZE: [int(size) for size in sizes],
        name: mine[kept].tolist(),
        "optimum": optimal[kept].tolist(),
    }
    some = "" if len(kept) == len(order) else f" {len(kept):,} of {len(order):,} classes."
    return chart_figure(sheet, title, f"One dot for each class.{some}", chart, points,
                        column_table(title, columns))  # fmt: skip
