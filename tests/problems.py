"""A table of small problems, and checks of their solutions that use no code of screlax.

Everything here is written from the formulas of the mathematics (sections 1, 2 and 4) on the k×k
class program, in plain numpy and on the caller's own units, temperature included.
"""

from dataclasses import dataclass

import numpy as np
import pytest

from screlax import UFM, Ball, Budget, Ridge, Sphere

Control = Ridge | Ball | Sphere | Budget

PROFILES = {
    "two": (7, 3),
    "balanced": (4, 4, 4),
    "step": (8, 8, 2, 2),
    "long-tailed": (15, 8, 4, 2),
    "one-singleton": (6, 4, 1),
    "singletons": (5, 3, 3, 1, 1),
    "one-anchored": (5, 1, 1),
    "unsorted": (2, 9, 2, 5),
}
CONTROLS = {
    "ridge": (Ridge(0.3), 0.7),
    "weak-ridge": (Ridge(0.01), 1.0),
    "ball": (Ball(1.5), 0.8),
    "sphere": (Sphere(1.0), 0.5),
    "budget": (Budget(0.8), 1.0),
}


@dataclass(frozen=True)
class Case:
    """A problem of the table, with its optimal value where that is known."""

    name: str
    sizes: tuple[int, ...]
    control: Control
    temperature: float
    optimum: float

    @property
    def problem(self) -> UFM:
        return UFM(self.sizes, self.control, self.temperature)


# Optimal values, summed over anchors, from Clarabel at the class level with all tolerances 1e-12;
# its dual proves them to 3e-11, `lower_bound` below (from the Gram matrix alone) to 3e-7.
OPTIMA: dict[str, float] = {
    "two/ridge": 16.5669258865,
    "two/weak-ridge": 14.787699466,
    "two/ball": 14.9408885361,
    "two/sphere": 14.8719722792,
    "two/budget": 16.2875658139,
    "balanced/ridge": 17.0509113996,
    "balanced/weak-ridge": 13.4906651923,
    "balanced/ball": 14.9658955106,
    "balanced/sphere": 14.6792914856,
    "balanced/budget": 20.2579991185,
    "step/ridge": 37.8800657337,
    "step/weak-ridge": 31.6730743997,
    "step/ball": 36.6350901487,
    "step/sphere": 35.9834529739,
    "step/budget": 44.3795670645,
    "long-tailed/ridge": 68.8507701009,
    "long-tailed/weak-ridge": 60.3019133656,
    "long-tailed/ball": 66.4819733354,
    "long-tailed/sphere": 65.6430026247,
    "long-tailed/budget": 76.3458089578,
    "one-singleton/ridge": 16.6196296073,
    "one-singleton/weak-ridge": 14.2846688526,
    "one-singleton/ball": 14.6470754169,
    "one-singleton/sphere": 14.5419513109,
    "one-singleton/budget": 16.6758767527,
    "singletons/ridge": 15.1692771782,
    "singletons/weak-ridge": 11.4268331477,
    "singletons/ball": 13.6910451943,
    "singletons/sphere": 13.3268705877,
    "singletons/budget": 18.189950177,
    "one-anchored/ridge": 7.98650883899,
    "one-anchored/weak-ridge": 7.03535957967,
    "one-anchored/ball": 6.98992317869,
    "one-anchored/sphere": 6.97705251,
    "one-anchored/budget": 7.40882964784,
    "unsorted/ridge": 31.7352802637,
    "unsorted/weak-ridge": 26.1321429405,
    "unsorted/ball": 30.7660324357,
    "unsorted/sphere": 30.1497171947,
    "unsorted/budget": 37.7913302651,
}

CASES = [
    Case(f"{profile}/{name}", sizes, control, temperature, OPTIMA[f"{profile}/{name}"])
    for profile, sizes in PROFILES.items()
    for name, (control, temperature) in CONTROLS.items()
]
CASE = {case.name: case for case in CASES}


def every_case(cases: list[Case] = CASES) -> pytest.MarkDecorator:
    """Parametrize a test over the table."""
    return pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in cases])


