"""Random profiles over the whole range of parameters: how every one of them ends.

    python benchmarks/random_profiles.py [--quick] [--count 2000] [--seed 0] [--compare 40]

k = 2 … 50 classes, sizes log-uniform in 1 … 10⁷ (half of the profiles with more singletons), all
controls, λ from 1e-8 to λ_max, ρ/τ from 1e-2 to 1e2. `--compare` small ones are also solved by
Clarabel: the two intervals [lower, upper] have to overlap. Times are the
processor's, of one thread.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy: processor time of one thread

import statistics
import time
import warnings
from collections import Counter, defaultdict

import numpy as np
import script

import screlax
from screlax.bench.provenance import provenance_line
from screlax.problem.constraints.base import controls_of

CONTROLS = controls_of(classifier=False)


def random_problem(rng: np.random.Generator, name: str, classes: int) -> screlax.UFM:
    while True:
        sizes = np.floor(np.exp(rng.uniform(0, np.log(1e7), classes))).astype(int)
        if rng.random() < 0.5:
            sizes[rng.random(classes) < rng.random()] = 1
        if sizes.max() > 1:
            break
    temperature = 10 ** rng.uniform(-2, 1)
    problem = screlax.UFM(sizes, screlax.Ridge(1.0), temperature)
    if name == "ridge":
        parameter = np.exp(
            rng.uniform(np.log(1e-8 / temperature), np.log(problem.zero_threshold()))
        )
    else:
        parameter = temperature * 10 ** rng.uniform(-2, 2)
    return screlax.UFM(sizes, CONTROLS[name](float(parameter)), temperature)


def survey(count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    times, gaps = defaultdict(list), defaultdict(list)
    endings: Counter[tuple[str, str, str]] = Counter()
    for number in range(count):
        name = list(CONTROLS)[number % 4]
        problem = random_problem(rng, name, int(rng.integers(2, 51)))
        start = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", screlax.InaccurateWarning)
            solution = screlax.solve_relaxation(problem, time_limit=30)
        method = solution.solver_message.partition(":")[0]
        key = (name, method, solution.status.value)
        endings[key] += 1
        times[key].append(time.process_time() - start)
        gaps[key].append(solution.relative_gap)
    print("| control | ended by | status | number | worst gap | median ms | slowest ms |")
    print("|---|---|---|---|---|---|---|")
    for key in sorted(endings):
        control, method, status = key
        print(
            f"| {control} | {method} | {status} | {endings[key]} | {max(gaps[key]):.1e} "
            f"| {1e3 * statistics.median(times[key]):.1f} | {1e3 * max(times[key]):.0f} |"
        )


def compare(count: int, seed: int) -> None:
    rng = np.random.default_rng(seed + 1)
    agree, worst = 0, 0.0
    for number in range(count):
        name = list(CONTROLS)[number % 4]
        problem = random_problem(rng, name, int(rng.integers(2, 9)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", screlax.InaccurateWarning)
            native = screlax.solve_relaxation(problem, solver="native")
            conic = screlax.solve_relaxation(problem, solver="CLARABEL")
        rounding = 1e-14 * native.upper
        overlap = native.lower <= conic.upper + rounding and conic.lower <= native.upper + rounding
        agree += overlap
        worst = max(worst, (conic.upper - native.upper) / native.upper)
        if not overlap:
            print(f"disagreement: {problem} {native} {conic}")
    print(
        f"\nClarabel agrees within the certified gaps on {agree} of {count}; its value is at most "
        f"{worst:.1e} (relative) above the native one."
    )


def main() -> None:
    parser = script.make_parser(__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--compare", type=int, default=40)
    options = script.parse(parser, count=20, compare=4)
    script.require("clarabel")
    print(f"_{provenance_line()}_\n")
    survey(options.count, options.seed)
    compare(options.compare, options.seed)


if __name__ == "__main__":
    main()
