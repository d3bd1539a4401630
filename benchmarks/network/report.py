"""Tables of trained networks, in Markdown."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from statistics import median

from .cells import CROSSED, OTHERS, PROFILES, Cell
from .results import ContrastiveResult
from .samplers import SAMPLERS

NEAR = 0.02
"""The distance within which a network has arrived."""

SMALL = 1e-4
"""Distances below have no meaning in single precision."""

REQUIRED = 0.9
"""The share that must, of those at `CROSSED`."""


def verdict(results: Iterable[ContrastiveResult]) -> bool:
    """Whether enough class means have arrived."""
    crossed = [result for result in results if result.cell.temperature == CROSSED]
    return not crossed or _arrived(crossed) >= REQUIRED * len(crossed)


def report(results: Sequence[ContrastiveResult]) -> str:
    """Return all tables."""
    return "\n\n".join(
        [_counts(results), _crossed(results), _others(results), _astray(results)],
    )


def markdown(header: str, rows: Iterable[Sequence[str]]) -> str:
    """Return a table."""
    rule = "|" + "---|" * (header.count("|") - 1)
    return "\n".join([header, rule, *("| " + " | ".join(row) + " |" for row in rows)])


def _arrived(results: Sequence[ContrastiveResult]) -> int:
    return sum(result.measured.means <= NEAR for result in results)


def _counts(results: Sequence[ContrastiveResult]) -> str:
    """Return how many arrived, by images and temperature."""
    groups: dict[tuple[str, float], list[ContrastiveResult]] = {}
    for result in results:
        groups.setdefault((result.cell.images, result.cell.temperature), []).append(result)
    rows = []
    for (images, temperature), group in sorted(groups.items()):
        measured = [result.measured for result in group]
        late = [m for m in measured if m.means > NEAR]
        rows.append(
            [
                images,
                f"{temperature:g}",
                str(len(group)),
                f"{_arrived(group)} ({_arrived(group) / len(group):.0%})",
                str(sum(m.means <= m.allowed for m in late)),
                str(sum(m.allowed < m.means <= m.bound for m in late)),
                str(sum(m.features <= NEAR for m in measured)),
                f"{median(m.means for m in measured):.4f}",
                f"{median(m.full_means for m in measured):.4f}",
                f"{sum(m.full_means <= NEAR for m in measured)}",
            ]
        )
    return markdown(
        f"| images | τ | networks | class means within {NEAR} | beyond, within what their excess "
        f"allows to second order | only within the proved bound | all features within {NEAR} "
        f"| median distance | … to the full-batch optimum | within {NEAR} of that |",
        rows,
    )


def _worst(results: Iterable[ContrastiveResult], of: Callable[[ContrastiveResult], float]) -> str:
    """Return the largest of some seeds."""
    values = [of(result) for result in results]
    return number(max(values)) if values else ""


def number(value: float) -> str:
    """Return a distance; beyond √2 any is allowed."""
    if not math.isfinite(value):
        return "any"
    return f"{value:.4f}" if value >= SMALL else f"< {SMALL:g}"


def _distances(results: Sequence[ContrastiveResult]) -> str:
    """Return distance, what is allowed, and distance to the full-batch optimum."""
    return " / ".join(
        [
            _worst(results, lambda result: result.measured.means),
            _worst(results, lambda result: result.measured.allowed),
            _worst(results, lambda result: result.measured.full_means),
        ]
    )


def _by_cell(results: Iterable[ContrastiveResult]) -> dict[Cell, list[ContrastiveResult]]:
    """Return the results of all seeds of each cell, by that of seed zero."""
    groups: dict[Cell, list[ContrastiveResult]] = {}
    for result in results:
        groups.setdefault(replace(result.cell, seed=0), []).append(result)
    return groups


def _crossed(results: Sequence[ContrastiveResult]) -> str:
    """Return the crossed design, largest numbers of the seeds."""
    groups = _by_cell(result for result in results if result.cell.temperature == CROSSED)
    rows = []
    for base in sorted({replace(cell, views=1, relu=False) for cell in groups}, key=_order):
        variants = [
            groups.get(replace(base, views=views, relu=relu), [])
            for relu in (False, True)
            for views in (1, 2)
        ]
        rows.append([base.images, base.profile, base.sampler, *_columns(variants)])
    return markdown(
        "| images | profile | sampler | seeds | one view | all features | two views | all features "
        "| ReLU, one view | all features | ReLU, two views | all features |",
        rows,
    )


def _columns(variants: Sequence[list[ContrastiveResult]]) -> Iterable[str]:
    """Return how many seeds there are, and the numbers of each variant, ReLU last."""
    yield "–".join(map(str, sorted({min(map(len, variants)), max(map(len, variants))})))
    for results in variants:
        relu = any(result.cell.relu for result in results)
        own = _worst(results, lambda result: result.measured.means)
        yield own if relu or not results else _distances(results)
        yield _worst(results, lambda result: result.measured.features)


def _others(results: Sequence[ContrastiveResult]) -> str:
    """Return what one factor at a time does at other temperatures."""
    groups = _by_cell(results)
    temperatures = sorted({*OTHERS, CROSSED})
    varied = {replace(cell, temperature=CROSSED) for cell in groups if cell.temperature in OTHERS}
    rows = []
    for cell in sorted(varied, key=_order):
        found = [groups.get(replace(cell, temperature=value), []) for value in temperatures]
        rows.append(
            [cell.images, _name(cell), *(_distances(each) if each else "" for each in found)]
        )
    header = " | ".join(f"τ = {temperature:g}" for temperature in temperatures)
    return markdown(f"| images | network | {header} |", rows)


def _order(cell: Cell) -> tuple[str, int, int, int, bool]:
    return (
        cell.images,
        list(PROFILES).index(cell.profile),
        list(SAMPLERS).index(cell.sampler),
        cell.views,
        cell.relu,
    )


def _name(cell: Cell) -> str:
    views = "one view" if cell.views == 1 else f"{cell.views} views"
    return f"{cell.profile}, {cell.sampler}, {views}" + (", ReLU" if cell.relu else "")


def _astray(results: Sequence[ContrastiveResult]) -> str:
    """Return the networks at `CROSSED` that have not arrived, and what else is known of them."""
    rows = [
        [
            result.cell.images,
            _name(result.cell),
            str(result.cell.seed),
            f"{m.means:.4f}",
            number(m.allowed),
            f"{m.features:.4f}",
            f"{m.excess:.1e}",
            f"{m.features_excess:.1e} ± {m.error:.0e}",
            f"{m.collapse:.1e}",
            f"{m.agreement:.2%}",
            str(m.dead),
        ]
        for result in sorted(results, key=lambda result: -result.measured.means)
        if (m := result.measured).means > NEAR and result.cell.temperature == CROSSED
    ]
    return markdown(
        "| images | network | seed | distance | allowed | all features | excess | of the features "
        "| NC1 | nearest mean | dead |",
        rows,
    )
