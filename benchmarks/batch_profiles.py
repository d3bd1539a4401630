"""Random profiles in mini-batches, with singletons: how every expected loss ends.

    python benchmarks/batch_profiles.py [--quick] [--count 1297] [--seed 0]

k = 2 … 30 classes, sizes log-uniform in 1 … 1000 (half of the profiles with more singletons),
temperatures 0.05 … 2, all controls, one or two views. Half of the batches are shuffled, B = 3 …
n − 2, the others of the three other samplers. "Gap of height" is the certified gap relative to the
height of the optimum above the loss without negatives.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy: processor time of one thread

import statistics
import time
import warnings
from collections import defaultdict
from collections.abc import Iterator

import numpy as np
import script

import screlax
from screlax.batches import Batches, ClassBatches, PoissonBatches, RandomBatches, WeightedBatches
from screlax.bench.provenance import provenance_line
from screlax.problem.constraints.base import controls_of

CONTROLS = controls_of(classifier=False)


def random_batches(rng: np.random.Generator, sizes: screlax.ClassSizes, kind: int) -> Batches:
    """Return a sampler with log-uniform numbers."""
    size = int(np.exp(rng.uniform(np.log(3), np.log(sizes.samples - 2))))
    if kind == 1:
        return WeightedBatches(size)
    if kind == 2:
        small = "repeat" if rng.random() < 0.5 else "cap"
        return ClassBatches(int(rng.integers(2, sizes.classes + 1)), int(rng.integers(2, 9)), small)
    if kind == 3:
        return PoissonBatches(size / sizes.samples)
    return RandomBatches(size, drop_last=bool(rng.random() < 0.5))


def random_problem(rng: np.random.Generator, number: int) -> screlax.UFM:
    """Return a problem; its number decides control, sampler and views."""
    while True:
        sizes = np.floor(np.exp(rng.uniform(0, np.log(1000), rng.integers(2, 31)))).astype(int)
        if rng.random() < 0.5:
            sizes[rng.random(len(sizes)) < rng.random()] = 1
        if sizes.max() > 1 and sizes.sum() >= 6:
            break
    name, counts = list(CONTROLS)[number % 4], screlax.ClassSizes.from_counts(sizes)
    batches = random_batches(rng, counts, max(0, number // 4 % 6 - 2))
    temperature, loss = float(np.exp(rng.uniform(np.log(0.05), np.log(2)))), screlax.losses.SupCon
    parameter = float(np.exp(rng.uniform(np.log(1e-6), 0.0)) / temperature)
    control = CONTROLS[name](parameter if name == "ridge" else 1.0)
    views = 1 + number // 24 % 2
    return screlax.UFM(sizes, control, temperature, loss=loss(views=views), batches=batches)


def problems(count: int, seed: int) -> Iterator[screlax.UFM]:
    """Yield so many; those in which nobody ever meets a partner are drawn again."""
    rng, number = np.random.default_rng(seed), 0
    while number < count:
        try:
            problem = random_problem(rng, number)
        except screlax.errors.InvalidInputError:
            continue
        yield problem
        number += 1


def main() -> None:
    """Print the table."""
    parser = script.make_parser(__doc__ or "")
    parser.add_argument("--count", type=int, default=1297)
    parser.add_argument("--seed", type=int, default=0)
    options = script.parse(parser, count=24)
    found = defaultdict(list)
    for number, problem in enumerate(problems(options.count, options.seed)):
        start = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", screlax.InaccurateWarning)
            solution = screlax.solve_relaxation(problem)
        spent, height = time.process_time() - start, solution.value - problem.infimum
        of_height = solution.gap / height if height > 0 else 0.0
        method = solution.solver_message.partition(":")[0]
        row = solution.relative_gap, of_height, spent
        assert problem.batches is not None
        found[problem.control.name, problem.batches.name, method].append(row)
        if solution.relative_gap > 1e-10:
            print(f"{number}: gap {row[0]:.1e}, {of_height:.1e} of height, {problem}", flush=True)
    print(provenance_line() + "\n")
    print(
        "| control | sampler | ended by | number | worst gap | of height | median s | slowest s |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for key in sorted(found):
        gaps, heights, seconds = zip(*found[key], strict=True)
        print(
            f"| {' | '.join(key)} | {len(gaps)} | {max(gaps):.1e} | {max(heights):.1e} "
            f"| {statistics.median(seconds):.3f} | {max(seconds):.2f} |"
        )


if __name__ == "__main__":
    main()
