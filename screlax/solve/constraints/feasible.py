"""Gram matrices that satisfy linear constraints: nearest ones, strictly inside, by mixing.

Nearest: least squares over the factored Gram matrix, which is convex in it and has no spurious
minima; what is left at a minimum are multipliers of a contradiction (`proof.infeasible`).
Strictly inside: X₀ = (1−δ) Y + δ B, B diagonal, with room δ in every inequality, so that X₀ ≻ 0.
Mixing: an approximate solution is projected onto the equations and mixed with as little of X₀ as
takes everything inside; by convexity the value rises by at most that share of the difference.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from ...errors import InvalidInputError
from ...gram.cells import CellGram
from ...gram.rounding import UNIT
from ...problem.own_constraints.bounds import LinearBounds
from ...problem.program import Program
from ...proof.infeasible import contradiction
from ...proof.repair import repair_primal
from ...types import Matrix, Vector
from ..entry_penalty import EntryPenalty
from ..factored import CellObjective, factored_start
from ..lifted import Lifted
from ..trust_region import minimize
from .penalty import LinearPenalty, NoObjective

_ROOM = (0.3, 0.1, 0.03, 0.01, 1e-3, 1e-4, 1e-5, 1e-6)
"""Shares of B to try."""

_NEGLIGIBLE = 1e-9
"""Excess of constraints, relative to what they sum, up to which a nearest point is feasible."""

_NO_PENALTY = 1e-150
"""Strength of a penalty that is none."""

_MIXES = 60


@dataclass(frozen=True, eq=False)
class Nearest:
    """The Gram matrix that violates constraints least, and the multipliers of what is left."""

    gram: CellGram
    multipliers: Vector
    excess: float


def nearest(
    program: Program, bounds: LinearBounds, start: CellGram, deadline: float = math.inf
) -> Nearest:
    """Minimise ½ Σ (excess_i/‖A_i‖)² over Gram matrices within the control.

    Parameters
    ----------
    program : Program
    bounds : LinearBounds
        In the place of those of the program.
    start : CellGram
    deadline : float
        Value of `time.perf_counter()` after which to stop.
    """
    stiffness = 1 / bounds.squared_norms(program.cells.mass)
    loss = LinearPenalty(NoObjective(program.cells), bounds, np.zeros(len(bounds)), stiffness)
    control = program.control
    if control.is_penalty:
        control = control.with_parameter(_NO_PENALTY)
    whole = loss if not program.is_nonnegative else _with_entries(program, loss)
    objective = CellObjective(replace(program, loss=whole, control=control), width=program.size)
    problem = Lifted(objective, objective.columns)
    point = factored_start(problem, start)
    scale = float(np.linalg.norm(point)) or 1.0
    run = minimize(problem, point, gradient_tolerance=1e-15 * scale**3, deadline=deadline)
    gram = objective.gram(problem.rows(run.point))
    relative = np.abs(bounds.excess(gram)) / np.maximum(bounds.sizes(gram), 1e-300)
    excess = float(relative.max())
    if program.is_nonnegative:
        excess = max(excess, -float(gram.pair.min()) / max(float(gram.own.max()), 1e-300))
    return Nearest(gram, loss.updated(gram), excess)


def _with_entries(program: Program, loss: LinearPenalty) -> EntryPenalty:
    """Add the squares of negative entries, in the same units."""
    mass = np.outer(program.cells.mass, program.cells.mass)
    return EntryPenalty(loss, np.zeros_like(mass), np.where(program.cells.has_pairs, mass, 0.0))


def require_feasible(program: Program, start: CellGram, deadline: float = math.inf) -> Nearest:
    """Return a Gram matrix that satisfies the linear constraints as nearly as there is one.

    Raises
    ------
    InvalidInputError
        If there is none, proved: the message names the constraints that exclude each other.
    """
    assert program.linear is not None
    found = nearest(program, program.linear, start, deadline)
    if found.excess <= _NEGLIGIBLE:
        return found
    proof = contradiction(program, found.multipliers, found.gram)
    if proof is None:
        return found
    several = len(proof.names) > 1
    listed = "; ".join(proof.names[:5]) + ("; …" if len(proof.names) > 5 else "")
    signs = " with nonnegative features" if program.is_nonnegative else ""
    within = f"within the control {program.control.name}{signs}"
    if math.isfinite(proof.least_norm):
        within = f"of a mean squared norm below {proof.least_norm:.0e} times the temperature{signs}"
    raise InvalidInputError(
        f"no Gram matrix {within} satisfies the constraint{'s' * several} [{listed}]"
        f"{' together' * several}, which multipliers prove; "
        f"loosen {'one of them' if several else 'it'}"
    )


def strictly_inside(
    program: Program, near: CellGram, deadline: float = math.inf
) -> CellGram | None:
    """Return a positive definite Gram matrix with room in every inequality, None if none is found.

    Parameters
    ----------
    program : Program
    near : CellGram
        A nearly feasible Gram matrix, from which to look.
    deadline : float
        Value of `time.perf_counter()` after which to stop.
    """
    middle = _diagonal(program, near)
    for room in _ROOM:
        bounds = _with_room(program, middle, near, room)
        found = nearest(program, bounds, near, deadline)
        if found.excess > _NEGLIGIBLE:
            continue
        inside = onto_equations(program, _mixed(found.gram, middle, room))
        if is_feasible(program, inside):
            return inside
    return None


def _diagonal(program: Program, near: CellGram) -> CellGram:
    """Return a diagonal Gram matrix inside the control."""
    size = max(float(near.own.mean()), 1e-3)
    limits = program.control.limits(program.cells)
    if not program.control.is_penalty:
        size = float(limits.mean()) * (1.0 if program.control.is_equation else 0.5)
    own = np.full(program.size, size)
    return CellGram(own, np.diag(np.where(program.cells.points == 1, own, 0.0)))


def _with_room(program: Program, middle: CellGram, near: CellGram, room: float) -> LinearBounds:
    """Return bounds on Y that leave (1−δ) Y + δ B room δ in what the program's bounds are on."""
    bounds = program.linear
    assert bounds is not None
    width = np.where(np.isfinite(bounds.upper - bounds.lower), bounds.upper - bounds.lower, np.inf)
    margin = np.minimum(room * np.sqrt(bounds.squared_norms(program.cells.mass)), width / 4)
    scale = float((program.cells.mass * near.own).sum()) or 1.0
    margin = np.minimum(margin * scale / 10, width / 4)
    values = room * bounds.values(middle)
    lower, upper = (
        (bound - values) / (1 - room) for bound in (bounds.lower + margin, bounds.upper - margin)
    )
    return replace(bounds, lower=lower, upper=upper)


