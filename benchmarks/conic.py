"""Certified gaps of the conic solvers on real class counts, as a Markdown table.

    python benchmarks/conic.py [--quick] [--profiles covtype …] [--counts-dir FOLDER]
                               [--time-limit 60]

Every profile is solved at orbit level under all four controls by SCS and by Clarabel; the gap is
the certificate's, the time that of modelling and solving. Time-outs and failures stay in the table.
"""

from __future__ import annotations

import time
import warnings

import numpy as np
import script
from numpy.typing import NDArray

import screlax
from screlax.bench.provenance import provenance_line

PROFILES = (
    "covtype",
    "inat2018-supercategory",
    "reuters46",
    "cifar100-step:100",
    "cifar100-lt:100",
)
CONTROLS = {
    "ridge λ=0.01": screlax.Ridge(0.01),
    "ball ρ/τ=10": screlax.Ball(10.0),
    "sphere ρ/τ=10": screlax.Sphere(10.0),
    "budget ρ/τ=10": screlax.Budget(10.0),
}
SOLVERS = ("SCS", "CLARABEL")


def measure(
    counts: NDArray[np.int64], control: screlax.Control, solver: str, time_limit: float
) -> str:
    start = time.perf_counter()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", screlax.InaccurateWarning)
            solution = screlax.solve_relaxation(
                counts, control=control, solver=solver, tol=1e-6, time_limit=time_limit
            )
    except screlax.ScrelaxError as error:
        return f"failed after {time.perf_counter() - start:.1f} s: {error}"
    seconds = solution.seconds["model"] + solution.seconds["solve"]
    mark = "" if solution.status == "optimal" else " (inaccurate)"
    return f"{solution.relative_gap:.1e} in {seconds:.2f} s{mark}"


def main() -> None:
    parser = script.make_parser(__doc__, counts=True)
    parser.add_argument("--time-limit", type=float, default=60.0)
    parser.add_argument("--profiles", nargs="+", metavar="NAME", default=PROFILES)
    options = script.parse(parser, profiles=["covtype"], time_limit=2.0)
    script.require("clarabel")
    profiles = script.class_counts(options.profiles, options.counts_dir)
    print(f"_{provenance_line()}; time limit {options.time_limit:g} s_\n")
    print("| profile | control | SCS | Clarabel |\n|---|---|---|---|")
    for name, counts in profiles.items():
        sizes = screlax.ClassSizes.from_counts(counts)
        for label, control in CONTROLS.items():
            cells = [measure(counts, control, solver, options.time_limit) for solver in SOLVERS]
            title = f"{name} (k={sizes.classes}, m={sizes.orbits})"
            print(f"| {title} | {label} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
