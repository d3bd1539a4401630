"""Certifiers by name: ways to a proof of how far a Gram matrix is from optimal."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from ..containers import shown
from ..errors import InvalidInputError, MissingExtraError, SolverCapabilityError
from ..extensions import registered
from ..gram.cells import Level
from ..gram.curve import AnyGram
from ..problem.logits import logit_program
from ..problem.ufm import UFM
from .dense import Proof
from .dual import DualPoint
from .prove import prove_gram


class Certifier(Protocol):
    """A way to a proof; takes nothing on trust."""

    def __call__(
        self, problem: UFM, level: Level, gram: AnyGram, duals: Iterable[DualPoint] = ()
    ) -> Proof:
        """Return proved bounds and the feasible Gram matrix behind the upper one.

        Parameters
        ----------
        problem : UFM
        level : Level
            The level of `gram`, and at which to certify.
        gram : CellGram or SlackVectorGram
            Approximate solution G/τ.
        duals : iterable of DualPoint
            Further dual candidates at that level.
        """


VERIFIED = "verified"


def _ball_arithmetic() -> Certifier:
    """Load the proof in ball arithmetic.

    Raises
    ------
    MissingExtraError
        If python-flint is not installed (``pip install 'screlax[verified]'``).
    """
    try:
        from .verified.certifier import prove_verified as prove
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "a proof against rounding needs python-flint, which is not installed: "
            "pip install 'screlax[verified]'"
        ) from error
    return prove


def require_verified() -> None:
    """Raise a `MissingExtraError` where ball arithmetic is not installed, before any work."""
    _ball_arithmetic()


def require_verifiable(problem: UFM) -> None:
    """Refuse problems of a kind that has no proof against rounding, which needs no solution.

    Raises
    ------
    SolverCapabilityError
        If it has constraints that are functions, or a classifier with a bias, nonnegative
        features or norms that are fixed.
    """
    why = _why_not_verifiable(problem)
    if not why:
        return
    raise SolverCapabilityError(
        f"there is no proof against rounding for {problem.description}: it is for {why}; leave out "
        "rigorous, and the bounds are proved in double precision"
    )


def _why_not_verifiable(problem: UFM) -> str:
    """Say for which problems of its kind there is a proof against rounding; empty where for it."""
    if not all(one.is_linear for one in problem.constraints):
        return "constraints that are linear, not functions of the cvxpy variable"
    why = problem.loss.why_not_exact(problem.class_sizes)
    if why:
        return why
    if problem.loss.has_classifier:
        program = logit_program(problem)
        if program.norm.fixes_rows or program.has_bias or program.is_nonnegative:
            return "cross-entropy with features of any sign, no bias and norms that are not fixed"
    return ""


def prove_verified(
    problem: UFM, level: Level, gram: AnyGram, duals: Iterable[DualPoint] = ()
) -> Proof:
    """Prove in ball arithmetic, which is loaded only where it is asked for."""
    require_verifiable(problem)  # before an extra is asked for that would not help
    return _ball_arithmetic()(problem, level, gram, duals)


CERTIFIERS: dict[str, Certifier] = {"double": prove_gram, VERIFIED: prove_verified}
"""Every certifier by name: "double" is double precision with a priori rounding bounds, "verified"
ball arithmetic, with bounds that hold in exact arithmetic."""


def register_certifier(name: str) -> Callable[[Certifier], Certifier]:
    """Make a certifier known under a name to `Solution.recheck` and ``screlax certify``.

    Examples
    --------
    >>> import screlax
    >>> from screlax.proof.certifiers import CERTIFIERS
    >>> @screlax.register_certifier("twice")
    ... def prove_twice(problem, level, gram, duals=()):
    ...     once = CERTIFIERS["double"](problem, level, gram, duals)
    ...     return CERTIFIERS["double"](problem, level, once.gram)
    >>> solution = screlax.solve_relaxation([5, 3, 2], screlax.Sphere(1.0))
    >>> solution.recheck(certifier="twice").proves(1e-9)
    True
    >>> del CERTIFIERS["twice"]
    """
    if not isinstance(name, str) or not name:
        raise InvalidInputError(f"a certifier is registered under a name, got {shown(name)}")

    def register(certifier: Certifier) -> Certifier:
        CERTIFIERS[name] = certifier
        return certifier

    return register


def certifier_named(name: str) -> Certifier:
    """Return the certifier of that name.

    Raises
    ------
    InvalidInputError
        If there is none.
    """
    return registered(name, CERTIFIERS, "certifier")
