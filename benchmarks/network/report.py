"""The figure and the table of trained networks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes

from .experiments import PROFILES, Outcome

matplotlib.use("Agg")
from matplotlib import pyplot
from matplotlib.lines import Line2D

# Okabe and Ito's colours, which the colour-blind can tell apart
STYLES = {
    (False, False): ("#000000", "full batch"),
    (False, True): ("#e69f00", "mini-batches"),
    (True, False): ("#0072b2", "full batch, ReLU"),
    (True, True): ("#cc79a7", "mini-batches, ReLU"),
}
LOWEST = 1e-4
"""Distances below are drawn here: single precision leaves no meaning in them."""


def draw(outcomes: Sequence[Outcome], path: Path) -> None:
    """Draw distances over epochs: a row for each case, a column for each profile."""
    cases = list(dict.fromkeys(outcome.experiment.case for outcome in outcomes))
    figure, axes = pyplot.subplots(
        len(cases),
        len(PROFILES),
        figsize=(10.5, 2.5 * len(cases) + 0.9),
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for row, case in enumerate(cases):
        for column, profile in enumerate(PROFILES):
            chosen = [
                outcome
                for outcome in outcomes
                if (outcome.experiment.case, outcome.experiment.profile) == (case, profile)
            ]
            axes[row, column].set_title(f"{case.name}, {profile}", fontsize=9.5)
            _draw_panel(axes[row, column], chosen)
    for axis in axes[-1]:
        axis.set_xlabel("epochs")
    for axis in axes[:, 0]:
        axis.set_ylabel("distance")
    figure.legend(handles=_legend(), loc="outside upper center", ncols=3, frameon=False)
    figure.savefig(path, dpi=100)
    pyplot.close(figure)


def _draw_panel(axis: Axes, outcomes: Iterable[Outcome]) -> None:
    for outcome in outcomes:
        experiment = outcome.experiment
        colour, _ = STYLES[experiment.final_relu, experiment.mini_batches]
        epochs = [look.epoch for look in outcome.history]
        distance = [max(look.distance, LOWEST) for look in outcome.history]
        axis.plot(epochs, distance, color=colour, linewidth=1.6)
        if experiment.adapted_to:
            adapted = [max(look.adapted_distance, LOWEST) for look in outcome.history]
            axis.plot(epochs, adapted, color=colour, linewidth=1.6, linestyle=(0, (4, 1.5)))
    axis.set_xscale("symlog", linthresh=1)
    axis.set(yscale="log", ylim=(LOWEST / 1.4, 2.2))
    axis.grid(color="#dddddd", linewidth=0.6)


def _legend() -> list[Line2D]:
    """Return the entries in the order in which three columns take them, two to a column."""
    lines = [Line2D([], [], color=colour, label=label) for colour, label in STYLES.values()]
    for dashes, label in (
        ("solid", "to screlax's solution"),
        ((0, (4, 1.5)), "to the geometry that allows for ReLU and batches"),
    ):
        lines.append(Line2D([], [], color="#777777", linestyle=dashes, label=label))
    return lines


SUMMARY_HEADER = (
    "| images, control | profile | full batch | mini-batches | mini-batches: expected loss "
    "| ReLU, full batch: frame | ReLU, mini-batches: frame |"
)


def summary(outcomes: Iterable[Outcome]) -> str:
    """Return one row for each case and profile: last distances, and how many times they fell.

    Without ReLU to screlax's solution and, of mini-batches, to the geometry of their expected loss;
    with ReLU to the orthogonal frame (with a ridge and mini-batches: that of their expected loss).
    """
    found: dict[tuple[str, str], dict[tuple[bool, bool], Outcome]] = {}
    for outcome in outcomes:
        experiment = outcome.experiment
        row = found.setdefault((experiment.case.name, experiment.profile), {})
        row[experiment.final_relu, experiment.mini_batches] = outcome
    lines = [SUMMARY_HEADER, "|" + "---|" * (SUMMARY_HEADER.count("|") - 1)]
    for (case, profile), row in found.items():
        full, mini = row[False, False], row[False, True]
        cells = (
            _fall(full.history[-1].distance, full.fall),
            _fall(mini.history[-1].distance, mini.fall),
            _adapted(mini) if mini.experiment.adapted_to else "",
            _adapted(row[True, False]),
            _adapted(row[True, True]),
        )
        lines.append("| " + " | ".join((case, profile, *cells)) + " |")
    return "\n".join(lines)


def _adapted(outcome: Outcome) -> str:
    last = outcome.history[-1]
    text = _fall(last.adapted_distance, outcome.adapted_fall)
    return text + (f"; {last.dead} dead, else {last.living_distance:.0e}" if last.dead else "")


def _fall(distance: float, fall: float) -> str:
    return f"{distance:.1e} ({fall:,.0f}×)"


HEADER = (
    "| images, control | profile | ReLU | batches | distance at first | at last | fell by "
    "| allowing for | at last | fell by | dead samples | without them "
    "| class means | NC1 | certified gap |"
)


def table(outcomes: Iterable[Outcome]) -> str:
    """Return one row for each network, in Markdown."""
    lines = [HEADER, "|" + "---|" * (HEADER.count("|") - 1)]
    return "\n".join(lines + [_row(outcome) for outcome in outcomes])


def _row(outcome: Outcome) -> str:
    experiment, first, last = outcome.experiment, outcome.history[0], outcome.history[-1]
    name = experiment.case.name
    if experiment.case.control is None:
        name += f" (nearest λ = {outcome.ridge:.1e})"
    adapted = ("", "", "")
    if experiment.adapted_to:
        adapted = (
            experiment.adapted_to,
            f"{last.adapted_distance:.1e}",
            f"{outcome.adapted_fall:,.0f}×",
        )
    cells = (
        name,
        experiment.profile,
        "yes" if experiment.final_relu else "no",
        f"of {experiment.training.batch_size}" if experiment.mini_batches else "full",
        f"{first.distance:.2f}",
        f"{last.distance:.1e}",
        f"{outcome.fall:,.0f}×",
        *adapted,
        str(last.dead or ""),
        f"{last.living_distance:.1e}" if last.dead else "",
        f"{last.means_distance:.1e}",
        f"{last.collapse:.1e}",
        f"{last.gap:.1e}",
    )
    return "| " + " | ".join(cells) + " |"