def cases_of(*profiles: str) -> list[Case]:
    """Return the cases of some profiles."""
    return [case for case in CASES if case.name.split("/")[0] in profiles]


# ----------------------------------------------------------------- section 1: samples


def labels_of(sizes: tuple[int, ...]) -> list[int]:
    """Return one label per sample, in class order."""
    return [c for c, size in enumerate(sizes) for _ in range(size)]


# ----------------------------------------------------------------- section 2: the class program


def _logits(sizes: np.ndarray, gram: np.ndarray, temperature: float) -> np.ndarray:
    weight = np.tile(sizes, (len(sizes), 1)) - np.eye(len(sizes))
    with np.errstate(divide="ignore"):
        return np.log(weight) + gram / temperature


def _row_logsumexp(logits: np.ndarray) -> np.ndarray:
    top = logits.max(axis=1)
    return top + np.log(np.exp(logits - top[:, None]).sum(axis=1))


def class_objective(case: Case, gram: np.ndarray) -> float:
    """Return the objective of a k×k Gram matrix of class means."""
    sizes = np.array(case.sizes, dtype=float)
    anchored = sizes >= 2
    rows = _row_logsumexp(_logits(sizes, gram, case.temperature))
    value = float((sizes * (rows - np.diagonal(gram) / case.temperature))[anchored].sum())
    if isinstance(case.control, Ridge):
        value += case.control.strength / 2 * float(sizes @ np.diagonal(gram))
    return value


def random_feasible_gram(case: Case, rng: np.random.Generator) -> np.ndarray:
    """Return a random k×k Gram matrix within the control of a case."""
    sizes = np.array(case.sizes, dtype=float)
    width = int(rng.integers(1, len(sizes) + 1))
    vectors = rng.standard_normal((len(sizes), width)) * 10 ** rng.uniform(-1, 0.5)
    vectors = brought_within(case.control, vectors, sizes)
    return vectors @ vectors.T


