"""Grids: every combination of some profiles, controls, temperatures and seeds, as a list."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import fields
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..checks import require_few
from ..errors import InvalidInputError
from ..io.arrays import real_array
from ..problem.batches.base import Batches
from ..problem.constraints.base import CONTROLS, Control, control_named
from ..problem.features import Features, check_features
from ..problem.losses.base import Loss
from ..problem.losses.registry import check_loss
from ..problem.own_constraints.given import check_constraints
from ..problem.ufm import check_pair
from .point import SweepPoint, whole_counts

ALL = "all"
"""In place of a sampler: the loss of all samples at once."""

_LISTED = 8
"""Class sizes up to which counts without a name are named by listing them."""

Profiles = str | Iterable[str | ArrayLike] | Mapping[str, str | ArrayLike]


def grid(
    profiles: Profiles,
    *,
    imbalance: ArrayLike | None = None,
    ridge: ArrayLike | None = None,
    ball: ArrayLike | None = None,
    sphere: ArrayLike | None = None,
    budget: ArrayLike | None = None,
    temperature: ArrayLike = 1.0,
    seeds: int | Iterable[int | None] | None = None,
    dims: int | Iterable[int | None] | None = None,
    solver: str = "auto",
    tol: float | None = None,
    loss: Loss | str | Iterable[Loss | str] = "supcon",
    features: Features | str | Iterable[Features | str] = Features.REAL,
    batches: Batches | str | Iterable[Batches | str] = ALL,
    constraints: Iterable[Any] = (),
    **controls: ArrayLike,
) -> list[SweepPoint]:
    """Return every combination of the given values, the last named varying fastest.

    Grids are lists: add two of them for what no single one describes.

    Parameters
    ----------
    profiles : str, sequence of str or of class sizes, or mapping from name to class sizes
        Profile names as `screlax.profile` takes them, or class sizes under a name of their own.
    imbalance : float or sequence of float, optional
        Imbalance factors of the named profiles, which then leave it out of their names.
    ridge, ball, sphere, budget : float or sequence of float, optional
        Values of λ or ρ, at least one in all; several controls come one after the other.
    temperature : float or sequence of float, default 1.0
        Values of τ.
    seeds : int or sequence of int, optional
        Random draws of the class sizes, see `SweepPoint`; None among them is the profile itself.
    dims : int or sequence of int, optional
        Embedding dimensions, see `SweepPoint`; None among them is the relaxation itself.
    solver, tol
        As for `solve_relaxation`, the same for all points.
    loss : Loss or str, or sequence of them, default "supcon"
        Losses, as for `UFM`.
    features : {"real", "nonnegative"}, or sequence of them, default "real"
        Signs of the embeddings, as for `UFM`.
    batches : Batches or str, or sequence of them, default "all"
        How mini-batches are drawn, as for `UFM`: every loss is then the expected one of batches;
        "all" stands for all samples at once.
    constraints : sequence of Linear, optional
        Constraints of your own on the class Gram matrix, the same for all points, as for `UFM`;
        classes are counted in the order of the profile.
    **controls : float or sequence of float; pairs, or a sequence of them
        Values of other registered controls, by name, hyphens written as underscores:
        ``weight_decay=[(0.5, 0.5), (0.1, 1.0)]``, ``normalized=16``. Every loss is under the
        controls that are of its kind: of embeddings, or of features and a classifier.

    Returns
    -------
    list of SweepPoint

    Raises
    ------
    InvalidInputError
        If a value makes no problem, which is named, there is none, or no control is of the kind of
        a loss.

    Examples
    --------
    >>> from screlax import grid
    >>> points = grid("cifar10-lt", imbalance=[10, 100], sphere=1.0, temperature=[0.1, 0.5])
    >>> len(points), points[0].imbalance, points[1].temperature
    (4, 10.0, 0.5)
    """
    given = {"ridge": ridge, "ball": ball, "sphere": sphere, "budget": budget, **controls}
    bounds = _controls({name: value for name, value in given.items() if value is not None})
    samplers, own = listed(batches, "batches"), check_constraints(constraints)
    factors = [None] if imbalance is None else numbers(imbalance, "imbalance")
    axes = (
        _named(profiles),
        factors,
        bounds,
        numbers(temperature, "temperature"),
        listed(seeds, "seeds"),
        listed(dims, "dims"),
        [_drawn(check_loss(one), by) for one, by in product(listed(loss, "losses"), samplers)],
        [check_features(sign) for sign in listed(features, "features")],
    )
    require_few(math.prod(map(len, axes)), "points of a grid")
    _require_pairs(axes[6], bounds)
    return [
        _point(
            profile=name,
            control=control,
            temperature=tau,
            imbalance=factor,
            seed=seed,
            counts=counts,
            solver=solver,
            tol=tol,
            dim=dim,
            loss=one,
            features=sign,
            constraints=own,
        )
        for (name, counts), factor, control, tau, seed, dim, one, sign in product(*axes)
        if one.has_classifier == control.has_classifier
    ]


def _point(**settings: Any) -> SweepPoint:
    """Return a point; what is no problem is refused under its name, before anything is solved."""
    try:
        return SweepPoint(**settings)
    except InvalidInputError as error:
        name, control, loss = (settings[part] for part in ("profile", "control", "loss"))
        if name in str(error):
            raise
        raise type(error)(f"point {name}, {control}, loss {loss}: {error}") from None


def _drawn(loss: Loss, batches: Batches | str) -> Loss:
    """Return the loss as a sampler sees it, or refuse both by name."""
    if batches == ALL:
        return loss
    try:
        return loss.in_batches(batches)
    except InvalidInputError as error:
        raise type(error)(
            f"loss {loss} with batches {batches}: {error}; leave one of them out, or give "
            "this loss a grid (a sweep file) of its own, without batches"
        ) from None


def _controls(given: dict[str, Any]) -> list[Control]:
    if not given:
        raise InvalidInputError(
            f"no control was given; choose at least one of {', '.join(CONTROLS)} and its values"
        )
    return [control for name, values in given.items() for control in _control(name, values)]


def _control(name: str, values: Any) -> list[Control]:
    """Return one control for each number, or for each tuple of as many as it has."""
    name = name if name in CONTROLS else name.replace("_", "-")
    count = len(fields(CONTROLS[name])) if name in CONTROLS else 1
    if count == 1:
        return [control_named(name, value) for value in numbers(values, name)]
    array = real_array(values, name)
    if array.ndim not in (1, 2) or array.shape[-1] != count or not array.size:
        wanted = ", ".join(field.name for field in fields(CONTROLS[name]))
        raise InvalidInputError(
            f"{name} takes {count} numbers at a time ({wanted}), or a list of such; got {values!r}"
        )
    return [control_named(name, *row) for row in array.reshape(-1, count).tolist()]


def _require_pairs(losses: list[Loss], controls: list[Control]) -> None:
    """Refuse losses without a control of their kind, and controls without a loss."""
    for loss in losses:
        if all(loss.has_classifier != control.has_classifier for control in controls):
            check_pair(loss, controls[0])
    for control in controls:
        if all(loss.has_classifier != control.has_classifier for loss in losses):
            check_pair(losses[0], control)


def numbers(values: Any, what: str) -> list[float]:
    """List one number or several; what they must satisfy is checked where they are used."""
    array = real_array(values, what)
    if not array.size or array.dtype.kind == "b":
        raise InvalidInputError(f"{what} must be a number or a list of numbers, got {values!r}")
    return [float(number) for number in array.reshape(-1)]


def listed(values: Any, what: str) -> list[Any]:
    """List one value or several; text is one."""
    if values is None or not hasattr(values, "__iter__") or isinstance(values, str):
        return [values]
    listed = list(values)
    if not listed:
        raise InvalidInputError(f"{what} are empty; leave them out for the profiles as they are")
    return listed


def _named(profiles: Any) -> list[tuple[str, tuple[int, ...] | None]]:
    """Return name and counts of each profile, counts None for the named ones."""
    if isinstance(profiles, str):
        profiles = [profiles]
    if isinstance(profiles, Mapping):
        entries = [_entry(sizes, str(name)) for name, sizes in profiles.items()]
    elif hasattr(profiles, "__iter__"):
        entries = [_entry(sizes, None) for sizes in profiles]
    else:
        raise InvalidInputError(f"profiles must be names or class sizes, got {profiles!r}")
    if not entries:
        raise InvalidInputError("profiles are empty; give at least one name or list of class sizes")
    return entries


def _entry(sizes: Any, name: str | None) -> tuple[str, tuple[int, ...] | None]:
    if isinstance(sizes, str):
        return sizes, None
    if np.ndim(sizes) == 0 and not isinstance(sizes, Mapping):
        raise InvalidInputError(
            f"a profile must be a name or a list of class sizes, got {sizes!r}; "
            "class sizes themselves go into a list of profiles: [[500, 50, 5]]"
        )
    counts = whole_counts(sizes)
    return (_description(counts) if name is None else name), counts


def _description(counts: tuple[int, ...]) -> str:
    if len(counts) <= _LISTED:
        return "counts:" + ",".join(map(str, counts))
    return f"counts of {len(counts)} classes and {sum(counts)} samples"
