"""Every error and warning that screlax raises on purpose."""

from __future__ import annotations

from enum import StrEnum


class ScrelaxError(Exception):
    """Base class: catch this to catch everything screlax raises on purpose.

    Examples
    --------
    >>> import screlax
    >>> try:
    ...     screlax.UFM([3, 0], screlax.Sphere(1.0))
    ... except screlax.ScrelaxError as error:
    ...     print(type(error).__name__)
    InvalidInputError
    """


class InvalidInputError(ScrelaxError, ValueError):
    """The input does not describe a problem; the message names the value and the remedy."""


class FileFormatError(InvalidInputError):
    """A file could not be read as what it was said to be."""


class SolverUnavailableError(InvalidInputError):
    """The requested solver is not installed, or screlax has never heard of it."""


class MissingExtraError(InvalidInputError, ImportError):
    """What was asked for needs an optional dependency; the message names the extra to install."""


class SolverCapabilityError(InvalidInputError):
    """The requested solver is installed but cannot take this problem."""


class ProblemTooLargeError(InvalidInputError, MemoryError):
    """The requested representation would need more memory than this machine has."""


class EmbeddingDimensionError(InvalidInputError):
    """The requested embedding dimension is below the rank of the Gram matrix."""


class SolverFailedError(ScrelaxError, RuntimeError):
    """The solver ended without any finite point that a certificate could be built on."""


class InaccurateWarning(UserWarning):
    """The certified gap of a returned solution exceeds the requested tolerance.

    Examples
    --------
    >>> import warnings
    >>> import screlax
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", screlax.InaccurateWarning)
    ...     solution = screlax.solve_relaxation(
    ...         [50, 20, 5], screlax.Sphere(1.0), solver="SCS", max_iters=5
    ...     )
    >>> print(solution.status)  # with bounds that hold all the same
    inaccurate
    """


class StoreWarning(UserWarning):
    """A file of a store of finished work is not believed; what it held is computed again."""


class HeaderWarning(UserWarning):
    """The first line of a file of labels may be a header that was read as a label.

    Examples
    --------
    >>> import warnings
    >>> import numpy as np
    >>> import screlax
    >>> np.savetxt("labels.txt", ["animal", "cat", "dog", "cat", "dog"], fmt="%s")
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always", screlax.HeaderWarning)
    ...     labels = screlax.read_labels("labels.txt")
    >>> labels[0], [one.category.__name__ for one in caught]
    ('animal', ['HeaderWarning'])
    """


class Status(StrEnum):
    """What the certificate proved, never what the solver said.

    Examples
    --------
    >>> import screlax
    >>> solution = screlax.solve_relaxation([50, 20, 5], screlax.Sphere(1.0))
    >>> solution.status is screlax.Status.OPTIMAL, solution.status == "optimal"
    (True, True)
    """

    OPTIMAL = "optimal"
    """The certified relative gap is at most the tolerance."""

    INACCURATE = "inaccurate"
    """A feasible point with a certified gap above the tolerance."""

    FEASIBLE = "feasible, not certified"
    """The same under constraints that nothing certifies: functions of the cvxpy variable."""

    @classmethod
    def _missing_(cls, value: object) -> Status:
        """Refuse what is no status, with those that there are."""
        known = ", ".join(repr(one.value) for one in cls)
        raise InvalidInputError(f"{value!r} is no status; there are {known}")
