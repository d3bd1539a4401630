"""Singletons at any scale: long tails of millions of classes, growth in m, random problems.

    python benchmarks/singletons.py [--quick] [--count 2000] [--repeats 5] [--plot singletons.png]

Every time is of a solve with its certificate, on one thread, after a small one that loads the code;
CPU seconds say what it takes where others use the machine too. Rows that are compared take turns.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy: small matrices, many threads

import statistics
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import script
from numpy.typing import NDArray
from pictures import save_picture
from random_profiles import random_problem

import screlax
from screlax.bench.provenance import provenance_line
from screlax.problem.constraints.base import controls_of

Pairs = tuple[NDArray[np.int64], NDArray[np.int64]]

SETTINGS = [
    ("ridge λ=0.01", screlax.Ridge(0.01)),
    ("budget ρ/τ=1", screlax.Budget(1.0)),
    ("sphere ρ/τ=1", screlax.Sphere(1.0)),
    ("sphere ρ/τ=10", screlax.Sphere(10.0)),
    ("ball ρ/τ=10", screlax.Ball(10.0)),
]


def zipf(classes: int, factor: float) -> Pairs:
    """Sizes max(1, ⌊factor k/i^0.9⌋), i = 1 … k, with how often each occurs."""
    sizes = factor * classes / np.arange(1, classes + 1) ** 0.9
    return np.unique(np.maximum(1, np.floor(sizes)).astype(int), return_counts=True)


def distinct(orbits: int) -> Pairs:
    """One class of every size from 2 on, and as many singletons: m distinct sizes in all."""
    copies = np.ones(orbits, dtype=int)
    copies[0] = orbits
    return np.arange(1, orbits + 1), copies


def times(work: Sequence[Callable[[], object]], repeats: int) -> list[tuple[float, float]]:
    """Return the median wall and CPU seconds of each, taken in turns."""
    found: list[list[tuple[float, float]]] = [[] for _ in work]
    for _ in range(repeats):
        for run, taken in zip(work, found, strict=True):
            wall, cpu = time.perf_counter(), time.process_time()
            run()
            taken.append((time.perf_counter() - wall, time.process_time() - cpu))
    return [
        (statistics.median(wall for wall, _ in taken), statistics.median(cpu for _, cpu in taken))
        for taken in found
    ]


def long_tails(sizes: list[tuple[int, float]], repeats: int) -> None:
    print("| profile | singletons | m | control | status | gap | steps | ms | CPU ms |")
    print("|---|---|---|---|---|---|---|---|---|")
    for classes, factor in sizes:
        pairs = zipf(classes, factor)
        problems = [screlax.UFM.from_pairs(*pairs, control) for _, control in SETTINGS]
        solutions = [screlax.solve_relaxation(problem) for problem in problems]
        work = [partial(screlax.solve_relaxation, problem) for problem in problems]
        for (label, _), solution, (wall, cpu) in zip(
            SETTINGS, solutions, times(work, repeats), strict=True
        ):
            points = solution.problem.points
            print(
                f"| k={classes:,}, max(1, ⌊{factor:g}k/i^0.9⌋) | {points.singletons:,} "
                f"| {points.orbits:,} | {label} | {solution.status} | {solution.relative_gap:.1e} "
                f"| {solution.iterations} | {1e3 * wall:.0f} | {1e3 * cpu:.0f} |",
                flush=True,
            )


def growth(orbits: list[int], repeats: int, plot: Path | None) -> None:
    print("\n| one class of each size to m, and m singletons | control | gap | s | CPU s |")
    print("|---|---|---|---|---|")
    chosen = [SETTINGS[0], SETTINGS[1], SETTINGS[3]]
    points: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for count in orbits:
        problems = [screlax.UFM.from_pairs(*distinct(count), control) for _, control in chosen]
        gaps = [screlax.solve_relaxation(problem).relative_gap for problem in problems]
        work = [partial(screlax.solve_relaxation, problem) for problem in problems]
        for (label, _), gap, (wall, cpu) in zip(chosen, gaps, times(work, repeats), strict=True):
            points[label].append((count, cpu))
            print(f"| m={count:,} | {label} | {gap:.1e} | {wall:.3f} | {cpu:.3f} |", flush=True)
    if plot is not None:
        _plot(points, plot)


def _plot(points: dict[str, list[tuple[int, float]]], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(5, 3.5), layout="constrained")
    for (label, found), color in zip(
        points.items(), ("#0072b2", "#d55e00", "#009e73"), strict=True
    ):
        orbits, seconds = np.array(found).T
        axes.loglog(orbits, seconds, "o-", color=color, label=label)
    axes.loglog(
        orbits, seconds[-1] * orbits / orbits[-1], "--", color="#999999", label="linear in m"
    )
    axes.set(xlabel="distinct class sizes m, with m singletons", ylabel="CPU seconds")
    axes.set_title("Solve + certificate, one thread")
    axes.legend()
    save_picture(figure, path, 150)


def survey(count: int, seed: int) -> None:
    """Solve random problems with singletons, small ones and of the random profiles in turn."""
    rng = np.random.default_rng(seed)
    endings: Counter[tuple[str, str, str]] = Counter()
    gaps, taken = defaultdict(list), defaultdict(list)
    found = 0
    while found < count:
        most = 9 if found % 2 else 51
        control = list(controls_of(classifier=False))[found // 2 % 4]
        problem = random_problem(rng, control, int(rng.integers(2, most)))
        if not problem.points.singletons:
            continue
        found += 1
        start = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", screlax.InaccurateWarning)
            solution = screlax.solve_relaxation(problem, time_limit=30)
        key = (
            problem.control.name,
            solution.solver_message.partition(": ")[0],
            solution.status.value,
        )
        endings[key] += 1
        taken[key].append(time.process_time() - start)
        gaps[key].append(solution.relative_gap)
    print("\n| random ones: control | ended by | status | number | worst gap | CPU ms |")
    print("|---|---|---|---|---|---|")
    for control, method, status in sorted(endings):
        key = control, method, status
        print(
            f"| {control} | {method} | {status} | {endings[key]} | {max(gaps[key]):.1e} "
            f"| {1e3 * statistics.median(taken[key]):.1f} |"
        )
    optimal = sum(number for key, number in endings.items() if key[2] == "optimal")
    descent = sum(number for key, number in endings.items() if "Burer" in key[1])
    print(
        f"\n{optimal} of {count} certified to 1e-9; {descent} ({100 * descent / count:.1f} %) "
        "needed the descent."
    )


def main() -> None:
    parser = script.make_parser(__doc__)
    parser.add_argument("--classes", type=int, nargs="+", default=[10**6, 10**7])
    parser.add_argument(
        "--orbits", type=int, nargs="+", default=[500, 2000, 4000, 14000, 50000, 200000]
    )
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--plot", type=Path, help="write the figure of growth here")
    options = script.parse(parser, classes=[10**4], orbits=[200, 800], count=20, repeats=1)
    script.require(*(["matplotlib"] if options.plot else []))
    script.require_folder(options.plot)
    print(f"_{provenance_line()}_\n")
    screlax.solve_relaxation(screlax.UFM.from_pairs(*zipf(10**3, 0.4), screlax.Ridge(0.1)))
    factors = {classes: 0.4 if classes < 10**7 else 0.2 for classes in options.classes}
    long_tails(list(factors.items()), options.repeats)
    growth(options.orbits, options.repeats, options.plot)
    survey(options.count, options.seed)


if __name__ == "__main__":
    main()
