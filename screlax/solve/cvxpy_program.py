"""The relaxation as a cvxpy problem of your own: to change, to solve as you like, to certify."""

from __future__ import annotations

from typing import Any

from ..errors import InvalidInputError
from ..gram.cells import check_level
from ..problem.program import build_program
from ..problem.ufm import UFM
from ..proof.certificate import Certificate
from ..proof.prove import prove_gram
from .conic_model import ConicModel


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
        self._ufm, self._level = ufm, check_level(level)
        relaxation = build_program(ufm, self._level)
        self._model = ConicModel(relaxation, ufm.temperature, summed=True)
        self.problem: Any = self._model.problem
        self.gram: Any = self._model.gram

    def certify(self) -> Certificate:
        """Return proved bounds on the optimum of the relaxation, from what a solver left here.

        Of the relaxation *without* constraints that were added to it: a point that satisfies those
        is feasible, and how far it is from the optimum without them is what they cost at most.

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
