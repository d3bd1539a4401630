"""Cross-entropy natively: real profiles over all prices, and how random profiles end.

    python benchmarks/cross_entropy.py [--quick] [--counts-dir FOLDER] [--count 3000] [--seed 0]

Weight decay at μ² = λ_H λ_W from 0.01 to beyond the largest class, the layer-peeled model with
E_W = 1 at E_H from 0.1 to 100. Random profiles: 2 to 50 distinct sizes, log-uniform up to 10 … 10⁷,
single, repeated, equal, some of one sample; μ² anywhere below the threshold of zero, and at, just
above and just below a class size and that threshold; one third with norm budgets. Process time of
solve and certificate, on one thread.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy: processor time of one thread

import statistics
import time
import warnings
from collections import defaultdict

import numpy as np
import script
from numpy.typing import NDArray

import screlax
from screlax.bench.provenance import provenance_line

PROFILES = (
    "cifar10-lt:100",
    "cifar10-step:100",
    "cifar100-lt:100",
    "cifar100-step:100",
    "covtype",
    "inat2018-supercategory",
    "reuters46",
    "imagenet-lt",
    "imagenet12k",
)
SHARES = (0.01, 0.1, 0.3, 0.6, 0.9, 1.1)
"""Prices μ² relative to the largest class, beside absolute ones."""


def solved(problem: screlax.UFM) -> tuple[screlax.Solution, float]:
    """Return a solution and the process time it took."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", screlax.InaccurateWarning)
        start = time.process_time()
        solution = screlax.solve_relaxation(problem)
        return solution, time.process_time() - start


def settings(counts: NDArray[np.int64], kind: str) -> dict[str, screlax.Control]:
    """Return controls by name."""
    if kind == "E_H":
        return {f"{e:g}": screlax.LayerPeeled(e, 1.0) for e in (0.1, 1.0, 10.0, 100.0)}
    prices = [0.01, 0.1, 1.0, 10.0, 30.0, *(share * counts.max() for share in SHARES)]
    return {f"{p:.3g}": screlax.WeightDecay(p**0.5, p**0.5) for p in prices}


def real_profiles(all_counts: dict[str, NDArray[np.int64]], kind: str) -> None:
    """Print a row for each profile."""
    print(f"\n| profile | k | m | worst certified gap | at {kind} | seconds | slowest at {kind} |")
    print("|---|---|---|---|---|---|---|")
    for name, counts in all_counts.items():
        rows = []
        for label, control in settings(counts, kind).items():
            solution, seconds = solved(screlax.UFM(counts, control, loss="cross-entropy"))
            rows.append((solution.relative_gap, seconds, label))
        gap, _, at = max(rows)
        times = sorted((seconds, label) for _, seconds, label in rows)
        sizes = screlax.ClassSizes.from_counts(counts)
        print(
            f"| {name} | {sizes.classes} | {sizes.orbits} | {gap:.1e} | {at} "
            f"| {times[0][0]:.3f} – {times[-1][0]:.3f} | {times[-1][1]} |",
            flush=True,
        )


def random_sizes(rng: np.random.Generator) -> NDArray[np.int64]:
    """Return sizes of classes."""
    largest, number = 10 ** rng.uniform(1, 7), int(rng.choice([2, 3, 5, 10, 20, 50]))
    sizes = np.floor(np.exp(rng.uniform(0, np.log(largest), number))).astype(np.int64)
    kind = rng.integers(4)
    if kind == 1:
        sizes = np.repeat(sizes, rng.integers(1, 6, number))
    if kind == 2:
        sizes[rng.random(number) < rng.random()] = 1
    if kind == 3:
        sizes[:] = sizes[rng.integers(0, max(1, number // 4), number)]
    return sizes


def random_control(
    rng: np.random.Generator, sizes: NDArray[np.int64], number: int
) -> tuple[str, screlax.Control]:
    """Return what the control is near, and the control."""
    if number % 3 == 2:
        energy = 10 ** rng.uniform(-2, 2)
        return "norm budgets", screlax.LayerPeeled(energy, 10 ** rng.uniform(-1, 1))
    decay = screlax.UFM(sizes, screlax.WeightDecay(1.0, 1.0), loss="cross-entropy")
    most = decay.zero_threshold()
    beside = 1 + rng.choice([-1, 0, 1]) * 10 ** rng.uniform(-10, -1)
    where = ("anywhere", "a class size", "the threshold of zero")[number // 3 % 3]
    price = {
        "anywhere": most * 10 ** rng.uniform(-6, 0),
        "a class size": np.sqrt(rng.choice(sizes)) * beside,
        "the threshold of zero": most * beside,
    }[where]
    return f"decay, μ near {where}", screlax.WeightDecay(price, price)


def random_profiles(count: int, seed: int) -> None:
    """Print how so many random problems end."""
    found = defaultdict(list)
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        sizes = random_sizes(rng)
        name, control = random_control(rng, sizes, number)
        problem = screlax.UFM(sizes, control, loss="cross-entropy")
        solution, seconds = solved(problem)
        found[name].append((solution.relative_gap, seconds, solution.status == "optimal"))
        if not solution.relative_gap <= 1e-9:
            print(f"{number}: {solution.relative_gap:.1e} {sizes.tolist()} {control}", flush=True)
    print("\n| random: control | number | above 1e-9 | worst gap | median s | slowest s |")
    print("|---|---|---|---|---|---|")
    for name, rows in sorted(found.items()):
        gaps, times, optimal = zip(*rows, strict=True)
        above = sum(not gap <= 1e-9 for gap in gaps)
        print(
            f"| {name} | {len(rows)} | {above}, {len(rows) - sum(optimal)} not called optimal "
            f"| {max(gaps):.1e} | {statistics.median(times):.4f} | {max(times):.2f} |"
        )


def main() -> None:
    parser = script.make_parser(__doc__ or "", counts=True)
    parser.add_argument("--profiles", nargs="+", metavar="NAME", default=PROFILES)
    parser.add_argument("--count", type=int, default=3000, help="random profiles")
    parser.add_argument("--seed", type=int, default=0)
    options = script.parse(parser, profiles=PROFILES[:2], count=12)
    counts = script.class_counts(options.profiles, options.counts_dir)
    solved(screlax.UFM([3, 2], screlax.WeightDecay(0.1, 0.1), loss="cross-entropy"))  # imports
    print(provenance_line())
    real_profiles(counts, "μ²")
    real_profiles(counts, "E_H")
    random_profiles(options.count, options.seed)


if __name__ == "__main__":
    main()
