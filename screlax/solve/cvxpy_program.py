"""The relaxation as a cvxpy problem of your own: to change, to solve as you like, to certify."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..checks import check_kind
from ..errors import InvalidInputError
from ..gram.cells import check_level
from ..io.arrays import real_array
from ..io.atomic import as_path, refuse_unwritable
from ..optional import require_memory
from ..problem.program import build_program
from ..problem.ufm import UFM
from ..proof.certificate import Certificate
from ..proof.prove import prove_gram
from .cone_program import SUFFIXES, ConeProgram, Posed, cone_program_of
from .conic_model import ConicModel
from .conic_solvers import conic_memory
from .constraints.feasible import made_feasible, strictly_inside


class CvxpyProgram:
    """A relaxation in cvxpy; made by `cvxpy_program`.

    Attributes
    ----------
    problem : cvxpy.Problem
        Minimise the objective, summed over anchors, over positive semidefinite Gram matrices
        within the control.
    gram : cvxpy.Variable, shape (m, m)
        Inner products in the units of G = HᵀH; at level "orbits" its diagonal is that of two
        different classes of a size.

    Examples
    --------
    >>> import screlax
    >>> program = screlax.cvxpy_program(screlax.UFM([20, 5, 5], screlax.Sphere(1.0)))
    >>> value = program.problem.solve(solver="CLARABEL")
    >>> program.gram.value.shape
    (3, 3)
    >>> bool(abs(program.certify().upper - value) < 1e-4)
    True
    """

    def __init__(self, ufm: UFM, level: str) -> None:
        check_kind(ufm, UFM, "problem")
        ufm.loss.require_embeddings("a program of cvxpy or cones to change")
        self._ufm, self._level = ufm, check_level(level)
        relaxation = build_program(ufm, self._level)
        self._model = ConicModel(relaxation, ufm.temperature, summed=True)
        self.problem: Any = self._model.problem
        self.gram: Any = self._model.gram

    def __repr__(self) -> str:
        return f"<CvxpyProgram at level {self._level}: {self._ufm.description}>"

    @cached_property
    def _posed(self) -> Posed:
        """The matrices that SCS gets, and the way back."""
        return Posed(self.problem)

    def cone_program(self) -> ConeProgram:
        """Return the relaxation as matrices and cones, to solve elsewhere or to write to a file.

        Without constraints that were added to the cvxpy problem, as `certify`. The values of the
        variables are no longer a solver's afterwards.

        Raises
        ------
        ProblemTooLargeError
            If the matrices would not fit in memory.
        InvalidInputError
            If a constraint of the problem makes cones that are not of these kinds.

        Examples
        --------
        >>> import screlax
        >>> program = screlax.cvxpy_program(screlax.UFM([20, 5, 5], screlax.Ridge(0.5)), "orbits")
        >>> cone = program.cone_program()
        >>> cone.A.shape, cone.cones["s"], cone.gram_entries.tolist()
        ((21, 11), [2], [[2, 3], [3, 4]])
        """
        cells = self.gram.shape[0]
        require_memory(conic_memory("SCS", cells), f"the cone program of {cells:,} cells")
        return cone_program_of(self._posed, self.gram, *self._model.spread)

    def take(self, x: ArrayLike, y: ArrayLike) -> None:
        """Put what a solver found for `cone_program` into the variables, for `certify`.

        Parameters
        ----------
        x : array-like, shape (q,)
        y : array-like, shape (p,)
            The dual variables of the rows, as SCS has them: the dual cone of K and Aᵀ y + c = 0.

        Raises
        ------
        InvalidInputError
            If they are not finite numbers of these shapes.

        Examples
        --------
        >>> import scs
        >>> import screlax
        >>> program = screlax.cvxpy_program(screlax.UFM([20, 5, 5], screlax.Ridge(0.5)), "orbits")
        >>> cone = program.cone_program()
        >>> found = scs.solve({"A": cone.A, "b": cone.b, "c": cone.c}, cone.cones, verbose=False)
        >>> program.take(found["x"], found["y"])
        >>> program.certify().proves(1e-3)
        True
        """
        shape = self._posed.data["A"].shape
        found = []
        for name, given, count in (("x", x, shape[1]), ("y", y, shape[0])):
            numbers = real_array(given, name).astype(float)
            if numbers.shape != (count,) or not np.isfinite(numbers).all():
                raise InvalidInputError(
                    f"{name} must be {count} finite numbers, one for each "
                    f"{'column' if name == 'x' else 'row'} of A, got shape {numbers.shape}"
                )
            found.append(numbers)
        self._posed.take(*found)

    def certify(self) -> Certificate:
        """Return proved bounds on the optimum of the relaxation, from what a solver left here.

        Of the relaxation *without* constraints that were added to it here: a point that satisfies
        those is feasible, and how far it is from the optimum without them is what they cost at
        most. Linear ones of the `UFM` itself are part of it, and proved by their multipliers.

        Raises
        ------
        InvalidInputError
            If no solver has left numbers in the variables.

        Examples
        --------
        >>> import screlax
        >>> program = screlax.cvxpy_program(screlax.UFM([20, 5, 5], screlax.Ridge(0.1)))
        >>> value = program.problem.solve(solver="CLARABEL")
        >>> program.certify().proves(1e-6)
        True
        """
        gram, dual = self._model.found(), self._model.dual()
        if gram is None:
            raise InvalidInputError(
                "the variables have no values yet: call program.problem.solve(...) first"
            )
        relaxation = self._model.relaxation
        if relaxation.linear is not None:
            gram = made_feasible(relaxation, gram, strictly_inside(relaxation, gram))
        duals = () if dual is None else (dual,)
        return prove_gram(self._ufm, self._level, gram, duals).certificate


def cvxpy_program(problem: UFM, level: str = "classes") -> CvxpyProgram:
    """Pose the relaxation of a problem in cvxpy.

        minimise SC(G) + (λ/2) tr G   over G ⪰ 0 within the control

    Parameters
    ----------
    problem : UFM
    level : str, default "classes"
        "samples" (n×n), "classes" (k×k) or "orbits" (m×m, m distinct class sizes).

    Returns
    -------
    CvxpyProgram
        With the cvxpy `problem`, its variable `gram`, and `certify`.

    Raises
    ------
    InvalidInputError
        If there is no such level.
    ProblemTooLargeError
        If the level's matrices would not fit in memory.

    Examples
    --------
    >>> import cvxpy
    >>> import screlax
    >>> program = screlax.cvxpy_program(screlax.UFM([20, 5, 5], screlax.Sphere(1.0)))
    >>> same_angle = [program.gram[0, 1] >= -0.3]
    >>> changed = cvxpy.Problem(program.problem.objective, program.problem.constraints + same_angle)
    >>> dearer = changed.solve(solver="CLARABEL") > program.problem.solve(solver="CLARABEL")
    >>> bool(dearer)
    True
    >>> program.certify().proves(1e-6)
    True
    """
    return CvxpyProgram(problem, level)


def export_conic(problem: UFM, path: str | Path, level: str = "orbits") -> Path:
    """Write the relaxation of a problem as a cone program, for solvers of one's own.

    Parameters
    ----------
    problem : UFM
    path : path
        A .cbf (Conic Benchmark Format) or .npz file; see `CvxpyProgram.cone_program` and its
        `write`.
    level : str, default "orbits"
        As for `cvxpy_program`.

    Returns
    -------
    Path
        That of the file, which appears only when it is complete.

    Raises
    ------
    InvalidInputError
        If there is no such level, the suffix is another, or the file cannot be written.
    ProblemTooLargeError
        If the matrices would not fit in memory.

    Examples
    --------
    >>> import screlax
    >>> path = screlax.export_conic(screlax.UFM([20, 5, 5], screlax.Ridge(0.5)), "program.cbf")
    >>> path.read_text().count("EXP 3")
    5
    """
    target = as_path(path)
    refuse_unwritable(target, *SUFFIXES)
    return cvxpy_program(problem, level).cone_program().write(target)
