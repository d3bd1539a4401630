"""The optimal geometry of several losses at one imbalance, as a Markdown table.

    python benchmarks/losses_by_imbalance.py [--quick] [--profile cifar10-lt] [--imbalance 100]

What `screlax losses` draws over many imbalances: cosines among the class means, and the distance of
their Gram matrix from the simplex ETF; features on the unit sphere, τ = 0.1.
"""

from __future__ import annotations

import script

import screlax
from screlax.bench.provenance import provenance_line

LOSSES = (
    "supcon",
    "supcon:class_weights=balanced",
    "class-averaged",
    "class-averaged:anchors=classes",
    "negatives-only",
    "prototypes:per_class=100",
)
COLUMNS = {
    "cosine, two largest": "cosine_largest",
    "largest, smallest": "cosine_extremes",
    "two smallest": "cosine_smallest",
    "distance from the ETF": "etf_distance",
}


def main() -> None:
    parser = script.make_parser(__doc__ or "")
    parser.add_argument("--profile", default="cifar10-lt")
    parser.add_argument("--imbalance", type=float, default=100.0)
    options = script.parse(parser)
    print(f"_{provenance_line()}_\n")
    found = screlax.compare_losses(
        options.profile, screlax.Sphere(1.0), 0.1, list(LOSSES), imbalance=[options.imbalance]
    )
    print(f"| loss | {' | '.join(COLUMNS)} | certified gap |\n|---|---|---|---|---|---|")
    for text, row in zip(LOSSES, found.rows, strict=True):
        cells = [f"{row[column]:.3f}".replace("-", "−") for column in COLUMNS.values()]
        print(f"| `{text}` | {' | '.join(cells)} | {row['relative_gap']:.0e} |")


if __name__ == "__main__":
    main()
