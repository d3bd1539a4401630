"""Nonnegative features: certified gap and processor time, up to ten million classes.

    python benchmarks/nonnegative.py [--quick] [--classes 1000000 10000000]

Orthogonal classes on the named profiles and on Zipf profiles with singletons (sizes
max(1, ⌊0.2k/i^0.9⌋)), all controls; then losses with general targets, whose doubly nonnegative
programs have no formula, and whether nonnegative embeddings are known that reach the bound.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy: processor time of one thread

import time

import numpy as np
import script

import screlax
from screlax.bench.provenance import provenance_line

CONTROLS = [screlax.Ridge(0.01), screlax.Ball(1.0), screlax.Sphere(1.0), screlax.Budget(1.0)]
TEMPERATURE = 0.1
LOSSES = ("supcon", "class-averaged", "supcon:class_weights=balanced", "negatives-only")
PROFILES = ("cifar10-lt:100", "cifar100-lt:100", "imagenet-lt", "imagenet12k", "reuters46")


def timed(problem: screlax.UFM) -> tuple[screlax.Solution, float]:
    start = time.process_time()
    solution = screlax.solve_relaxation(problem)
    return solution, 1000 * (time.process_time() - start)


def row(name: str, problems: list[screlax.UFM]) -> None:
    """Print the worst gap and the times of several problems."""
    found = [timed(problem) for problem in problems]
    times = [milliseconds for _, milliseconds in found]
    worst = max(solution.relative_gap for solution, _ in found)
    size = problems[0]
    print(
        f"| {name} | {size.classes:,} | {size.points.orbits:,} | {worst:.1e} | "
        f"{np.median(times):.2f} | {max(times):.2f} |",
        flush=True,
    )


def orthogonal_classes(profiles: tuple[str, ...]) -> None:
    print("| profile, loss | k | m | worst certified gap | median ms | slowest ms |")
    print("|---|---|---|---|---|---|")
    for profile in profiles:
        counts = screlax.profile(profile)
        for loss in LOSSES:
            kinds = CONTROLS[1:] if loss == "negatives-only" else CONTROLS
            problems = [
                screlax.UFM(counts, control, TEMPERATURE, loss=loss, features="nonnegative")
                for control in kinds
            ]
            row(f"{profile}, {loss}", problems)


def millions(counts: list[int]) -> None:
    for k in counts:
        sizes = np.maximum(1, (0.2 * k / np.arange(1, k + 1) ** 0.9).astype(np.int64))
        distinct, copies = np.unique(sizes, return_counts=True)
        problems = [
            screlax.UFM.from_pairs(distinct, copies, control, TEMPERATURE, features="nonnegative")
            for control in CONTROLS
        ]
        row("Zipf with singletons, supcon", problems)


def general_targets(sizes: list[int]) -> None:
    cycle = 0.6 * np.eye(len(sizes)) + 0.4 * np.roll(np.eye(len(sizes)), 1, axis=1)
    losses = {
        "soft targets, ε = 0.01": screlax.losses.SoftTargets(epsilon=0.01),
        "soft targets, ε = 0.5": screlax.losses.SoftTargets(epsilon=0.5),
        "targets in a cycle": screlax.losses.SoftTargets(matrix=cycle.tolist()),
        "instance mix, α = 0.5": screlax.losses.InstanceMix(alpha=0.5),
    }
    print("\n| loss | control | certified gap | ms | samples of a class | tight |")
    print("|---|---|---|---|---|---|")
    for name, loss in losses.items():
        for control in CONTROLS:
            problem = screlax.UFM(sizes, control, 0.5, loss=loss, features="nonnegative")
            solution, milliseconds = timed(problem)
            print(
                f"| {name} | {control.name} | {solution.relative_gap:.1e} | {milliseconds:.0f} | "
                f"{'together' if solution.collapses else 'apart'} | "
                f"{'yes' if solution.is_tight else 'not known'} |",
                flush=True,
            )


def main() -> None:
    parser = script.make_parser(__doc__)
    parser.add_argument("--classes", type=int, nargs="*", default=[10**6, 10**7])
    options = script.parse(parser, classes=[10**4])
    print(f"_{provenance_line()}_\n")
    timed(screlax.UFM([5, 3, 1], screlax.Budget(1.0), features="nonnegative"))  # imports
    orthogonal_classes(PROFILES[:1] if options.quick else PROFILES)
    millions(options.classes)
    general_targets([6, 4, 3, 3, 2] if options.quick else [50, 30, 20, 10, 5, 5, 2])


if __name__ == "__main__":
    main()
