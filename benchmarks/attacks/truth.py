"""A verified enclosure of the optimum of a small problem, in high precision.

It starts from any approximate solution in double precision, follows it by Newton's method on the
optimality conditions S B = 0 (Q = B Bᵀ), and then trusts nothing of that: the objective at an
exactly feasible point bounds the optimum from above, a dual point with a verified slack from below.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from screlax import Solution

from .program import Number, Point, Program, Rows

_CUTS = (0.0, 1e-13, 1e-10, 1e-7, 1e-4)
"""Relative sizes below which eigenvalues of the double solution are tried as zero."""

_EXACT = 1e-35
"""Width at which an enclosure needs no further Newton steps."""


@dataclass(frozen=True)
class Truth:
    """lower ≤ optimum ≤ upper, both proved in high precision."""

    program: Program
    lower: Number
    upper: Number

    @property
    def width(self) -> float:
        """Width relative to the optimum's height above the infimum plus its size."""
        return float(
            (self.upper - self.lower) / (abs(self.upper) + self.upper - self.program.infimum)
        )


def truth_of(solution: Solution) -> Truth:
    """Enclose the optimum of the problem of a solution."""
    program = Program.of(solution.problem)
    gram = solution.orbit_gram.dense().scaled(1 / solution.problem.temperature)
    return enclose(program, gram.own, gram.pair)


def enclose(program: Program, own: np.ndarray, pair: np.ndarray) -> Truth:
    """Enclose the optimum, starting from an approximate solution at temperature one."""
    candidates = [factors(program, own, pair, cut) for cut in _CUTS]
    points = [program.point(*candidate) for candidate in candidates]
    truth = _around(program, min(filter(program.is_feasible, points), key=program.value))
    tried: set[tuple[int, int]] = set()
    for factor, spread in reversed(candidates):
        shape = len(factor[0]), sum(map(bool, spread))
        if truth.width < _EXACT or shape in tried:
            continue
        tried.add(shape)
        refined = _refined(program, factor, spread)
        if refined is not None:
            new = _around(program, refined)
            truth = Truth(program, max(truth.lower, new.lower), min(truth.upper, new.upper))
    return truth


def _around(program: Program, at: Point) -> Truth:
    """Return the bounds that a feasible point gives, less what high precision may have lost."""
    lower, upper = program.bound(at), program.value(at)
    return Truth(program, lower - program.rounding, upper + program.rounding)


def factors(
    program: Program, own: np.ndarray, pair: np.ndarray, cut: float
) -> tuple[Rows, list[Number]]:
    """Return B and δ of an approximate Gram matrix; what is below the cut is zero."""
    copies = np.array(program.copies, dtype=float)
    root = np.sqrt(copies)
    matrix = root[:, None] * pair * root
    matrix[np.diag_indices_from(matrix)] = np.where(
        copies > 1, own + (copies - 1) * np.diag(pair), own
    )
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    kept = values > cut * np.abs(own).max()
    factor = vectors[:, kept] * np.sqrt(np.maximum(values[kept], 0.0))
    spread = np.where(copies > 1, own - np.diag(pair), 0.0)
    spread = np.where(spread > cut * np.abs(own).max(), spread, 0.0)
    lost = (factor == 0).all(axis=1) & (spread == 0)
    if program.control == "sphere" and lost.any():  # no direction: give each one of its own
        factor = np.hstack([factor, np.eye(len(own))[:, lost]])
    mpf = program.mp.mpf
    return [[mpf(x) for x in row] for row in factor.tolist()], [mpf(x) for x in spread.tolist()]