def _mixed(first: CellGram, second: CellGram, share: float) -> CellGram:
    """Return (1−t) first + t second."""
    own = (1 - share) * first.own + share * second.own
    return CellGram(own, (1 - share) * first.pair + share * second.pair)


def is_feasible(program: Program, gram: CellGram) -> bool:
    """Whether a Gram matrix is feasible up to rounding: no repair would change it."""
    assert program.linear is not None
    if not (gram.is_finite() and program.linear.hold(gram)):
        return False
    with np.errstate(all="ignore"):
        repaired = repair_primal(program, gram).gram
    largest = max(float(np.abs(gram.own).max()), 1e-300)
    moved = max(np.abs(repaired.own - gram.own).max(), np.abs(repaired.pair - gram.pair).max())
    return bool(moved <= 4 * UNIT * largest)


def made_feasible(program: Program, gram: CellGram, inside: CellGram | None) -> CellGram:
    """Return a Gram matrix near one that satisfies control and constraints up to rounding.

    The one given, cleared of negative eigenvalues and projected, where nothing better is found.

    Parameters
    ----------
    program : Program
        With linear constraints.
    gram : CellGram
        An approximate solution.
    inside : CellGram, optional
        From `strictly_inside`.
    """
    if not gram.is_finite():
        return gram
    with np.errstate(all="ignore"):
        cleared = repair_primal(program, gram).gram
    flat = onto_equations(program, cleared)
    if inside is None or is_feasible(program, flat):
        return flat
    share = 4 * UNIT
    for _ in range(_MIXES):
        mixed = onto_equations(program, _mixed(flat, inside, share))
        if is_feasible(program, mixed):
            return mixed
        share *= 4
        if share > 1:
            break
    return inside


def onto_equations(program: Program, gram: CellGram) -> CellGram:
    """Return the nearest symmetric matrix at which equations hold, and bounds that are exceeded.

    Squared norms that the control fixes, and zeros of nonnegative features, stay as they are.
    """
    bounds = program.linear
    assert bounds is not None
    for _ in range(3):
        excess = bounds.excess(gram)
        wrong = (excess != 0) | (bounds.lower == bounds.upper)
        if not excess.any():
            return gram
        free = _free(program, gram)
        rows = bounds.operator[np.flatnonzero(wrong)]
        weighted = rows.multiply(free)
        system = np.asarray((weighted @ rows.T).todense())
        solved = np.linalg.lstsq(system, excess[wrong], rcond=1e-12)[0]
        move = np.asarray(weighted.T @ solved)
        gram = _less(program, gram, move)
    return gram


def _free(program: Program, gram: CellGram) -> Vector:
    """Return one for entries that may change, own and pair, else zero."""
    size = program.size
    own = np.full(size, 0.0 if program.control.is_equation else 1.0)
    pair = np.ones((size, size))
    if program.is_nonnegative:
        pair = np.where(gram.pair > 0, pair, 0.0)
    return np.concatenate([own, pair.ravel()])


def _less(program: Program, gram: CellGram, move: Vector) -> CellGram:
    size = program.size
    own, change = gram.own - move[:size], move[size:].reshape(size, size)
    pair: Matrix = gram.pair - change
    np.fill_diagonal(pair, np.where(program.cells.points == 1, own, np.diagonal(pair)))
    return CellGram(own, pair)
