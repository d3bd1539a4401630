"""A path by SCS from cold and from where it ended at the last point, as a Markdown table.

    python benchmarks/conic_path.py [--quick] [--profiles cifar10-lt:100 …] [--counts-dir FOLDER]
                                    [--points 12]

Every path is solved in both ways in turn, in one thread; iterations are summed over its points,
time is the processor's, posing and certificate included, gaps are the certificate's.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable

import numpy as np
import script
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

import screlax
from screlax.bench.provenance import provenance_line

PROFILES = ("cifar10-lt:100", "inat2018-supercategory")
PATHS: dict[
    str, tuple[Callable[[float], screlax.Control], Callable[[int], NDArray[np.float64]]]
] = {
    "ridge λ = 1 … 0.01": (screlax.Ridge, lambda points: np.geomspace(1, 0.01, points)),
    "budget ρ/τ = 0.5 … 5": (screlax.Budget, lambda points: np.linspace(0.5, 5, points)),
    "sphere ρ/τ = 0.5 … 5": (screlax.Sphere, lambda points: np.linspace(0.5, 5, points)),
}


def measure(
    problem: screlax.UFM, values: NDArray[np.float64], warm_start: bool
) -> tuple[int, float, float, int]:
    """Return iterations, seconds, the largest gap and how many points are optimal."""
    start = time.process_time()
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", screlax.InaccurateWarning)
        path = screlax.regularization_path(problem, values, solver="SCS", warm_start=warm_start)
    seconds = time.process_time() - start
    optimal = sum(point.status == "optimal" for point in path)
    return (
        sum(point.iterations or 0 for point in path),
        seconds,
        max(point.relative_gap for point in path),
        optimal,
    )


def main() -> None:
    parser = script.make_parser(__doc__, counts=True)
    parser.add_argument("--points", type=int, default=12)
    parser.add_argument("--profiles", nargs="+", metavar="NAME", default=PROFILES)
    options = script.parse(parser, profiles=["covtype"], points=3)
    profiles = script.class_counts(options.profiles, options.counts_dir)
    print(f"_{provenance_line()}_\n")
    print("| profile | path | start | iterations | seconds | worst gap | optimal |")
    print("|---|---|---|---|---|---|---|")
    for name, counts in profiles.items():
        for label, (control, values) in PATHS.items():
            for start in ("cold", "last point"):
                iterations, seconds, gap, optimal = measure(
                    screlax.UFM(counts, control(1.0)),
                    values(options.points),
                    start != "cold",
                )
                print(
                    f"| {name} | {label} | {start} | {iterations:,} | {seconds:.2f} | {gap:.1e} | "
                    f"{optimal} of {options.points} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