def brought_within(control: Control, vectors: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """Return vectors, each of `mass` samples, scaled to the control where they are outside."""
    squared = (vectors**2).sum(axis=1, keepdims=True)
    if isinstance(control, Ridge):
        return vectors
    if isinstance(control, Budget):
        squared = np.average(squared[:, 0], weights=mass)
    scale = np.sqrt(control.parameter / squared)
    return vectors * (scale if isinstance(control, Sphere) else np.minimum(1.0, scale))


def assert_within(control: Control, squared: np.ndarray, mass: np.ndarray) -> None:
    """Fail unless squared norms, each of `mass` samples, satisfy the control up to rounding."""
    if isinstance(control, Sphere):
        assert squared == pytest.approx(np.full(len(squared), control.parameter), rel=1e-12)
    elif isinstance(control, Ball):
        assert squared.max() <= control.parameter * (1 + 1e-12)
    elif isinstance(control, Budget):
        assert np.average(squared, weights=mass) <= control.parameter * (1 + 1e-12)


def distance_of_grams(first: np.ndarray, second: np.ndarray) -> float:
    """Return ‖A/‖A‖ − B/‖B‖‖."""
    return float(np.linalg.norm(first / np.linalg.norm(first) - second / np.linalg.norm(second)))


# ----------------------------------------------------------------- section 4: optimality


@dataclass(frozen=True)
class Optimality:
    """Residuals of the optimality conditions; all are zero at an optimum.

    Attributes
    ----------
    indefinite : float
        −λ_min of the Gram matrix, relative to its largest entry.
    outside : float
        By how much the norm bound is exceeded, relative to it (for a sphere: missed).
    slack : float
        −λ_min of the dual slack per sample, times the temperature.
    sign : float
        The most negative multiplier per sample, times the temperature (ball and budget).
    complementarity : float
        ⟨S, M⟩ and the multipliers times the unused norm, relative to the objective.
    """

    indefinite: float
    outside: float
    slack: float
    sign: float
    complementarity: float

    @property
    def worst(self) -> float:
        return max(vars(self).values())


def dual_slack(case: Case, gram: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return P = softmax(M), the multipliers of the diagonal and S(P) with them."""
    sizes = np.array(case.sizes, dtype=float)
    anchored = sizes >= 2
    logits = _logits(sizes, gram, case.temperature)
    rows = np.exp(logits - _row_logsumexp(logits)[:, None]) * anchored[:, None]
    weighted = sizes[:, None] * rows / case.temperature
    bare = (weighted + weighted.T) / 2 - np.diag(sizes * anchored) / case.temperature
    multipliers = _multipliers(case, bare, gram, sizes)
    return rows, multipliers, bare + np.diag(multipliers)


def _multipliers(case: Case, bare: np.ndarray, gram: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return R of section 4: given for ridge, from stationarity on the diagonal otherwise."""
    if isinstance(case.control, Ridge):
        return case.control.strength / 2 * sizes
    along = np.diagonal(bare @ gram)
    if isinstance(case.control, Budget):
        return -along.sum() / float(sizes @ np.diagonal(gram)) * sizes
    return -along / np.diagonal(gram)


def optimality(case: Case, gram: np.ndarray) -> Optimality:
    """Return the residuals of the optimality conditions at a k×k Gram matrix."""
    sizes, norms = np.array(case.sizes, dtype=float), np.diagonal(gram)
    _, multipliers, slack = dual_slack(case, gram)
    scale = np.sqrt(np.outer(sizes, sizes))
    value = class_objective(case, gram)
    outside, sign, unused = 0.0, 0.0, 0.0
    if not isinstance(case.control, Ridge):
        bound = case.control.parameter
        mean = float(sizes @ norms) / sizes.sum()
        excess = (np.array([mean]) if isinstance(case.control, Budget) else norms) / bound - 1
        outside = float(np.abs(excess).max() if isinstance(case.control, Sphere) else excess.max())
        if not isinstance(case.control, Sphere):
            sign = float(-(multipliers / sizes).min() * case.temperature)
        if isinstance(case.control, Budget):
            unused = abs(float(multipliers.sum()) * (bound - mean)) / value
        else:
            unused = float(np.abs(multipliers * (bound - norms)).sum()) / value
    return Optimality(
        indefinite=float(-np.linalg.eigvalsh(gram)[0] / max(np.abs(gram).max(), 1e-300)),
        outside=outside,
        slack=float(-np.linalg.eigvalsh(slack / scale)[0] * case.temperature),
        sign=sign,
        complementarity=max(unused, abs(float(np.vdot(slack, gram))) / value),
    )


def lower_bound(case: Case, gram: np.ndarray) -> float:
    """Return the rigorous dual bound that section 4 makes of any Gram matrix."""
    sizes = np.array(case.sizes, dtype=float)
    rows, multipliers, slack = dual_slack(case, gram)
    if isinstance(case.control, Ball | Budget):
        slack = slack + np.diag(np.maximum(multipliers, 0.0) - multipliers)
        multipliers = np.maximum(multipliers, 0.0)
    missing = max(0.0, -float(np.linalg.eigvalsh(slack / np.sqrt(np.outer(sizes, sizes)))[0]))
    if isinstance(case.control, Ridge):
        share = missing / (missing + case.control.strength / 2)
        rows = (1 - share) * rows + share * np.diag((sizes >= 2).astype(float))
    else:
        multipliers = multipliers + missing * sizes
    weight = np.tile(sizes, (len(sizes), 1)) - np.eye(len(sizes))
    positive = rows > 0
    terms = rows[positive] * np.log(weight[positive] / rows[positive])
    bound = float((np.repeat(sizes, positive.sum(axis=1)) * terms).sum())
    if not isinstance(case.control, Ridge):
        bound -= case.control.parameter * float(multipliers.sum())
    return bound


def assert_optimal(case: Case, gram: np.ndarray, accuracy: float = 1e-5) -> None:
    """Fail unless a k×k Gram matrix satisfies every optimality condition of its problem."""
    found = optimality(case, gram)
    assert found.worst <= accuracy, f"{case.name}: {found}"
    value = class_objective(case, gram)
    assert lower_bound(case, gram) == pytest.approx(value, rel=accuracy)
    assert value == pytest.approx(case.optimum, rel=accuracy)
