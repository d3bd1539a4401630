"""The optimum for one price of the nuclear norm: few nodes first where there are many orbits."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import linalg

from ...gram.logits import CellMatrix, LogitGram
from ...problem.logits import LogitProgram
from ...types import Matrix, Vector
from .elimination import EliminatedRows, RowPoint
from .newton import EXACT, first_sums, polish
from .quadrature import Rule, gauss_rule, sums_of

NODES = (8, 12, 16, 24, 40)
"""Numbers of nodes on each side of μ, in turn."""

_FEW = 40
"""Orbits that are solved directly."""


@dataclass(frozen=True, eq=False)
class Optimum:
    """Rows of a program and a point near their optimum.

    Attributes
    ----------
    rows : EliminatedRows
    point : RowPoint
    steps : int
        Newton steps.
    rule : Rule or None
        What the orbits of `rows` stand for, where they are nodes.
    """

    rows: EliminatedRows
    point: RowPoint
    steps: int
    rule: Rule | None = None

    @cached_property
    def shared_norm(self) -> float:
        """‖B‖_*."""
        return float(linalg.svdvals(self.point.sums).sum())

    @property
    def spreads(self) -> Vector:
        """Singular values of differences within orbits."""
        return np.asarray(self.point.gaps / self.rows.strength)

    @property
    def norm(self) -> float:
        """‖Y‖_*."""
        return float(self.shared_norm + np.maximum(self.rows.copies - 1, 0) @ self.spreads)

    def sums_at(self, rule: Rule, rows: EliminatedRows) -> Matrix:
        """Return orbit sums for the rows of another rule, where this optimum is at nodes."""
        assert self.rule is not None
        change = rule.onto @ self.rule.back
        return sums_of(rows, change @ self.rows.logits(self.point).pair @ change.T)

    def lifted(self, program: LogitProgram) -> Optimum:
        """Return the point of all orbits of a program, where this one is at nodes."""
        if self.rule is None:
            return self
        rows = EliminatedRows(program, self.rows.weight)
        return Optimum(rows, rows.at(self.rule.sums(rows, self.rows, self.point)), self.steps)

    def gram(self, program: LogitProgram) -> LogitGram:
        """Return the logits, scaled to a bound."""
        logits = self.rows.logits(self.point)
        factor = 1.0 if program.norm.is_penalty else program.norm.amount / self.norm
        return program.gram(CellMatrix(factor * logits.own, factor * logits.pair))


def rule_of(program: LogitProgram, weight: float, nodes: int) -> Rule | None:
    """Return a rule for the orbits of a program, where there are many."""
    return gauss_rule(EliminatedRows(program, weight), nodes) if program.size > _FEW else None


def at_nodes(
    program: LogitProgram,
    weight: float,
    nodes: int,
    near: Optimum | None = None,
    tolerance: float = EXACT,
) -> Optimum | None:
    """Return an optimum at the nodes of a rule, from near one of another; None without a rule."""
    rule = rule_of(program, weight, nodes)
    if rule is None:
        return None
    rows = EliminatedRows(rule.program, weight)
    start = first_sums(rows)
    if near is not None and near.rule is not None:
        start = near.sums_at(rule, rows)
    point, run = polish(rows, start, tolerance=tolerance)
    return Optimum(rows, point, run.iterations, rule)


def of_orbits(
    program: LogitProgram,
    weight: float,
    near: Optimum | None = None,
    tolerance: float = EXACT,
    deadline: float = math.inf,
) -> Optimum:
    """Return an optimum by Newton over all orbits, from near another."""
    rows = EliminatedRows(program, weight)
    start = first_sums(rows) if near is None else near.lifted(program).point.sums
    point, run = polish(rows, start, tolerance=tolerance, deadline=deadline)
    return Optimum(rows, point, run.iterations)
