"""The conic forms of cross-entropy by SCS and Clarabel, beside the native solver, as a table.

    python benchmarks/cross_entropy_conic.py [--quick] [--time-limit 300]
                                             [--classes 10 20 …] [--solvers SCS CLARABEL]

Certified gap, iterations and processor time of modelling, solving and certificate, at orbit level;
sizes from 500 to 5 in geometric steps. Time-outs and failures stay in the table.
"""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np
import script

import screlax
from screlax.bench.provenance import provenance_line

CONTROLS = {
    "weight decay, λ_Wλ_H = 2": screlax.WeightDecay(1.0, 2.0),
    "layer-peeled, E_HE_W = 3": screlax.LayerPeeled(3.0, 1.0),
}
FORMS = ("dual", "nuclear", "psd")
SOLVERS = ("SCS", "CLARABEL")
LARGEST = {"SCS": 100, "CLARABEL": 40}
"""So many classes at most: beyond, minutes an iteration."""


def measure(problem: screlax.UFM, **how: Any) -> str:
    start, clock = time.process_time(), time.perf_counter()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", screlax.InaccurateWarning)
            found = screlax.solve_relaxation(problem, **how)
    except screlax.ScrelaxError as error:
        return f"failed after {time.process_time() - start:.1f} s: {error}"
    seconds = time.process_time() - start
    stopped = time.perf_counter() - clock > how.get("time_limit", np.inf)
    mark = ", stopped" if stopped else ""
    return f"{found.relative_gap:.1e}, {found.iterations} iterations, {seconds:.2f} s{mark}"


def main() -> None:
    parser = script.make_parser(__doc__)
    parser.add_argument("--time-limit", type=float, default=300.0)
    parser.add_argument("--classes", type=int, nargs="+", default=[10, 20, 40, 100])
    parser.add_argument("--solvers", nargs="+", default=SOLVERS, choices=SOLVERS)
    options = script.parse(parser, classes=[4], time_limit=5.0)
    script.require("clarabel")
    print(f"_{provenance_line()}; time limit {options.time_limit:g} s_\n")
    print(f"| classes | control | form | {' | '.join(options.solvers)} | native |")
    print("|---|---|---|---|" + "---|" * len(options.solvers))
    for k in options.classes:
        counts = np.round(500 * 0.01 ** (np.arange(k) / (k - 1))).astype(int)
        for label, control in CONTROLS.items():
            problem = screlax.UFM(counts, control, loss="cross-entropy")
            native = measure(problem, solver="native")
            for form in FORMS:
                how = {"form": form, "time_limit": options.time_limit}
                cells = [
                    measure(problem, solver=solver, **how) if k <= LARGEST[solver] else "not run"
                    for solver in options.solvers
                ]
                title = f"{k} (m = {problem.class_sizes.orbits})"
                print(
                    f"| {title} | {label} | {form} | {' | '.join([*cells, native])} |", flush=True
                )
                native = "as above"


if __name__ == "__main__":
    main()
