"""Level sets of an objective around its certified optimum, and their farthest points."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

import screlax
from screlax.gram.cells import CellGram, Level
from screlax.problem.program import build_program

_REACH = 10.0
"""How far entries of a factor may go, in units of the distance looked for."""

Matrix = NDArray[np.float64]


class LevelSet:
    """Class Gram matrices near an optimum whose excess is at most so much."""

    def __init__(self, solution: screlax.Solution) -> None:
        problem = solution.problem
        self.solution, self.optimum = solution, solution.class_gram / problem.temperature
        self.program = build_program(problem, Level.CLASSES)
        self.unit = self.optimum / np.linalg.norm(self.optimum)
        values, vectors = np.linalg.eigh(self.optimum)
        self.factor = vectors * np.sqrt(np.maximum(values, 0.0))

    def gram(self, factor: Matrix) -> tuple[Matrix, Matrix]:
        """Return the feasible Gram matrix that a factor is scaled to, and the scale of its rows."""
        squares = (factor**2).sum(axis=1)
        control = self.program.control
        if control.fixes_norms:
            scale = np.sqrt(control.parameter / squares)
        elif control.is_penalty:
            scale = np.ones(len(factor))
        else:
            mass = self.program.cells.mass
            trace = control.parameter * mass.sum() / (mass @ squares)
            scale = np.full(len(factor), math.sqrt(trace))
        scaled = scale[:, None] * factor
        return scaled @ scaled.T, scale

    def pulled_back(self, factor: Matrix, scale: Matrix, slope: Matrix) -> Matrix:
        """Return the derivative by the factor of a function of the Gram matrix."""
        along = 2 * slope @ (scale[:, None] * factor)
        control = self.program.control
        if control.fixes_norms:
            unit = factor / np.linalg.norm(factor, axis=1, keepdims=True)
            along = along - (along * unit).sum(axis=1, keepdims=True) * unit
        elif not control.is_penalty:
            weighted = self.program.cells.mass[:, None] * factor
            along = along - (along * factor).sum() / (weighted * factor).sum() * weighted
        return scale[:, None] * along

    def excess(self, gram: Matrix) -> float:
        """Return the objective less the optimal value."""
        return self.program.value(CellGram.from_matrix(gram)) - self.solution.value

    def distance(self, gram: Matrix) -> float:
        """Return ‖G/‖G‖ − G*/‖G*‖‖."""
        return float(np.linalg.norm(gram / np.linalg.norm(gram) - self.unit))

    def farthest(self, excess: float, aim: float, direction: Matrix, count: int) -> float:
        """Return the largest distance found at that excess, by descent from several factors.

        Parameters
        ----------
        excess : float
        aim : float
            The distance expected.
        direction : ndarray, shape (k, k)
            A change to begin with, both ways.
        count : int
            How many more starts there are, in random directions.
        """
        starts = self._starts(aim, direction, count)
        return max(self._descent(excess, aim, start) for start in starts)

    def _descent(self, excess: float, aim: float, start: Matrix) -> float:
        """Maximise the distance (SLSQP), and draw the point found back to the level set."""
        near = max(excess, 1e-300)
        unit = aim * math.sqrt(float(self.optimum.diagonal().mean()))

        def factor_at(flat: Matrix) -> Matrix:
            return start + unit * flat.reshape(start.shape)

        def far(flat: Matrix) -> tuple[float, Matrix]:
            factor = factor_at(flat)
            gram, scale = self.gram(factor)
            size = np.linalg.norm(gram)
            apart = gram / size - self.unit
            along = float((gram * self.unit).sum()) / size
            slope = -2 * (along * gram / size - self.unit) / (size * aim**2)
            pulled = self.pulled_back(factor, scale, slope)
            return -float((apart**2).sum()) / aim**2, unit * pulled.reshape(-1)

        def room(flat: Matrix) -> float:
            return 1 - self.excess(self.gram(factor_at(flat))[0]) / near

        def room_slope(flat: Matrix) -> Matrix:
            factor = factor_at(flat)
            gram, scale = self.gram(factor)
            slope = self.program.gradient(CellGram.from_matrix(gram))
            whole = slope.pair + np.diag(slope.own)
            return -unit * self.pulled_back(factor, scale, whole).reshape(-1) / near

        found = optimize.minimize(
            far,
            np.zeros(start.size),
            jac=True,
            method="SLSQP",
            bounds=[(-_REACH, _REACH)] * start.size,
            constraints={"type": "ineq", "fun": room, "jac": room_slope},
            options={"maxiter": 200, "ftol": 1e-8},
        )
        return self.distance(self._on_level(factor_at(found.x), excess))

    def _on_level(self, factor: Matrix, excess: float) -> Matrix:
        """Return a Gram matrix of at most that excess between the optimum and a factor's."""
        gram = self.gram(factor)[0]
        low, high = 0.0, 1.0
        if self.excess(gram) <= excess:
            return gram
        for _ in range(50):  # the feasible matrices are convex
            middle = (low + high) / 2
            between = self.optimum + middle * (gram - self.optimum)
            low, high = (middle, high) if self.excess(between) <= excess else (low, middle)
        return self.optimum + low * (gram - self.optimum)

    def _starts(self, distance: float, direction: Matrix, count: int) -> list[Matrix]:
        """Return factors about so far away: along a direction both ways, and at random."""
        generator = np.random.default_rng(0)
        size = np.linalg.norm(self.optimum)
        values, vectors = np.linalg.eigh(self.optimum)
        kept = values > 1e-7 * values[-1]
        inverse = vectors[:, kept] / np.sqrt(values[kept])
        onto = vectors[:, kept] @ vectors[:, kept].T
        changes = [direction, -direction]
        for _ in range(count):
            random = generator.standard_normal(self.optimum.shape)
            changes.append((random + random.T) / np.linalg.norm(random + random.T))
        factor = vectors[:, kept] * np.sqrt(values[kept])
        width = np.zeros((len(factor), len(factor) - factor.shape[1]))
        found = []
        for change in changes:
            step = (np.eye(len(factor)) - onto / 2) @ change @ inverse
            near = factor + distance * size * step
            noise = 1e-3 * distance * generator.standard_normal(width.shape)
            found.append(np.concatenate([near, width + noise], axis=1))
        return found
