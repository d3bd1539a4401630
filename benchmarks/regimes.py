"""Where the dual slack has rank one on a sphere, and where it has not: a map.

    python benchmarks/regimes.py [--quick]

Exponential profiles of ten classes, imbalance factor down, ρ/τ across. Each cell says how the
certified optimum was found: `.` slack vector (rank k − 1), `C` minority collapse (rank 1), `B`
Burer–Monteiro (something in between, rank given).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import script

import screlax

IMBALANCES = (10, 30, 100, 300, 1000, 3000, 10_000, 100_000)
RADII = 10.0 ** np.arange(-2, 2.01, 0.5)


def cell(sizes: np.ndarray, radius: float) -> str:
    solution = screlax.solve_relaxation(sizes, control=screlax.Sphere(float(radius)))
    if solution.status != "optimal":
        return "?"
    if solution.solver_message.endswith("opposite points"):
        return "C"
    return "." if solution.solver_message.startswith("slack") else f"B{solution.rank}"


def show(imbalances: Sequence[int], radii: Sequence[float]) -> None:
    print("| imbalance | " + " | ".join(f"{radius:.3g}" for radius in radii) + " |")
    print("|---" * (len(radii) + 1) + "|")
    for imbalance in imbalances:
        sizes = screlax.exponential(10, 10 * imbalance, imbalance)
        print(f"| {imbalance:,} | " + " | ".join(cell(sizes, r) for r in radii) + " |", flush=True)


def main() -> None:
    parser = script.make_parser(__doc__)
    parser.add_argument("--imbalances", type=int, nargs="+", default=IMBALANCES)
    parser.add_argument("--radii", type=float, nargs="+", default=RADII)
    options = script.parse(parser, imbalances=[10, 1000])
    show(options.imbalances, options.radii)


if __name__ == "__main__":
    main()
