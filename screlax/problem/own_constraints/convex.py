"""Any convex constraint on the class Gram matrix, as a function of the cvxpy variable."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ...containers import shown
from ...errors import InvalidInputError
from ..class_sizes import ClassSizes
from .base import OwnConstraint


@dataclass(frozen=True, eq=False)
class Convex(OwnConstraint):
    """Whatever cvxpy constraints a function makes of the class Gram matrix.

    Only conic solvers take it, and it has no multipliers that prove: a solution under it is
    *feasible, not certified*, unless the optimum without it satisfies it. Its lower bound is that
    without it, which is valid all the same. A solution under it cannot be saved. Where `Linear`
    says the same, use that.

    Parameters
    ----------
    function : callable
        Takes a symmetric cvxpy expression of shape (k, k), the class Gram matrix in class order in
        the units of G, and returns a cvxpy constraint or a list of them, convex as cvxpy's rules
        have it. It says nothing about which classes are alike, so that all are kept apart.
    name : str, optional
        What messages call it; by default the function's name.

    Raises
    ------
    InvalidInputError
        If it is not callable.

    Examples
    --------
    >>> import cvxpy
    >>> import screlax
    >>> near = screlax.constraints.Convex(lambda gram: cvxpy.norm(gram[0, 1:]) <= 0.5, "short row")
    >>> problem = screlax.UFM([50, 20, 5], screlax.Sphere(1.0), constraints=[near])
    >>> solution = screlax.solve_relaxation(problem, solver="Clarabel")
    >>> print(solution.status)
    feasible, not certified
    >>> bool((solution.class_gram[0, 1:] ** 2).sum() <= 0.25 + 1e-6)
    True
    """

    function: Callable[[Any], Any]
    name: str = ""

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise InvalidInputError(
                "a constraint must be a Linear, or a function of the cvxpy variable of the class "
                f"Gram matrix; got {shown(self.function)}"
            )
        if not isinstance(self.name, str):
            raise InvalidInputError(f"the name of a constraint must be text, got {self.name!r}")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Convex):
            return NotImplemented
        return self.function == other.function

    def __hash__(self) -> int:
        return hash(self.function)

    def resolved(self, labels: Sequence[Hashable] | None, classes: int) -> Self:
        """Return itself: the function counts classes by number."""
        return self

    def kinds(self, sizes: ClassSizes, told: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return a number of its own for every class."""
        return np.arange(sizes.classes)

    def record(self) -> dict[str, Any]:
        """Refuse: a function cannot be written down. See `OwnConstraint.record`."""
        raise InvalidInputError(
            f"the constraint {self} is a function, which cannot be written to a file; state it as "
            "screlax.constraints.Linear where it is linear, or save the Gram matrix itself "
            "(numpy.save(..., solution.class_gram))"
        )

    def on(self, gram: Any) -> list[Any]:
        """Return its cvxpy constraints on a k×k expression.

        Raises
        ------
        InvalidInputError
            If the function returns anything else than convex constraints.
        """
        import cvxpy

        try:
            made = self.function(gram)
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            raise InvalidInputError(
                f"the constraint {self} cannot be made of the {gram.shape[0]}x{gram.shape[1]} Gram "
                f"matrix: {type(error).__name__}: {error}; a function counts classes by number, in "
                "class order from 0, as in G[0, 1]; by label there is Linear({('cat', 'dog'): 1.0},"
                " upper=0.2)"
            ) from error
        listed = list(made) if isinstance(made, list | tuple) else [made]
        for one in listed:
            if not isinstance(one, cvxpy.constraints.constraint.Constraint):
                raise InvalidInputError(
                    f"the constraint {self} returned {shown(one)}; it must return a cvxpy "
                    "constraint or a list of them, such as [gram[0, 1] <= 0.2]"
                )
            if not one.is_dcp():
                raise InvalidInputError(
                    f"the constraint {self} is not convex by cvxpy's rules: {one}; bounds from "
                    "above need a convex, from below a concave function"
                )
        return listed

    def violation(self, matrix: Any) -> float:
        """Return the largest residual of its constraints at a class Gram matrix."""
        import cvxpy

        variable = cvxpy.Variable(matrix.shape, symmetric=True)
        made = self.on(variable)
        variable.value = (matrix + matrix.T) / 2
        return float(max((np.max(one.violation(), initial=0.0) for one in made), default=0.0))

    def __str__(self) -> str:
        return self.name or str(getattr(self.function, "__name__", type(self.function).__name__))
