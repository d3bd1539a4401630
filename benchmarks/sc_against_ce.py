"""Supervised contrastive learning against cross-entropy: angles and norms over imbalance 1 to 10⁴.

    python benchmarks/sc_against_ce.py --out benchmarks/figures/sc_against_ce.png [--quick]

Ten classes, half of 10,000 samples and half of 10,000/R; every optimum certified. A dotted curve is
of the rows of the classifier, in the colour of its features.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import script
from pictures import save_picture

import screlax
from screlax.plots.canvas import panels_or_new
from screlax.plots.colours import GUIDE, curve
from screlax.plots.style import Style, in_style, line
from screlax.sweeps.loss_comparison import LossComparison, Row

PROFILE, CLASSES = "step:10,10000", 10
MERGED = 2e-3
"""Degrees below which minorities are taken for merged: cosines are 1 up to the certified gap."""

CASES: dict[str, tuple[screlax.Sphere | Any, float, str]] = {
    "SC, ‖h‖ = 1, τ = 1": (screlax.Sphere(1.0), 1.0, "supcon"),
    "SC, ‖h‖ = 1, τ = 0.1": (screlax.Sphere(1.0), 0.1, "supcon"),
    "CE, weight decay, λ_H λ_W = 100": (screlax.WeightDecay(10.0, 10.0), 1.0, "cross-entropy"),
    "CE, layer-peeled, E_H = 5, E_W = 1": (screlax.LayerPeeled(5.0, 1.0), 1.0, "cross-entropy"),
    "CE, normalized, s = 10": (screlax.Normalized(10.0), 1.0, "cross-entropy"),
}
"""Control, temperature and loss of each curve."""

PANELS = {
    "cosine_smallest": "two minority classes",
    "cosine_extremes": "a majority, a minority class",
    "norm_ratio": "norms, minority/majority",
}


def angle(cosine: float | None) -> float:
    """Return degrees, NaN where there is no cosine."""
    return np.nan if cosine is None else float(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))))


def number(row: Row, column: str, of: str) -> float:
    """Return what a panel shows of the features ("") or the classifier ("classifier_")."""
    if column != "norm_ratio":
        return angle(row[of + column])
    small, large = row[f"{of}norm_smallest"], row[f"{of}norm_largest"]
    return np.nan if small is None or not large else float(small / large)


def solve(imbalances: Sequence[float]) -> dict[str, LossComparison]:
    return {
        name: screlax.compare_losses(PROFILE, control, tau, loss, imbalance=imbalances)
        for name, (control, tau, loss) in CASES.items()
    }


@in_style
def draw(found: dict[str, LossComparison], *, style: Style) -> Any:
    figure, panels = panels_or_new(None, 1, len(PANELS), style, height=1.0)
    for axes, (column, title) in zip(panels, PANELS.items(), strict=True):
        for place, (name, comparison) in enumerate(found.items()):
            over = [row["imbalance"] for row in comparison.rows]
            for of, dashes in (("", "-"), ("classifier_", ":")):
                shown = [number(row, column, of) for row in comparison.rows]
                if np.isfinite(shown).any():
                    look = curve(place) | {"linestyle": dashes}
                    axes.plot(over, shown, label="_" if of else name, **look)
        balanced = 1.0 if column == "norm_ratio" else angle(-1 / (CLASSES - 1))
        axes.axhline(balanced, color=GUIDE, linewidth=line(0.5), zorder=1)
        axes.set(xscale="log", xlabel="imbalance R", title=title)
        if column == "norm_ratio":
            axes.set_yscale("log")
        else:
            axes.set_ylabel("degrees")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    return figure


def collapse(rows: Sequence[Row], of: str) -> str:
    """Return the least imbalance looked at from which on the minorities are one."""
    merged = [number(row, "cosine_smallest", of) < MERGED for row in rows]
    if not merged[-1]:
        return "none"
    apart = [place for place, yes in enumerate(merged) if not yes]
    return f"{rows[max(apart, default=-1) + 1]['imbalance']:,.4g}"


def report(found: dict[str, LossComparison], wanted: Sequence[float]) -> None:
    heads = " | ".join(f"R = {imbalance:,.0f}" for imbalance in wanted)
    print(f"| | {heads} | merged from R | largest gap |\n|{'---|' * (len(wanted) + 3)}")
    for name, comparison in found.items():
        gap = max(row["relative_gap"] for row in comparison.rows)
        for of, what in (("", ""), ("classifier_", ", rows of the classifier")):
            by = {row["imbalance"]: number(row, "cosine_smallest", of) for row in comparison.rows}
            if np.isnan(by[wanted[-1]]) and of:
                continue
            cells = [f"{by[imbalance]:.1f}°" for imbalance in wanted]
            row = [name + what, *cells, collapse(comparison.rows, of), f"{gap:.0e}"]
            print(f"| {' | '.join(row)} |", flush=True)


def main() -> None:
    parser = script.make_parser(__doc__)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.png")
    parser.add_argument("--points", type=int, default=81, help="imbalances, 1 mod 4 (81)")
    options = script.parse(parser, points=5)
    script.require("matplotlib")
    script.require_folder(options.out)
    imbalances = [float(f"{of:.6g}") for of in np.geomspace(1, 1e4, options.points)]
    found = solve(imbalances)
    report(found, imbalances[:: (options.points - 1) // 4])
    save_picture(draw(found, style="two-column"), options.out, 150)
    every = [row["status"] for comparison in found.values() for row in comparison.rows]
    print(f"\n{every.count('optimal')} of {len(every)} optima certified")


if __name__ == "__main__":
    main()
