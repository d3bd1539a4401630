"""One point of a sweep: everything that determines a problem and how it is solved."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks import whole_number
from ..errors import InvalidInputError
from ..problem.class_sizes import ClassSizes
from ..problem.constraints.norms import Control, check_control, check_temperature
from ..problem.features import Features, check_features
from ..problem.losses.base import Loss
from ..problem.losses.registry import check_loss
from ..problem.losses.supcon import SupCon
from ..problem.own_constraints.base import OwnConstraint
from ..problem.own_constraints.given import check_constraints
from ..problem.profiles import profile as named_profile
from ..problem.ufm import UFM, check_pair
from ..solve.solve import check_limits
from ..version import __version__


@dataclass(frozen=True)
class SweepPoint:
    """A problem of a sweep, small enough to be sent to any worker.

    Parameters
    ----------
    profile : str
        Name of a profile as `screlax.profile` takes it; with `counts` any name for them.
    control : Ridge, Ball, Sphere or Budget; WeightDecay, LayerPeeled or Normalized
        What keeps the embeddings bounded, or features and classifier.
    temperature : float, default 1.0
        τ > 0.
    imbalance : float, optional
        Imbalance factor of the named profile.
    seed : int, optional
        By default the class sizes are those of the profile. With a seed they are one random draw of
        as many samples, each of class c with probability n_c/n (multinomial), at least one of each
        class: the sizes that a subsampled data set has.
    counts : tuple of int, optional
        The class sizes themselves, in place of a named profile.
    solver : str, default "auto"
    tol : float, optional
        As for `solve_relaxation`.
    dim : int, optional
        Embedding dimension: then the point is the best of ten descents in it, at class level, and
        its gap the proved distance from the optimum over all dimensions.
    loss : Loss or str, default SupCon()
        As for `UFM`; numbers per class have to fit the profile's classes.
    features : {"real", "nonnegative"}, default "real"
        As for `UFM`.
    constraints : sequence of Linear, optional
        As for `UFM`, linear ones only: functions cannot be sent to workers or kept in a cache.

    Raises
    ------
    InvalidInputError
        If a field is not what it must be, or the profile does not exist.

    Examples
    --------
    >>> import screlax
    >>> point = screlax.SweepPoint("cifar10-lt", screlax.Sphere(1.0), imbalance=10, seed=0)
    >>> len(point.class_sizes()), point.problem().classes
    (10, 10)
    >>> screlax.SweepPoint("mine", screlax.Ridge(0.1), counts=(50, 20, 5)).class_sizes()
    array([50, 20,  5])
    """

    profile: str
    control: Control
    temperature: float = 1.0
    imbalance: float | None = None
    seed: int | None = None
    counts: tuple[int, ...] | None = None
    solver: str = "auto"
    tol: float | None = None
    dim: int | None = None
    loss: Loss = field(default_factory=SupCon)
    features: Features = Features.REAL
    constraints: tuple[OwnConstraint, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.profile, str):
            raise InvalidInputError(f"profile must be a name, got {self.profile!r}")
        check_control(self.control)
        object.__setattr__(self, "temperature", check_temperature(self.temperature))
        check_limits(self.solver, self.tol, None)
        object.__setattr__(self, "loss", check_loss(self.loss))
        object.__setattr__(self, "features", check_features(self.features))
        check_pair(self.loss, self.control)
        if self.seed is not None:
            object.__setattr__(self, "seed", whole_number(self.seed, "seed", 0))
        if self.dim is not None:
            self.loss.require_embeddings("descent in a dimension")
            object.__setattr__(self, "dim", whole_number(self.dim, "dim"))
        if self.counts is None:
            _named_sizes(self.profile, self.imbalance)
        else:
            self._accept_counts()
        object.__setattr__(self, "constraints", check_constraints(self.constraints))
        self.canonical()  # refuses functions, which cannot be written down
        if (
            self.loss.differs_by_class or self.constraints
        ):  # numbers that do not fit are found before any work
            self.problem()

    def _accept_counts(self) -> None:
        if self.imbalance is not None:
            raise InvalidInputError(
                f"profile {self.profile!r} is given by its counts and takes no imbalance, "
                f"got {self.imbalance!r}"
            )
        object.__setattr__(self, "counts", whole_counts(self.counts))

    def problem(self) -> UFM:
        """Return the problem of this point."""
        return UFM(
            self.class_sizes(),
            self.control,
            self.temperature,
            loss=self.loss,
            features=self.features,
            constraints=self.constraints,
        )

    @property
    def constraint_records(self) -> list[dict[str, Any]]:
        """The constraints as JSON has them.

        Raises
        ------
        InvalidInputError
            If one is a function.
        """
        return [one.record() for one in self.constraints]

    def class_sizes(self) -> NDArray[np.int64]:
        """Return the class sizes, drawn at random where there is a seed, shape (k,)."""
        sizes = (
            _named_sizes(self.profile, self.imbalance)
            if self.counts is None
            else np.array(self.counts, dtype=np.int64)
        )
        if self.seed is None:
            return sizes
        samples = int(sizes.sum())
        drawn = np.random.default_rng(self.seed).multinomial(samples, sizes / samples)
        return np.maximum(drawn, 1)

    def canonical(self) -> dict[str, Any]:
        """Return what identifies this point, as JSON has it; equal for equal points."""
        return {
            "profile": self.profile.strip().lower() if self.counts is None else None,
            "counts": None if self.counts is None else list(self.counts),
            "imbalance": None if self.imbalance is None else float(self.imbalance),
            "control": self.control.record(),
            "temperature": self.temperature,
            "seed": self.seed,
            "solver": self.solver,
            "tol": None if self.tol is None else float(self.tol),
            "dim": self.dim,
            "loss": self.loss.text,
            **({} if self.features is Features.REAL else {"features": self.features.value}),
            **({"constraints": self.constraint_records} if self.constraints else {}),
        }

    def key(self) -> str:
        """Return a hash of the point and of the version of screlax, 32 hexadecimal digits."""
        return hashed(__version__, self.canonical())


def hashed(version: str, identity: dict[str, Any]) -> str:
    """Return the key of what `SweepPoint.canonical` returned in a version of screlax."""
    text = json.dumps([version, identity], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def whole_counts(counts: Any) -> tuple[int, ...]:
    """Return class sizes in their order as a tuple of Python integers."""
    return tuple(ClassSizes.from_counts(counts))


@lru_cache(maxsize=1024)
def _named_sizes(name: str, imbalance: float | None) -> NDArray[np.int64]:
    return named_profile(name, imbalance)
