"""Phase diagrams: where minorities merge, and what a loss leaves open, over the temperature.

    python benchmarks/phases.py --out benchmarks/figures [--quick]

Two pictures, each at the width of two columns: `phase_collapse.png`, the angle of two minority
classes of ten over imbalance and temperature, of supcon and of its class-averaged variant; and
`phase_determinacy.png`, the distance that an excess of 1e-6 of the loss allows over τ. Every
optimum is certified.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import script
from pictures import save_picture

import screlax
from screlax import plots
from screlax.plots.canvas import panels_or_new
from screlax.plots.style import Style, in_style

PROFILE = "step:10,10000"
LOSSES = ("supcon", "class-averaged")
TEMPERATURES = (0.05, 0.1, 0.2, 0.5, 1.0)
"""Rows of the table; the picture has more."""

MERGED = 0.01
"""Degrees below which two classes are one."""

PROFILES = ("cifar10-lt:10", "cifar10-lt:100", "cifar100-lt:100", "imagenet-lt")


def solve(points: int) -> dict[str, screlax.SweepTable]:
    imbalance = [float(f"{of:.6g}") for of in np.geomspace(1, 1e4, points)]
    between = np.geomspace(TEMPERATURES[0], TEMPERATURES[-1], points)
    temperature = sorted({*TEMPERATURES, *(float(f"{of:.6g}") for of in between)})
    return {
        loss: screlax.sweep(
            screlax.grid(
                PROFILE, imbalance=imbalance, sphere=1.0, temperature=temperature, loss=loss
            )
        )
        for loss in LOSSES
    }


def report(found: dict[str, screlax.SweepTable]) -> None:
    """Print from which imbalance on the minorities are one."""
    print(f"| loss | {' | '.join(f'τ = {tau:g}' for tau in TEMPERATURES)} | largest gap |")
    print("|---|" + "---|" * (len(TEMPERATURES) + 1))
    for loss, table in found.items():
        cells = []
        for tau in TEMPERATURES:
            rows = [row for row in table.rows if row["temperature"] == tau]
            merged = [
                row["imbalance"]
                for row in rows
                if 1 - row["cosine_smallest"] < 1 - np.cos(np.radians(MERGED))
            ]
            cells.append(f"{min(merged):,.4g}" if merged else "none")
        gap = max(row["relative_gap"] for row in table.rows)
        print(f"| {loss} | {' | '.join(cells)} | {gap:.0e} |", flush=True)


@in_style
def draw_collapse(found: dict[str, screlax.SweepTable], *, style: Style) -> Any:
    figure, panels = panels_or_new(None, 1, len(found), style, height=0.75)
    for ax, (loss, table) in zip(panels, found.items(), strict=True):
        plots.plot_phase(table, ax, limits=(0.0, 100.0)).set_title(f"{loss}, ‖h‖ = 1")
    return figure


def draw_determinacy(points: int) -> Any:
    temperatures = np.geomspace(0.05, 1.0, points)
    paths = {
        name: screlax.regularization_path(
            screlax.UFM(screlax.profile(name), screlax.Sphere(1.0)), temperatures=temperatures
        )
        for name in PROFILES
    }
    return plots.plot_determinacy(paths, style="two-column").figure


def main() -> None:
    parser = script.make_parser(__doc__)
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--points", type=int, default=25, help="along each axis (25)")
    options = script.parse(parser, points=3)
    script.require("matplotlib")
    options.out.mkdir(parents=True, exist_ok=True)
    found = solve(options.points)
    report(found)
    pictures = {
        "phase_collapse.png": draw_collapse(found, style="two-column"),
        "phase_determinacy.png": draw_determinacy(options.points),
    }
    for name, figure in pictures.items():
        save_picture(figure, options.out / name, 150)


if __name__ == "__main__":
    main()
