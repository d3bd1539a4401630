"""The relaxation as matrices and cones, for solvers of one's own and for files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInputError
from ..io.atomic import as_path, refuse_unwritable, write_bytes
from ..short_repr import short_repr
from ..types import Vector
from .cone_files import cbf_text, npz_bytes
from .cvxpy_run import cone_sizes

SUFFIXES = (".cbf", ".npz")
"""Kinds of files that a cone program is written to."""


@short_repr
@dataclass(frozen=True, eq=False)
class ConeProgram:
    """A relaxation in the form that SCS takes.

        minimise c·x + offset   over x and s with   A x + s = b,  s ∈ K

    Attributes
    ----------
    A : scipy.sparse.csc_array, shape (p, q)
    b : ndarray, shape (p,)
    c : ndarray, shape (q,)
    offset : float
        What is left out of c·x: with it the value is the objective, summed over anchors.
    cones : dict of str to int or list of int
        K, in the order of the rows and as SCS spells it: "z" equations (s = 0), "l" inequalities
        (s ≥ 0), "q" orders of second-order cones, "s" orders of semidefinite cones (the lower
        triangle column by column, its entries off the diagonal times √2), "ep" number of
        exponential cones (u, v, w) with v exp(u/v) ≤ w; those there are.
    gram_entries : ndarray of int, shape (m, m)
        Where the inner products of different points are in x, in the units of G = HᵀH.
    spread_entries : ndarray of int, shape (m,)
        ‖h‖² of a point is x at the diagonal of `gram_entries` and, where this is not −1, x at this
        place on top: two classes of a size have an inner product of their own.

    Examples
    --------
    >>> import scs
    >>> import screlax
    >>> program = screlax.cvxpy_program(screlax.UFM([20, 5, 5], screlax.Ridge(0.5)), "orbits")
    >>> cone = program.cone_program()
    >>> data = {"A": cone.A, "b": cone.b, "c": cone.c}
    >>> found = scs.solve(data, cone.cones, eps_abs=1e-9, eps_rel=1e-9, verbose=False)
    >>> program.take(found["x"], found["y"])
    >>> certificate = program.certify()
    >>> certificate.proves(1e-6), abs(cone.value(found["x"]) - certificate.upper) < 1e-4
    (True, True)
    """

    A: Any
    b: Vector
    c: Vector
    offset: float
    cones: dict[str, int | list[int]]
    gram_entries: NDArray[np.int64]
    spread_entries: NDArray[np.int64]

    def value(self, x: Vector) -> float:
        """Return c·x + offset: a bound on the optimum only as far as x is feasible."""
        return float(self.c @ x + self.offset)

    def write(self, path: str | Path) -> Path:
        """Write to a .cbf or .npz file, atomically.

        A .cbf is a text file in the Conic Benchmark Format (version 3), which Mosek, JuMP and
        others read: every row is A x + b of the format, that is s, with the triples of exponential
        cones in reverse and semidefinite blocks without the √2. An .npz holds the arrays by the
        names of the attributes, `cones` as JSON; ``scipy.sparse.load_npz`` reads A from it.

        Raises
        ------
        InvalidInputError
            If the suffix is another, or the file cannot be written.

        Examples
        --------
        >>> import screlax
        >>> program = screlax.cvxpy_program(screlax.UFM([20, 5, 5], screlax.Ridge(0.5)), "orbits")
        >>> path = program.cone_program().write("program.cbf")
        >>> path.read_text().splitlines()[1:3]
        ['VER', '3']
        """
        target = as_path(path)
        refuse_unwritable(target, *SUFFIXES)
        data = cbf_text(self).encode() if target.suffix == ".cbf" else npz_bytes(self)
        return write_bytes(data, target)


class Posed:
    """A cvxpy problem as SCS gets it, and the way back from what SCS finds.

    Parameters
    ----------
    problem : cvxpy.Problem
    """

    def __init__(self, problem: Any) -> None:
        options = {"use_quad_obj": False}
        self._problem = problem
        self.data, self._chain, self._inverse = problem.get_problem_data("SCS", solver_opts=options)

    @property
    def offset(self) -> float:
        """The constant that cvxpy leaves out of the objective."""
        import cvxpy

        return float(self._inverse[-1][cvxpy.settings.OFFSET])

    def take(self, x: Vector, y: Vector) -> None:
        """Put x and y into the variables and constraints of the problem."""
        info = {"status_val": 1, "solve_time": 0.0, "setup_time": 0.0, "iter": 0, "pobj": 0.0}
        found = {"x": x, "y": y, "s": None, "info": info}
        self._problem.unpack(self._chain.invert(found, self._inverse))


def cone_program_of(posed: Posed, gram: Any, spread: Any, several: Any) -> ConeProgram:
    """Return the matrices of a problem with a Gram matrix, and what several points have on top.

    Where the entries of a variable are in x is read off by putting 0, 1, 2, … there.
    """
    data = posed.data
    if data["dims"].p3d or data["dims"].pnd:
        raise InvalidInputError(
            "a constraint with a power of its own makes cones that these files have no place for; "
            "leave that constraint out"
        )
    rows, columns = data["A"].shape
    posed.take(np.arange(columns, dtype=float), np.zeros(rows))
    places = np.full(gram.shape[0], -1)
    if spread is not None:
        places[several] = np.rint(spread.value).astype(np.int64)
    return ConeProgram(
        A=data["A"],
        b=data["b"],
        c=data["c"],
        offset=posed.offset,
        cones={
            name: list(size) if isinstance(size, tuple) else size
            for name, size in cone_sizes(data["dims"]).items()
        },
        gram_entries=np.rint(gram.value).astype(np.int64),
        spread_entries=places,
    )
