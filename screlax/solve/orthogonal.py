"""The optimum over nonnegative features where the classes are orthogonal, from formulas."""

from __future__ import annotations

from ..equations.orthogonal import orthogonal_classes
from ..gram.cells import Level
from ..gram.curve import AnyGram
from ..gram.diagonal import DiagonalGram
from ..problem.levels import cells_at, lift_from_orbits
from ..problem.ufm import UFM
from .base import Candidate


def orthogonal_gram(problem: UFM) -> DiagonalGram | None:
    """Return the optimum at unit temperature; None where orthogonal classes are none known to be.

    See `screlax.equations.orthogonal`; the norms are the control's.

    Examples
    --------
    >>> import screlax
    >>> from screlax.solve.orthogonal import orthogonal_gram
    >>> problem = screlax.UFM([6, 3], screlax.Sphere(2.0), 0.5, features="nonnegative")
    >>> orthogonal_gram(problem).own
    array([4., 4.])
    """
    classes = orthogonal_classes(problem)
    if classes is None:
        return None
    cells = cells_at(problem.points, Level.ORBITS)
    own = problem.control_at_unit_temperature.orthogonal_norms(classes, cells)
    return None if own is None else DiagonalGram(own, classes.copies)


def orthogonal_candidate(problem: UFM, level: Level, gram: DiagonalGram) -> Candidate:
    """Return orthogonal classes at a level."""
    point: AnyGram = gram
    if level is not Level.ORBITS:
        point = lift_from_orbits(problem.points, level, gram.dense())
    return Candidate(point, iterations=0, message="closed form: orthogonal classes")
