"""Attack: solve random problems, and compare what is claimed with the true optimum."""

from __future__ import annotations

import itertools
import warnings

import numpy as np

from screlax import Certificate, InaccurateWarning, Solution, Status, solve_relaxation
from screlax.gram.cells import CellGram, Level

from .problems import PROFILES, describe, random_problems
from .program import Program
from .tally import Tally
from .truth import Truth, factors, truth_of

_FEASIBLE = 1e-12
"""How far a Gram matrix may be from feasible, relative to its largest entry: rounding."""

_FEW_SAMPLES = 40
"""Samples up to which solutions are rechecked at all levels."""


def attack_solves(rng: np.random.Generator, count: int) -> list[Tally]:
    """Solve `count` problems; one tally for each profile of class sizes."""
    tallies = {profile: Tally(f"solve: {profile}") for profile in PROFILES}
    for profile, problem in random_problems(rng, count):
        tally = tallies[profile]
        what = describe(problem)
        with tally.attack(what), warnings.catch_warnings():
            warnings.simplefilter("ignore", InaccurateWarning)
            solution = solve_relaxation(problem, time_limit=10)
            tally.unproved += solution.status is not Status.OPTIMAL
            check_solution(tally, what, solution, truth_of(solution))
    return list(tallies.values())


def attack_truncated(rng: np.random.Generator, count: int) -> list[Tally]:
    """Stop a first-order solver early, at all levels; its point is certified all the same."""
    tallies = {level: Tally(f"SCS stopped early, level {level}") for level in Level}
    problems = random_problems(rng, count, most_samples=_FEW_SAMPLES)
    for (_, problem), level in zip(problems, itertools.cycle(Level), strict=False):
        iterations = int(2 ** rng.uniform(0, 8))
        what, tally = f"{describe(problem)}, {iterations} iterations of SCS", tallies[level]
        with tally.attack(what), warnings.catch_warnings():
            warnings.simplefilter("ignore", InaccurateWarning)
            truth = truth_of(solve_relaxation(problem))
            solution = solve_relaxation(problem, solver="SCS", level=level, max_iters=iterations)
            tally.unproved += solution.status is not Status.OPTIMAL
            check_solution(tally, what, solution, truth)
    return list(tallies.values())


def attack_verified(rng: np.random.Generator, count: int) -> list[Tally]:
    """Prove solutions against rounding: not by the last digit may a bound be false."""
    tallies = {profile: Tally(f"verified: {profile}") for profile in PROFILES}
    for profile, problem in random_problems(rng, count):
        tally, what = tallies[profile], describe(problem)
        with tally.attack(what), warnings.catch_warnings():
            warnings.simplefilter("ignore", InaccurateWarning)
            solution = solve_relaxation(problem, time_limit=10)
            certificate = solution.recheck(rigorous=True)
            tally.unproved += not certificate.proves(solution.tol)
            tally.check_bounds(what, certificate, truth_of(solution))
    return list(tallies.values())


def check_solution(tally: Tally, what: str, solution: Solution, truth: Truth) -> None:
    """Check bounds, geometry and value of a solution, and the same of its recheck."""
    tally.check_bounds(what, solution.certificate, truth)
    few = solution.problem.samples <= _FEW_SAMPLES
    for level in Level if few else [Level.ORBITS]:
        tally.check_bounds(f"{what}: recheck {level}", solution.recheck(level), truth)
    check_geometry(tally, what, solution)


def check_geometry(tally: Tally, what: str, solution: Solution) -> None:
    """Check that the Gram matrix returned is feasible, and worth what is claimed of it."""
    program = Program.of(solution.problem)
    gram = solution.orbit_gram.dense().scaled(1 / solution.problem.temperature)
    check_gram(tally, what, program, gram, solution.certificate)


def check_gram(
    tally: Tally, what: str, program: Program, gram: CellGram, claimed: Certificate
) -> None:
    """Check that a Gram matrix at temperature one is feasible, and worth what is claimed of it."""
    if not gram.is_finite():
        tally.report(f"{what}: Gram matrix not finite")
        return
    size = float(np.abs(gram.own).max())
    missing = _violation(program, gram.own, gram.pair)
    if missing > _FEASIBLE * size:
        tally.report(f"{what}: Gram matrix infeasible by {missing:.1e} of {size:.1e}")
        return
    value = program.value(program.point(*factors(program, gram.own, gram.pair, 0.0)))
    slack = 1e-12 * (abs(value) + value - program.infimum)
    if not claimed.lower - slack <= value <= claimed.upper + slack:
        excess = float(max(claimed.lower - value, value - claimed.upper) / value)
        tally.report(f"{what}: objective of the Gram matrix outside the bounds", excess)


def _violation(program: Program, own: np.ndarray, pair: np.ndarray) -> float:
    """Return the largest violation: an eigenvalue per class, a spread, or a norm."""
    bound, copies = float(program.strength), np.array(program.copies, dtype=float)
    within = own - np.diag(pair)
    several = copies > 1
    root = np.sqrt(copies)
    shared = root[:, None] * pair * root / root.max() ** 2
    shared[np.diag_indices_from(shared)] += np.where(several, within, 0.0) / root.max() ** 2
    missing = [-float(np.linalg.eigvalsh(shared)[0]), float(-within.min())]
    missing.append(float(np.abs(within[~several]).max(initial=0.0)))
    if program.control == "budget":
        missing.append(float(np.average(own, weights=program.mass)) - bound)
    elif program.control != "ridge":
        missing.append(float((own - bound).max()))
    if program.control == "sphere":
        missing.append(float((bound - own).max()))
    return max(missing)
