"""A sweep of a thousand points on one worker and on two, and what resuming it costs.

    python benchmarks/sweep.py [--quick] [--pairs 5] [--cold] [--patience 600]

Runs take turns and all tables are compared bit for bit. Workers are started beforehand, as they are
in all but the first sweep of a process; `--cold` starts new ones each time (imports, about a second
of processor time each). Two workers cannot be faster than one while other programs use the cores:
for each run the processor time that others took is printed, and a pair counts only if they took
less than a twentieth; the benchmark goes on until it has enough pairs or runs out of patience.
The ratio of processor times, 2·one/two, is what two free cores would give, and depends on others
only through shared caches.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import script

import screlax
from screlax.bench.provenance import provenance_line

QUIET = 0.05
TICK = os.sysconf("SC_CLK_TCK")


def machine_seconds() -> float:
    """Return the processor time that all processes of the machine have used."""
    fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    user, nice, system, _, _, irq, soft = map(int, fields[:7])
    return (user + nice + system + irq + soft) / TICK


def own_seconds() -> float:
    """Return the processor time of this process and of its children, living and dead."""
    times = os.times()
    total = times.user + times.system + times.children_user + times.children_system
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it ended
            continue
        if int(fields[1]) == os.getpid():
            total += (int(fields[11]) + int(fields[12])) / TICK
    return total


def grid(side: int):
    """Return the points: ten profiles, and a square of radii and temperatures."""
    return screlax.grid(
        ["exponential:100,500", "step:50,500"],
        imbalance=[10, 20, 50, 100, 200],
        sphere=np.geomspace(0.1, 2, side),
        temperature=np.geomspace(0.05, 1, side),
    )


def timed(points, n_jobs: int, cache: str | None = None):
    """Return wall seconds, own processor seconds, those of others, and the table."""
    start, own, machine = time.perf_counter(), own_seconds(), machine_seconds()
    table = screlax.sweep(points, n_jobs=n_jobs, cache=cache, progress=False)
    seconds = time.perf_counter() - start
    used = own_seconds() - own
    return seconds, used, max(0.0, machine_seconds() - machine - used), table


def main() -> None:
    parser = script.make_parser(__doc__)
    parser.add_argument("--side", type=int, default=10, help="radii, and temperatures")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--cold", action="store_true")
    parser.add_argument("--patience", type=float, default=600.0, metavar="SECONDS")
    options = script.parse(parser, side=2, pairs=1, patience=1.0)
    script.require("joblib")
    from joblib.externals.loky import get_reusable_executor

    points = grid(options.side)
    reference = timed(points, 2)[-1]
    print("| 1 worker, s | others, s | 2 workers, s | others, s | ratio | of processor times | |")
    print("|---|---|---|---|---|---|---|")
    pairs: list[tuple[float, float]] = []
    counted: list[tuple[float, float]] = []
    deadline = time.monotonic() + options.patience
    while len(counted) < options.pairs and time.monotonic() < deadline:
        if options.cold:
            get_reusable_executor().shutdown(wait=True)
        (one, cpu_one, others_one, first), (two, cpu_two, others_two, second) = (
            timed(points, jobs) for jobs in (1, 2)
        )
        assert first.all_optimal
        assert first.values_equal(reference)
        assert second.values_equal(reference)
        pairs.append((one / two, 2 * cpu_one / cpu_two))
        quiet = max(others_one / one, others_two / two) / 2 < QUIET
        if quiet:
            counted.append((one, two))
        print(f"| {one:.2f} | {others_one:.1f} | {two:.2f} | {others_two:.1f} | {one / two:.2f} "
              f"| {pairs[-1][1]:.2f} | {'' if quiet else 'disturbed'} |", flush=True)  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        kept = timed(points, 2, folder)[0]
        resumed, _, _, table = timed(points, 2, folder)
    assert table.values_equal(reference)
    print(f"\n{len(points)} points, {len(counted)} undisturbed of {len(pairs)} pairs")
    if counted:
        one, two = (statistics.median(column) for column in zip(*counted, strict=True))
        ratio = statistics.median(a / b for a, b in counted)
        print(f"median 1 worker {one:.2f} s, 2 workers {two:.2f} s, ratio {ratio:.2f}")
    print(
        f"median ratio of processor times {statistics.median(r for _, r in pairs):.2f} (all pairs)"
    )
    print(f"2 workers and cache {kept:.2f} s, all found in the cache {resumed:.2f} s")
    print(provenance_line())


if __name__ == "__main__":
    main()