class _Conditions:
    """The optimality conditions in B (without rotations), δ and the active multipliers."""

    def __init__(self, program: Program, factor: Rows, spread: list[Number]) -> None:
        self.program = program
        triangular, self.free = _without_rotations(np.array(factor, dtype=float))
        self.shape = triangular.shape
        self.spreading = [g for g in program.cells if program.copies[g] > 1 and spread[g] > 0]
        start = program.point(
            [list(map(program.mp.mpf, row)) for row in triangular.tolist()], spread
        )
        self.active = self._active(start)
        alone, both = program.slack(*program.softmax(start))
        weights = program.multipliers(alone, both, start)
        if program.control == "budget":
            weights = [weights[0] / program.mass[0]]
        self.start = [
            *(program.mp.mpf(triangular[place]) for place in self.free),
            *(spread[g] for g in self.spreading),
            *(weights[g] for g in self.active),
        ]

    def _active(self, at: Point) -> list[int]:
        program = self.program
        if program.control == "ridge":
            return []
        if program.control == "budget":
            return [0]
        return [g for g in program.cells if at.own[g] > program.strength * (1 - 1e-9)]

    def unpack(self, unknowns: Any) -> tuple[Rows, list[Number], list[Number]]:
        program, zero = self.program, self.program.mp.mpf(0)
        factor = [[zero] * self.shape[1] for _ in range(self.shape[0])]
        spread, weights = [zero] * self.shape[0], [zero] * self.shape[0]
        numbers = iter(unknowns)
        for row, column in self.free:
            factor[row][column] = next(numbers)
        for g in self.spreading:
            spread[g] = next(numbers)
        for g in self.active:
            weights[g] = next(numbers)
        if program.control == "ridge":
            weights = [program.strength / 2 * mass for mass in program.mass]
        elif program.control == "budget":
            weights = [weights[0] * mass for mass in program.mass]
        return factor, spread, weights

    def __call__(self, *unknowns: Number) -> list[Number]:
        program, mp = self.program, self.program.mp
        factor, spread, weights = self.unpack(unknowns)
        at = _free_point(program, factor, spread)
        alone, both = program.slack(*program.softmax(at))
        alone = [a + y for a, y in zip(alone, weights, strict=True)]
        shared, within = program.scaled_slack(alone, both)
        root = list(map(mp.sqrt, program.sizes))  # the slack is that per sample
        columns = [[r * x for r, x in zip(root, c, strict=True)] for c in zip(*factor, strict=True)]
        residuals = [mp.fdot(zip(row, column, strict=True)) for row in shared for column in columns]
        several = [g for g in program.cells if program.copies[g] > 1]
        residuals += [within[several.index(g)] for g in self.spreading]
        if program.control == "budget":
            mean = mp.fdot(zip(program.mass, at.own, strict=True)) / sum(program.mass)
            return [*residuals, mean - program.strength]
        return [*residuals, *(at.own[g] - program.strength for g in self.active)]


def _free_point(program: Program, factor: Rows, spread: list[Number]) -> Point:
    """Return the point of B and δ without rescaling it to the bound."""
    unbounded = Program(program.sizes, program.copies, "ridge", 1.0)
    return unbounded.point(factor, spread)


def _without_rotations(factor: np.ndarray) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Rotate B so that the rows that span it are triangular; return the entries that are free."""
    rank = factor.shape[1]
    remaining, pivots = factor.copy(), []
    for _ in range(rank):
        row = int(np.argmax((remaining**2).sum(axis=1)))
        pivots.append(row)
        unit = remaining[row] / (np.linalg.norm(remaining[row]) or 1.0)
        remaining = remaining - np.outer(remaining @ unit, unit)
    rotation, _ = np.linalg.qr(factor[pivots].T)
    rotated = factor @ rotation
    fixed = {(row, column) for place, row in enumerate(pivots) for column in range(place + 1, rank)}
    for place in fixed:
        rotated[place] = 0.0
    free = [place for place in np.ndindex(rotated.shape) if place not in fixed]
    return rotated, free


def _refined(program: Program, factor: Rows, spread: list[Number]) -> Point | None:
    """Follow the optimality conditions to full precision; None where Newton breaks down."""
    conditions = _Conditions(program, factor, spread)
    try:
        root = program.mp.findroot(
            conditions, conditions.start, solver="mdnewton", maxsteps=6, verify=False
        )
    except (ZeroDivisionError, ValueError, TypeError, program.mp.NoConvergence):
        return None
    factor, spread, _ = conditions.unpack(list(root))
    zero = program.mp.mpf(0)
    at = program.point(factor, [max(zero, d) for d in spread])
    return at if program.is_feasible(at) else None
