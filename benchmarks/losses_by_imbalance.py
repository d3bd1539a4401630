"""The optimal geometry of several losses at one imbalance, as a Markdown table.

    python benchmarks/losses_by_imbalance.py [--quick] [--profile cifar10-lt] [--imbalance 100]
                                             [--plot losses.png]

Cosines among the class means, and the distance of their Gram matrix from the simplex ETF; features
on the unit sphere, τ = 0.1. The picture is over many imbalances, as `screlax losses` draws it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import script
from pictures import save_picture

import screlax
from screlax import plots
from screlax.bench.provenance import provenance_line

LOSSES = (
    "supcon",
    "supcon:class_weights=balanced",
    "class-averaged",
    "class-averaged:anchors=classes",
    "negatives-only",
    "prototypes:per_class=100",
)
IMBALANCES = (1, 2, 5, 10, 20, 50, 100, 200)
"""Of the picture."""

COLUMNS = {
    "cosine, two largest": "cosine_largest",
    "largest, smallest": "cosine_extremes",
    "two smallest": "cosine_smallest",
    "distance from the ETF": "etf_distance",
}


def compared(profile: str, imbalances: Sequence[float]) -> screlax.LossComparison:
    return screlax.compare_losses(
        profile, screlax.Sphere(1.0), 0.1, list(LOSSES), imbalance=imbalances
    )


def draw(profile: str, imbalances: Sequence[float], path: Path) -> None:
    found = compared(profile, imbalances)
    save_picture(plots.plot_losses(found), path, 130)
    gaps = [row["relative_gap"] for row in found.rows]
    certified = sum(row["status"] == "optimal" for row in found.rows)
    print(
        f"\n{path.name}: {certified} of {len(gaps)} points certified, "
        f"gaps {min(gaps):.0e} to {max(gaps):.0e}"
    )


def main() -> None:
    parser = script.make_parser(__doc__ or "")
    parser.add_argument("--profile", default="cifar10-lt")
    parser.add_argument("--imbalance", type=float, default=100.0)
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw many imbalances")
    options = script.parse(parser)
    script.require(*(["matplotlib"] if options.plot else []))
    script.require_folder(options.plot)
    print(f"_{provenance_line()}_\n")
    found = compared(options.profile, [options.imbalance])
    print(f"| loss | {' | '.join(COLUMNS)} | certified gap |\n|---|---|---|---|---|---|")
    for text, row in zip(LOSSES, found.rows, strict=True):
        cells = [f"{row[column]:.3f}".replace("-", "−") for column in COLUMNS.values()]
        print(f"| `{text}` | {' | '.join(cells)} | {row['relative_gap']:.0e} |")
    if options.plot is not None:
        draw(options.profile, IMBALANCES[:2] if options.quick else IMBALANCES, options.plot)


if __name__ == "__main__":
    main()
