"""The native solver: accuracy on real profiles, speed against conic solvers, growth to 10⁷ classes.

    python benchmarks/native.py [--quick] [--counts-dir FOLDER] [--skip-conic] [--plot growth.png]

Times are the processor's, of one thread, medians of interleaved runs in one process, so that other
programs hardly change them; always beside the certified relative gap. Memory is the peak of a fresh
process.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy: processor time of one thread

import json
import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import script
from numpy.typing import NDArray
from pictures import save_picture

import screlax
from screlax.bench.provenance import provenance_line

PROFILES = (
    "cifar100-lt:100",
    "cifar100-step:100",
    "cifar10-lt:100",
    "cifar10-step:100",
    "covtype",
    "imagenet12k",
    "imagenet-lt",
    "inat2018-supercategory",
    "reuters46",
)
SETTINGS = [
    *((f"ridge λ={strength:g}", screlax.Ridge(strength)) for strength in (1.0, 1e-2, 1e-4)),
    *((f"sphere ρ/τ={radius:g}", screlax.Sphere(radius)) for radius in (1.0, 10.0)),
    *((f"ball ρ/τ={radius:g}", screlax.Ball(radius)) for radius in (1.0, 10.0)),
    *((f"budget ρ/τ={radius:g}", screlax.Budget(radius)) for radius in (1.0, 10.0)),
]


def median_seconds(work: Callable[[], object], repeats: int = 7) -> float:
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return statistics.median(times)


def real_profiles(counts: dict[str, NDArray[np.int64]]) -> None:
    print("| profile | k | m | worst certified gap | at | median ms | slowest ms |")
    print("|---|---|---|---|---|---|---|")
    for name, each in counts.items():
        sizes = screlax.ClassSizes.from_counts(each)
        rows = []
        for label, control in SETTINGS:
            problem = screlax.UFM(sizes, control)
            solution = screlax.solve_relaxation(problem)
            seconds = median_seconds(partial(screlax.solve_relaxation, problem), 5)
            rows.append((solution.relative_gap, label, 1e3 * seconds))
        gap, label, _ = max(rows)
        times = [row[2] for row in rows]
        print(
            f"| {name} | {sizes.classes} | {sizes.orbits} | {gap:.1e} | {label} "
            f"| {statistics.median(times):.1f} | {max(times):.1f} |",
            flush=True,
        )


def against_conic(name: str) -> None:
    problem = screlax.UFM(screlax.profile(name), screlax.Ridge(0.01))
    native = screlax.solve_relaxation(problem)
    rows = [
        ("native", median_seconds(lambda: screlax.solve_relaxation(problem)), native.relative_gap)
    ]
    for solver in ("SCS", "CLARABEL"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", screlax.InaccurateWarning)
            start = time.process_time()
            solution = screlax.solve_relaxation(problem, solver=solver, tol=1e-5)
        rows.append((solver, time.process_time() - start, solution.relative_gap))
    print("\n| λ=0.01, orbit level | by | seconds | certified gap | slower |")
    print("|---|---|---|---|---|")
    for solver, seconds, gap in rows:
        slower = f"{seconds / rows[0][1]:,.0f}×"
        print(f"| {name} | {solver} | {seconds:.4g} | {gap:.1e} | {slower} |")


def against_eigh(turns: int) -> None:
    counts = screlax.profile("imagenet-lt")
    matrix = np.random.default_rng(0).standard_normal((310, 310))
    matrix = matrix + matrix.T
    print(
        "\n| ImageNet-LT | solve + certificate | eigh of 310×310 | ratio | 100-point path | ratio |"
    )
    print("|---|---|---|---|---|---|")
    for label, control in SETTINGS[1], SETTINGS[4], SETTINGS[8]:
        problem = screlax.UFM(counts, control)
        work: dict[str, Callable[[], object]] = {
            "solve": partial(screlax.solve_relaxation, problem),
            "eigh": partial(np.linalg.eigh, matrix),
            "path": partial(screlax.regularization_path, problem),
        }
        seconds: dict[str, list[float]] = {name: [] for name in work}
        for _ in range(turns):
            for name, run in work.items():
                seconds[name].append(median_seconds(run, 1))
        solve, eigh, path = (1e3 * statistics.median(seconds[name]) for name in work)
        print(
            f"| {label} | {solve:.1f} ms | {eigh:.1f} ms | {solve / eigh:.2f} | {path:.0f} ms "
            f"| {path / solve:.1f} |"
        )


_FRESH = """
import json, resource, sys, time
import numpy as np
import screlax
k = int(sys.argv[1])
i = np.arange(1, k + 1)
sizes, copies = np.unique(np.maximum(2, np.floor(20 * k / i**0.9)).astype(int), return_counts=True)
del i
problem = screlax.UFM.from_pairs(sizes, copies, screlax.Ridge(0.01))
solver = screlax.solve_relaxation  # names load their modules when first asked for
solve = time.process_time()
solution = solver(problem)
end = time.process_time()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
gap = solution.relative_gap
print(json.dumps([len(sizes), end - solve, gap, solution.status, peak]))
"""


def growth(classes: Sequence[int], runs: int, plot: Path | None) -> None:
    print("\n| Zipf profile, k | m | solve + certificate | certified gap | peak memory |")
    print("|---|---|---|---|---|")
    points = []
    for k in classes:
        measured = [json.loads(script.fresh(_FRESH, k)) for _ in range(runs)]
        m, seconds, gap, status, peak = sorted(measured, key=lambda run: run[1])[runs // 2]
        points.append((m, seconds))
        print(f"| {k:,} | {m:,} | {1e3 * seconds:.0f} ms | {gap:.1e} ({status}) | {peak:.0f} MB |")
    if plot is not None:
        _plot(points, plot)


def _plot(points: list[tuple[int, float]], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    sizes, seconds = np.array(points).T
    figure, axes = pyplot.subplots(figsize=(5, 3.5), layout="constrained")
    axes.loglog(sizes, seconds, "o-", color="#0072b2", label="solve + certificate")
    axes.loglog(sizes, seconds[0] * sizes / sizes[0], "--", color="#999999", label="linear in m")
    axes.set(xlabel="distinct class sizes m", ylabel="seconds", title="Zipf, k = 10⁴ to 10⁷")
    axes.legend()
    save_picture(figure, path, 150)


def main() -> None:
    parser = script.make_parser(__doc__, counts=True)
    parser.add_argument("--profiles", nargs="+", metavar="NAME", default=PROFILES)
    parser.add_argument("--classes", type=int, nargs="+", default=[10**4, 10**5, 10**6, 10**7])
    parser.add_argument("--conic", metavar="NAME", default="cifar100-lt:100")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--skip-conic", action="store_true", help="leave out the slow comparison")
    parser.add_argument("--plot", type=Path, help="write the growth figure here")
    options = script.parse(
        parser,
        profiles=["cifar10-lt:100", "covtype"],
        classes=[10**4],
        conic="covtype",
        repeats=1,
    )
    script.require(
        *([] if options.skip_conic else ["clarabel"]),
        *(["matplotlib"] if options.plot else []),
    )
    script.require_folder(options.plot)
    counts = script.class_counts(options.profiles, options.counts_dir)
    print(f"_{provenance_line()}_\n")
    real_profiles(counts)
    against_eigh(options.repeats)
    growth(options.classes, min(options.repeats, 3), options.plot)
    if not options.skip_conic:
        against_conic(options.conic)


if __name__ == "__main__":
    main()
