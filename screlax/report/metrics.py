"""Metrics of neural collapse as tables: a row for each, a column for each centre."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..comparison import Comparison
from .legends import ALONE, CENTRES, DUALITY, FRAME
from .markup import Markup, table
from .numbers import Sheet, number, table_of_numbers, term

_ABOUT = ("class_centred", "sample_centred", "uncentred")

_TABLES = (
    ("Class means about three centres", _ABOUT, FRAME),
    ("Rows of the classifier", ("classifier_frame",), FRAME),
    ("Classifier against class means", tuple(f"classifier_{one}" for one in _ABOUT), DUALITY),
    ("Classifier against class means, and optimum", ("duality", "optimal_duality"), DUALITY),
)
"""Tables with a column for each centre, and what their rows are."""


def metric_tables(sheet: Sheet, found: Comparison) -> Iterator[Markup]:
    """Yield the tables of all metrics of a comparison."""
    columns = metric_columns(found)
    grouped = dict(sorted(CENTRES.items(), key=lambda item: -len(item[0])))
    groups: dict[str, dict[str, float]] = {}
    alone: dict[str, float] = {}
    for name, value in columns.items():
        centre = next((centre for centre in grouped if name.startswith(f"{centre}_")), None)
        if centre is None:
            alone[name] = value
        else:
            groups.setdefault(centre, {})[name.removeprefix(f"{centre}_")] = value
    for title, centres, legends in _TABLES:
        if all(centre in groups for centre in centres):
            yield _by_centre(sheet, title, {centre: groups[centre] for centre in centres}, legends)
    rows = ((_shown(name), number(value, 6), legend_of(name)) for name, value in alone.items())
    yield table_of_numbers(sheet, "Metrics without a centre", rows)


def metric_columns(found: Comparison) -> dict[str, float]:
    """Return all metrics by name."""
    measured = (found.metrics, found.classifier, found.logits)
    return {
        name: value for one in measured if one is not None for name, value in one.columns().items()
    }


def legend_of(name: str) -> str:
    """Return what a metric without a centre is."""
    return ALONE[name.removeprefix("classifier_") if name not in ALONE else name]


def _by_centre(
    sheet: Sheet, title: str, groups: Mapping[str, Mapping[str, float]], legends: Mapping[str, str]
) -> Markup:
    header = ["metric", *(term(sheet, _shown(centre), CENTRES[centre]) for centre in groups)]
    names = list(next(iter(groups.values())))
    rows = (
        [term(sheet, _shown(name), legends[name]),
         *(number(group[name], 5) for group in groups.values())]
        for name in names
    )  # fmt: skip
    return table(title, header, rows, shows_caption=True)


def _shown(name: str) -> str:
    return name.replace("_", " ")
