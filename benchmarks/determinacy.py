"""What a loss decides, checked: predicted against found distance on level sets, as Markdown tables.

    python benchmarks/determinacy.py [--quick] [--problems 50] [--starts 4] [--all]

Random problems of all controls, losses of all samples and of mini-batches: the distance that an
excess allows to second order, the largest found by descent on the level set (SLSQP, from the
direction of least curvature and from random starts), and the bound that holds for every Gram
matrix; then the time of real profiles.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterable
from typing import Any

import numpy as np
import script
from level_sets import LevelSet

import screlax
from screlax.batches import Batches, PoissonBatches, RandomBatches
from screlax.errors import ScrelaxError

SHARES = {"small": 0.01, "middle": 0.05}
"""Distances, to second order, whose excess the level sets have."""

PROFILES = (
    ("cifar10-lt:100", screlax.Sphere(1.0), None),
    ("cifar100-lt:100", screlax.Sphere(1.0), None),
    ("cifar100-lt:100", screlax.Ridge(0.01), None),
    ("cifar100-lt:100", screlax.Sphere(1.0), RandomBatches(128)),
    ("imagenet-lt", screlax.Sphere(1.0), None),
    ("imagenet-lt", screlax.Ridge(0.01), None),
    ("imagenet-lt", screlax.Sphere(1.0), RandomBatches(256)),
    ("10⁷ classes of 100 and of 10", screlax.Sphere(1.0), None),
)

TWO_SIZES = screlax.ClassSizes.from_pairs([100, 10], [5_000_000, 5_000_000])


def random_problem(generator: np.random.Generator) -> screlax.UFM:
    """Return a problem of three to seven classes."""
    count = int(generator.integers(3, 8))
    sizes = np.exp(generator.uniform(math.log(2), math.log(200), count)).astype(int)
    if generator.random() < 0.3:
        sizes[1] = sizes[0]
    temperature = float(generator.choice([0.2, 0.3, 0.5, 1.0]))
    kinds: list[type[Any]] = [screlax.Sphere, screlax.Ball, screlax.Budget, screlax.Ridge]
    control = kinds[int(generator.integers(4))]
    parameter = float(generator.uniform(0.05, 0.5)) if control is screlax.Ridge else 1.0
    batches = [None, None, RandomBatches(8), PoissonBatches(0.2)][int(generator.integers(4))]
    return screlax.UFM(sizes.tolist(), control(parameter), temperature, batches=batches)


def measure(
    problem: screlax.UFM, distance: float, starts: int
) -> tuple[float, float, float, float] | None:
    """Return the excess, predicted and found distance and the bound; None where it is no problem.

    No second-order freedom, zero, an excess near the certified gap: then there is nothing to find.
    """
    try:
        solution = screlax.solve_relaxation(problem)
        known = solution.determinacy()
    except ScrelaxError:
        return None
    if known.direction is None or not known.curvature > 0:
        return None
    excess = known.relative_excess(distance)
    if excess * abs(solution.value) < 1e4 * max(solution.gap, 1e-15 * abs(solution.value)):
        return None
    level = LevelSet(solution)
    found = level.farthest(excess * solution.value, distance, known.direction.matrix(), starts)
    return excess, known.distance(excess), found, known.distance_bound(excess)


def compare_found(count: int, starts: int, every: bool) -> None:
    """Print predicted against found distances of random problems, of each problem where asked."""
    if every:
        print("| problem | excess | to second order | found | found/predicted | bound |")
        print("|---|---|---|---|---|---|")
    rows: dict[str, list[tuple[float, float, float]]] = {name: [] for name in SHARES}
    generator = np.random.default_rng(0)
    while len(rows["small"]) < count:
        problem = random_problem(generator)
        measured = {name: measure(problem, distance, starts) for name, distance in SHARES.items()}
        if any(row is None for row in measured.values()):
            continue
        for name, row in measured.items():
            assert row is not None
            excess, predicted, found, bound = row
            rows[name].append((predicted, found, bound))
            if every:
                title = f"{list(problem.class_sizes)}, {problem.control.name}, τ = "
                title += f"{problem.temperature:g}, {problem.loss}"
                cells = f"{excess:.2g} | {predicted:.4f} | {found:.4f} | {found / predicted:.3f}"
                print(f"| {title} | {cells} | {bound:.4f} |", flush=True)
    summarize(rows, "\n" if every else "")


def summarize(rows: dict[str, list[tuple[float, float, float]]], before: str) -> None:
    """Print a row for each predicted distance."""
    print(f"{before}| predicted | found/predicted | within 10 % | beyond the bound ", end="")
    print("| bound/predicted, median and largest |\n|---|---|---|---|---|")
    for name, known in rows.items():
        predicted, found, bound = np.array(known).T
        ratio, room = found / predicted, bound / predicted
        near = f"{(np.abs(ratio - 1) <= 0.1).sum()} of {len(ratio)}"
        print(
            f"| {SHARES[name]:g} | {ratio.min():.3f} to {ratio.max():.3f} | {near} "
            f"| {(found > bound).sum()} | {np.median(room):.2f}, {room.max():.2f} |"
        )
    print()


def time_profiles(
    profiles: Iterable[tuple[str, screlax.NormControl, Batches | None]],
) -> None:
    """Print what the curvature, a bound and the references of real profiles take."""
    print("| profile | control, τ = 0.2 | μ | distance at 1e-6 | bound at 1e-9 ", end="")
    print("| processor seconds: μ, bound, references |\n|---|---|---|---|---|---|")
    for name, control, batches in profiles:
        counts = TWO_SIZES if name.startswith("10⁷") else screlax.profile(name)
        problem = screlax.UFM(counts, control, 0.2, batches=batches)
        solution = screlax.solve_relaxation(problem)
        clock = [time.process_time()]
        known = solution.determinacy()
        clock.append(time.process_time())
        bound = known.distance_bound(1e-9)
        clock.append(time.process_time())
        lines = known.references
        clock.append(time.process_time())
        seconds = ", ".join(f"{b - a:.2f}" for a, b in itertools.pairwise(clock))
        assert len(lines) == 4
        print(
            f"| {name}, {problem.loss} | {control.name} {control.parameter:g} | "
            f"{known.curvature:.4g} | {known.distance(1e-6):.3g} | {bound:.3g} | {seconds} |",
            flush=True,
        )


def main() -> None:
    parser = script.make_parser(__doc__)
    parser.add_argument("--problems", type=int, default=50)
    parser.add_argument("--starts", type=int, default=4, help="random starts of each descent")
    parser.add_argument("--all", action="store_true", help="a row for each problem too")
    options = script.parse(parser, problems=1, starts=0)
    if options.problems > 0:
        compare_found(options.problems, options.starts, options.all)
    time_profiles(PROFILES[:1] if options.quick else PROFILES)


if __name__ == "__main__":
    main()
