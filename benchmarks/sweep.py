"""A sweep of a thousand points on one worker and on two, and what resuming it costs.

    python benchmarks/sweep.py [--repeats 5] [--warm]

Runs take turns and the table is compared bit for bit each time; medians and their ratio are what to
read. `--warm` starts the workers beforehand, as they are in all but the first sweep of a process.
The load of the machine before each pair is printed: others' work takes from two workers more than
from one.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time

import numpy as np
from provenance import provenance_line

import screlax

POINTS = screlax.grid(
    ["exponential:100,500", "step:50,500"],
    imbalance=[10, 20, 50, 100, 200],
    sphere=np.geomspace(0.1, 2, 10),
    temperature=np.geomspace(0.05, 1, 10),
)


def timed(n_jobs: int, cache: str | None = None):
    start = time.perf_counter()
    table = screlax.sweep(POINTS, n_jobs=n_jobs, cache=cache, progress=False)
    return time.perf_counter() - start, table


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--warm", action="store_true")
    options = parser.parse_args()
    if options.warm:
        timed(2)
    times: dict[int, list[float]] = {1: [], 2: []}
    reference = None
    for _ in range(options.repeats):
        load = os.getloadavg()[0]
        for jobs in times:
            seconds, table = timed(jobs)
            reference = reference or table
            assert table.all_optimal
            assert table.values_equal(reference)
            times[jobs].append(seconds)
        print(f"1 worker {times[1][-1]:.2f} s, 2 workers {times[2][-1]:.2f} s, "
              f"ratio {times[1][-1] / times[2][-1]:.2f}, load {load:.1f}", flush=True)  # fmt: skip
    one, two = (statistics.median(times[jobs]) for jobs in times)
    with tempfile.TemporaryDirectory() as folder:
        kept, _ = timed(2, folder)
        resumed, table = timed(2, folder)
    assert table.values_equal(reference)
    print()
    print(
        "| points | 1 worker, s | 2 workers, s | ratio | best ratio | 2 and cache, s | found, s |"
    )
    print("|---|---|---|---|---|---|---|")
    best = max(a / b for a, b in zip(*times.values(), strict=True))
    print(f"| {len(POINTS)} | {one:.2f} | {two:.2f} | {one / two:.2f} | {best:.2f} "
          f"| {kept:.2f} | {resumed:.2f} |")  # fmt: skip
    print()
    print(provenance_line())


if __name__ == "__main__":
    main()
