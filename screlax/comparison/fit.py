"""Which λ, or ρ, would explain the embeddings: the regularised optimum nearest to them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import linalg, optimize

from ..checks import check_choice, whole_number
from ..errors import InvalidInputError
from ..gram.geometry import gram_distance
from ..io.notebook import TextInNotebook
from ..problem.class_sizes import ClassSizes
from ..problem.constraints.base import CONTROLS
from ..problem.constraints.norms import check_temperature
from ..problem.features import Features
from ..problem.labels import count_labels
from ..problem.losses.base import Loss
from ..problem.losses.registry import check_loss
from ..problem.losses.supcon import SupCon
from ..problem.ufm import UFM
from ..short_repr import short_repr
from ..solution.solution import Solution
from ..solve.path import regularization_path
from ..solve.solve import solve_relaxation
from ..types import Matrix, Vector
from .compare import SCALES
from .given import rows_and_labels, usable_statistics

_DECADES = {"ridge": (-6.0, math.log10(0.999)), "other": (-3.0, 3.0)}
"""Range searched: λ/λ_max, or ρ/τ, as powers of ten."""

_SAME = 1e-6
"""Relative distance up to which two thresholds are the same."""

_WITHIN = 1.1
"""Parameters whose distance is at most this many times the least count as fitting as well."""


@short_repr
@dataclass(frozen=True, eq=False)
class ControlFit(TextInNotebook):
    """The control whose optimum is nearest to given embeddings.

    Attributes
    ----------
    solution : Solution
        The certified optimum at the best parameter; `solution.problem.control` is the control.
    parameter : float
        The best λ or ρ.
    distance : float
        Distance of its Gram matrix from that of the embeddings: ‖G/‖G‖_F − G*/‖G*‖_F‖_F where the
        scale is free, ‖G − G*‖_F/‖G‖_F where it is fixed.
    parameters, distances : ndarray, shape (points,)
        The coarse search: how the distance depends on the parameter.
    interval : tuple of float
        Parameters of the coarse search next to the best one up to which the distance stays within
        1.1 times the least: what the embeddings say about the parameter.
    at_edge : bool
        Whether the best parameter is at an end of the range searched, so that it is only a bound.

    Examples
    --------
    >>> import numpy as np
    >>> import screlax
    >>> labels = np.repeat([0, 1, 2], [30, 10, 3])
    >>> features = np.array([[1.0, 0.0], [-0.5, 1.0], [-0.5, -1.0]])[labels]
    >>> fit = screlax.fit_control(features, labels, "ridge", temperature=1.0, points=21)
    >>> low, high = fit.interval
    >>> bool(low <= fit.parameter <= high and fit.distance <= fit.distances.min())
    True
    >>> print(fit.solution.status)
    optimal
    """

    solution: Solution
    parameter: float
    distance: float
    parameters: Vector
    distances: Vector
    interval: tuple[float, float]
    at_edge: bool

    def __str__(self) -> str:
        problem, (low, high) = self.solution.problem, self.interval
        control = problem.control
        first, last = float(self.parameters[0]), float(self.parameters[-1])
        number = f"{self.parameter:.6g}"
        if len(control.numbers) > 1:  # the optimum's geometry knows only the one number
            number = f"with {control.parameter_symbol} = {number}"
        edge = " That is an end of the range searched: a bound only." if self.at_edge else ""
        return (
            f"loss {problem.loss}: {control.name} {number} fits best, at Gram "
            f"distance {self.distance:.4g}; from {low:.3g} to {high:.3g} it is within 1.1 times "
            f"that. Searched from {first:.3g} (distance {self.distances[0]:.4g}) to {last:.3g} "
            f"({self.distances[-1]:.4g}).{edge}"
        )


def fit_control(
    embeddings: Any,
    labels: Any = None,
    kind: str = "ridge",
    *,
    temperature: float | None = None,
    class_sizes: ArrayLike | ClassSizes | None = None,
    loss: Loss | str | None = None,
    scale: str = "free",
    normalize: bool = False,
    points: int = 61,
    features: Features | str = Features.REAL,
) -> ControlFit:
    """Find the λ or ρ whose optimum is nearest to embeddings, for users who do not know it.

    The Gram matrix of the class means is compared with the certified optimum at `points` values in
    geometric progression (λ from 1e-6 to 0.999 of λ_max, counted from λ_b where a smaller one
    leaves the loss unbounded; ρ/τ from 1e-3 to 1e3), and the best is
    refined by bounded scalar minimisation (Brent) of the distance in the logarithm.

    Parameters
    ----------
    embeddings, labels
        As for `compare`.
    kind : {"ridge", "ball", "sphere", "budget", "weight-decay", "layer-peeled", "normalized"}
        The control to fit; the last three with ``loss="cross-entropy"``. Of one with two numbers,
        of features and of the classifier, the geometric mean is fitted, on which features depend
        up to their scale, and both are set to it.
    temperature : float
        τ of the training loss, which has to be given: problems take 1 by default, as the theory
        does, and losses of embeddings 0.1, as training code does; embeddings that are there were
        trained at one. Sphere, ball and budget with a free scale determine ρ/τ only.
    class_sizes : array-like of int, mapping or Series, optional
        Sizes of the classes in training: in sorted label order, or by label; by default the counts
        of `labels`.
    loss : Loss or str, optional
        The training loss, as for `UFM`; `SupCon()` by default.
    scale : {"free", "fixed"}
        Whether the scale of the embeddings is compared too.
    normalize : bool, default False
        Divide each embedding by its norm first.
    points : int, default 61
        Number of parameters of the coarse search.
    features : {"real", "nonnegative"}
        As for `UFM`: whether the optima have nonnegative embeddings.

    Returns
    -------
    ControlFit

    Raises
    ------
    InvalidInputError
        If an argument does not fit, there is no temperature, all class means are zero, or the scale
        is fixed and the control has two numbers.

    Examples
    --------
    >>> import numpy as np
    >>> import screlax
    >>> solution = screlax.solve_relaxation([30, 10, 3], screlax.Ridge(0.05))
    >>> labels = np.repeat([0, 1, 2], [30, 10, 3])
    >>> features = solution.prototypes()[labels]  # of a network, say
    >>> fit = screlax.fit_control(features, labels, "ridge", temperature=1.0)
    >>> round(fit.parameter, 3), fit.at_edge
    (0.05, False)
    """
    check_choice(kind, "kind", tuple(CONTROLS))
    check_choice(scale, "scale", SCALES)
    points = whole_number(points, "points", 3)
    if scale == "fixed" and len(fields(CONTROLS[kind])) > 1:
        raise InvalidInputError(
            f"{kind} has two numbers, and features alone tell their geometric mean: how long they "
            "are depends on both; use scale='free'"
        )
    if temperature is None:
        raise InvalidInputError(
            "fit_control has no default temperature: the embeddings were trained at one; give it, "
            "temperature=0.1 say, as training code has it (1 in the theory and for cross-entropy)"
        )
    tau = check_temperature(temperature)
    problem, gram = _class_gram(
        embeddings, labels, kind, tau, class_sizes, loss, normalize, features
    )
    distance = _distance_to(gram, scale == "free")
    parameters = _range_of(problem, points)
    path = regularization_path(problem, strengths=parameters)
    distances = np.array([distance(member.class_gram) for member in path])
    return _refine(problem, parameters, distances, distance)


def _class_gram(
    embeddings: Any,
    labels: Any,
    kind: str,
    temperature: float,
    class_sizes: Any,
    loss: Loss | str | None,
    normalize: bool,
    features: Features | str,
) -> tuple[UFM, Matrix]:
    chosen = check_loss(SupCon() if loss is None else loss)
    rows, names, together = rows_and_labels(embeddings, labels, chosen)
    class_labels, counts = count_labels(names)
    counts //= together
    sizes, named = ClassSizes.with_labels(counts if class_sizes is None else class_sizes)
    if sizes.classes != len(counts):
        raise InvalidInputError(
            f"class_sizes has {sizes.classes} classes but the labels have {len(counts)}; "
            "give one size per class, in sorted label order"
        )
    given = sizes if named is None else dict(zip(named, sizes, strict=True))
    control = CONTROLS[kind](*(1.0 for _ in fields(CONTROLS[kind])))
    problem = UFM(given, control, temperature, class_labels, loss=chosen, features=features)
    _, found = usable_statistics(problem, rows, names, normalize=normalize, within=False)
    return problem, found.means @ found.means.T


def _range_of(problem: UFM, points: int) -> Vector:
    if problem.control.is_penalty:
        low, high = _DECADES["ridge"]
        least, zero = problem.bounded_threshold(), problem.zero_threshold()
        if zero - least <= _SAME * zero:
            raise InvalidInputError(
                f"with loss {problem.loss} and a ridge the optimum is zero from λ = {zero:.6g} on, "
                "and below there is none: no λ can be fitted; fit another kind"
            )
        return least + (zero - least) * np.logspace(low, high, points)
    low, high = _DECADES["other"]
    return problem.temperature * np.logspace(low, high, points)


def _distance_to(gram: Matrix, free_scale: bool) -> Callable[[Matrix], float]:
    norm = linalg.norm(gram)

    def distance(optimum: Matrix) -> float:
        if not optimum.any():
            return 1.0  # of a unit vector from zero
        if free_scale:
            return gram_distance(gram, optimum)
        return float(linalg.norm(gram / norm - optimum / norm))

    return distance


def _refine(
    problem: UFM, parameters: Vector, distances: Vector, distance: Callable[[Matrix], float]
) -> ControlFit:
    """Minimise between the neighbours of the best coarse parameter."""
    best = int(np.argmin(distances))
    neighbours = parameters[[max(best - 1, 0), min(best + 1, len(parameters) - 1)]]

    def solved(logarithm: float) -> Solution:
        control = problem.control.with_parameter(math.exp(logarithm))
        return solve_relaxation(replace(problem, control=control))

    found = optimize.minimize_scalar(
        lambda logarithm: distance(solved(logarithm).class_gram),
        bounds=tuple(np.log(neighbours)),
        method="bounded",
        options={"xatol": 1e-6},
    )
    better = found.fun < distances[best]
    parameter = math.exp(found.x) if better else float(parameters[best])
    least = min(float(found.fun), float(distances[best]))
    low, high = _valley(distances <= _WITHIN * least, best)
    return ControlFit(
        solution=solved(math.log(parameter)),
        parameter=parameter,
        distance=least,
        parameters=parameters,
        distances=distances,
        interval=(
            float(min(parameters[low], parameter)),
            float(max(parameters[high], parameter)),
        ),
        at_edge=bool(np.isclose(parameter, parameters[[0, -1]], rtol=1e-4).any()),
    )


def _valley(inside: np.ndarray, best: int) -> tuple[int, int]:
    """Return the first and last index of the run of true entries around the best, itself one."""
    outside = np.flatnonzero(~inside)
    ends = np.concatenate([[-1], outside[outside != best], [len(inside)]])
    above = int(np.searchsorted(ends, best))
    return int(ends[above - 1]) + 1, int(ends[above]) - 1
