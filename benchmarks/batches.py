"""Expected losses of mini-batches: time, certified gap, distance from the optimum of all samples.

    python benchmarks/batches.py [--quick] [--drawn 400000] [--profile imagenet-lt]

"gap of height" is the certified gap relative to the height of the optimum above the loss without
negatives; "away" the distance of the normalised class Gram matrices from the optimum of all samples
at once. The last columns are what sampling finds: the mean of so many drawn batches at the optimum,
its standard error and their processor time, against the expectation and the time of one evaluation.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy: processor time of one thread

import math
import time
from collections.abc import Iterator

import numpy as np
import script

import screlax
from screlax import UFM, Ridge, Solution, Sphere
from screlax.batches import Batches, ClassBatches, PoissonBatches, RandomBatches, WeightedBatches
from screlax.bench.provenance import provenance_line
from screlax.comparison.batch_floor import drawn_losses
from screlax.geometry import gram_distance
from screlax.gram.cells import CellGram, Level
from screlax.problem.program import build_program

DRAWN, QUICK_DRAWN = 20_000, 200


def problems(quick: bool, profile: str | None) -> Iterator[tuple[str, UFM]]:
    """Yield the problems of the table, by name of the profile."""
    samplers: dict[str, list[Batches]] = {
        "step:10,80,10": [RandomBatches(64), RandomBatches(64, mean_over="anchors")],
        "cifar10-lt:100": [
            RandomBatches(128, drop_last=True),
            WeightedBatches(128),
            ClassBatches(8, 16),
            PoissonBatches(0.01),
        ],
        "cifar100-lt:100": [
            RandomBatches(128, drop_last=True),
            WeightedBatches(128),
            ClassBatches(16, 8),
            PoissonBatches(0.01),
        ],
        "imagenet-lt": [
            RandomBatches(256, drop_last=True),
            RandomBatches(1024, drop_last=True),
            WeightedBatches(256),
            ClassBatches(32, 8),
            PoissonBatches(0.002),
        ],
    }
    for name, each in samplers.items():
        if (quick and name != "cifar10-lt:100") or (profile and name != profile):
            continue
        for batches in each:
            for control, temperature in (
                (Sphere(1.0), 0.1),
                (Sphere(1.0), 0.2),
                (Ridge(0.01), 1.0),
            ):
                yield name, UFM(screlax.profile(name), control, temperature, batches=batches)


def drawn(solution: Solution, count: int) -> tuple[float, float, float]:
    """Return mean and standard error of the loss of drawn batches, and their time."""
    start = time.process_time()
    losses = drawn_losses(solution, count, seed=0)
    spent = time.process_time() - start
    return float(np.mean(losses)), float(np.std(losses)) / math.sqrt(count), spent


def evaluated(solution: Solution) -> tuple[float, float]:
    """Return the expected loss of the optimum per sample, and the time of its evaluation."""
    problem = solution.problem
    loss = build_program(problem, Level.ORBITS).loss
    dense = solution.orbit_gram.dense()
    gram = CellGram(dense.own / problem.temperature, dense.pair / problem.temperature)
    start = time.process_time()
    value = loss.value(gram)
    return value / problem.samples, time.process_time() - start


def main() -> None:
    """Print the table."""
    parser = script.make_parser(__doc__ or "")
    parser.add_argument("--drawn", type=int, help="batches drawn for each row")
    parser.add_argument("--profile", help="one profile alone")
    options = parser.parse_args()
    count = options.drawn or (QUICK_DRAWN if options.quick else DRAWN)
    print(f"{provenance_line()}; {count:,} batches drawn\n")
    print(
        "| profile | sampler | control, τ | seconds | gap | gap of height | away | "
        "expected − mean of drawn | standard error | "
        "seconds drawn / exact |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name, problem in problems(options.quick, options.profile):
        start = time.process_time()
        solution = screlax.solve_relaxation(problem)
        spent = time.process_time() - start
        whole = screlax.solve_relaxation(
            UFM(problem.class_sizes, problem.control, problem.temperature)
        )
        height = solution.value - problem.infimum
        mean, error, sampling = drawn(solution, count)
        expected, once = evaluated(solution)
        print(
            f"| {name} | {problem.batches} | {problem.control.name} "
            f"{problem.control.parameter:g}, {problem.temperature:g} | {spent:.3f} | "
            f"{solution.relative_gap:.1e} | {solution.gap / height:.1e} | "
            f"{gram_distance(solution.class_gram, whole.class_gram):.4f} | "
            f"{expected - mean:.1e} | {error:.1e} | {sampling:.2f} / {once:.3f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
