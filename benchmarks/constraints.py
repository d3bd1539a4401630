"""Constraints of one's own: the native method beside Clarabel, certified gap and processor time.

    python benchmarks/constraints.py [--quick] [--problems 80]

Named profiles with fixed angles, equal norms and a hierarchy, then random problems: two to seven
classes, all controls, one to four random linear constraints that a random Gram matrix satisfies.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy: processor time of one thread

import time
import warnings
from typing import Any

import numpy as np
import script

if __name__ == "__main__":
    script.require("clarabel")

import screlax
from screlax.constraints import Linear

CONTROLS = (screlax.Ridge(0.1), screlax.Ball(1.0), screlax.Sphere(1.0), screlax.Budget(1.0))


def entry(a: int, b: int, **bounds: Any) -> Linear:
    return Linear({(a, b): 1.0}, **bounds)


def equal_norms(classes: int) -> list[Linear]:
    return [Linear({(c, c): 1.0, (0, 0): -1.0}, equal=0.0) for c in range(1, classes)]


def hierarchy(groups: int, each: int, least: float) -> list[Linear]:
    return [
        entry(each * g + a, each * g + b, lower=least)
        for g in range(groups)
        for a in range(each)
        for b in range(a)
    ]


def named(quick: bool) -> dict[str, tuple[str, screlax.UFM]]:
    ten, hundred = screlax.profile("cifar10-lt:100"), screlax.profile("cifar100-lt:100")
    sphere, ridge = screlax.Sphere(1.0), screlax.Ridge(0.1)
    pairs = [(a, b) for a in range(10) for b in range(a)]
    found = {
        "one angle": (ten, sphere, 0.2, [entry(0, 9, equal=0.0)]),
        "cosines of at least −0.1": (ten, sphere, 0.2, [entry(*p, lower=-0.1) for p in pairs]),
        "equal norms": (ten, ridge, 1.0, equal_norms(10)),
    }
    if not quick:
        found["one angle, hundred"] = (hundred, sphere, 0.2, [entry(0, 99, equal=0.0)])
        found["equal norms, hundred"] = (hundred, screlax.Ridge(0.01), 1.0, equal_norms(100))
        found["20 groups of 5"] = (hundred, sphere, 0.2, hierarchy(20, 5, 0.3))
    return {
        name: (f"{len(own)}", screlax.UFM(sizes, control, tau, constraints=own))
        for name, (sizes, control, tau, own) in found.items()
    }


def random_problem(seed: int) -> screlax.UFM:
    rng = np.random.default_rng(seed)
    k = int(rng.integers(2, 8))
    sizes = np.maximum(2, np.exp(rng.uniform(0, 6, k)).astype(int))
    control, tau = CONTROLS[seed % 4], 10 ** rng.uniform(-0.7, 0.5)
    rows = rng.standard_normal((k, k))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    point = (1.0 if control.is_equation else 0.8) * (rows @ rows.T)
    own = []
    for _ in range(int(rng.integers(1, 5))):
        matrix = rng.standard_normal((k, k)) * (rng.random((k, k)) < 0.5)
        matrix[0, 1] += 1.0
        value, room = float(np.vdot(matrix, point)), 0.1 * rng.random()
        kinds: tuple[dict[str, Any], ...] = (
            {"equal": value},
            {"upper": value + room},
            {"lower": value - room},
        )
        own.append(Linear(matrix, **kinds[rng.integers(3)]))
    return screlax.UFM(sizes, control, tau, constraints=own)


def timed(problem: screlax.UFM, solver: str) -> tuple[screlax.Solution, float]:
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", screlax.InaccurateWarning)
        solution = screlax.solve_relaxation(problem, solver=solver)
    return solution, time.process_time() - start


def of_profiles(quick: bool) -> None:
    print("| constraints | number | m | native, gap | s | Clarabel, gap | s |")
    print("|---|---|---|---|---|---|---|")
    for name, (count, problem) in named(quick).items():
        native, seconds = timed(problem, "native")
        row = f"| {name} | {count} | {problem.class_sizes.orbits} "
        row += f"| {native.relative_gap:.1e} | {seconds:.2f} "
        conic = "| - | - |"
        if problem.class_sizes.orbits <= 20:
            found, spent = timed(problem, "Clarabel")
            conic = f"| {found.relative_gap:.1e} | {spent:.2f} |"
        print(row + conic, flush=True)


def of_random(problems: int) -> None:
    gaps: dict[str, list[float]] = {"native": [], "Clarabel": []}
    times: dict[str, list[float]] = {"native": [], "Clarabel": []}
    apart = excess = 0.0
    for seed in range(problems):
        problem, bounds = random_problem(seed), []
        for solver in gaps:
            solution, seconds = timed(problem, solver)
            gaps[solver].append(solution.relative_gap)
            times[solver].append(seconds)
            bounds.append((solution.lower, solution.upper))
            excess = max(excess, solution.constraint_excess)
        (low, high), (other_low, other_high) = bounds
        apart = max(apart, low - other_high, other_low - high)
    print("\n| solver | problems | proved to 1e-9 | to 1e-6 | median gap | worst | median s |")
    print("|---|---|---|---|---|---|---|")
    for solver, found in gaps.items():
        print(
            f"| {solver} | {problems} | {sum(gap <= 1e-9 for gap in found)} "
            f"| {sum(gap <= 1e-6 for gap in found)} | {np.median(found):.1e} | {max(found):.1e} "
            f"| {np.median(times[solver]):.2f} |"
        )
    print(f"\nlower above the other's upper by at most {apart:.1e}; largest excess {excess:.1e}")


def main() -> None:
    parser = script.make_parser(__doc__)
    parser.add_argument("--problems", type=int, default=80)
    options = script.parse(parser, problems=4)
    of_profiles(options.quick)
    of_random(options.problems)


if __name__ == "__main__":
    main()
