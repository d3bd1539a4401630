"""Features, classifier and logits of a cross-entropy network beside the optimal ones."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..gram.geometry import gram_distance, norms_and_cosines
from ..io.tables import text_lines
from ..short_repr import short_repr
from ..solution.solution import Solution
from ..types import Matrix, Vector
from .classifier import DualityMetrics, duality_metrics
from .logits_reader import Brought


@short_repr
@dataclass(frozen=True, eq=False)
class LogitMetrics:
    """A linear classifier and its logits at the class means, beside a cross-entropy optimum.

    Both within the control: where norms are fixed, of features and rows divided by theirs.

    Attributes
    ----------
    classifier_given : bool
        Whether the classifier was given; else it is the one that is best for the class means.
    classifier_distance : float
        ‖K/‖K‖_F − K*/‖K*‖_F‖_F of the Gram matrices of the rows of the classifiers. NaN, like all
        distances, where one of both is zero.
    joint_distance : float
        The same of all inner products of class means and classifier, 2k×2k, both at norm one: after
        everything that leaves the logits as they are, up to a factor: rotation, and what may be
        moved from the features to the classifier.
    logit_distance : float
        ‖Z/‖Z‖_F − Z*/‖Z*‖_F‖_F of logits ⟨w_j, μ_c⟩ without bias.
    centred_logit_distance : float
        The same less the mean of every row, which no softmax sees.
    logit_error : float
        ‖Z + b − Z* − b*‖_F/‖Z* + b*‖_F of these logits less the mean of every row: scale counts.
    balance : float
        What the features cost over what the classifier costs, each by its own number of the
        control: one at the optimum of a penalty. NaN where the control has no two numbers.
    duality, optimal_duality : DualityMetrics
        Rows of the classifier against uncentred class means, and the same at the optimum, which
        need not be self-dual where classes have different sizes.
    norms, optimal_norms : ndarray, shape (k,)
        ‖w_c‖, as given.
    cosines, optimal_cosines : ndarray, shape (k,)
        Mean cosine of w_c to the other rows. NaN where a norm is zero.

    Examples
    --------
    >>> import numpy as np
    >>> import screlax
    >>> control = screlax.WeightDecay(0.5, 0.5)
    >>> solution = screlax.solve_relaxation([20, 5, 5], control, loss="cross-entropy")
    >>> labels = np.repeat([0, 1, 2], [20, 5, 5])
    >>> features = 2 * np.eye(3)[labels]
    >>> found = screlax.compare(features, labels, solution, classifier=np.eye(3)).logits
    >>> round(found.duality.self_duality, 6), round(found.balance, 6)
    (0.0, 40.0)
    """

    classifier_given: bool
    classifier_distance: float
    joint_distance: float
    logit_distance: float
    centred_logit_distance: float
    logit_error: float
    balance: float
    duality: DualityMetrics
    optimal_duality: DualityMetrics
    norms: Vector
    optimal_norms: Vector
    cosines: Vector
    optimal_cosines: Vector

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-ready data."""
        record: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, DualityMetrics):
                value = dict(vars(value))
            record[field.name] = value.tolist() if isinstance(value, np.ndarray) else value
        return record

    def columns(self) -> dict[str, float]:
        """Return all numbers that are not one per class by name.

        Examples
        --------
        >>> import numpy as np
        >>> import screlax
        >>> control = screlax.WeightDecay(0.5, 0.5)
        >>> solution = screlax.solve_relaxation([5, 5], control, loss="cross-entropy")
        >>> features = np.eye(2).repeat(5, axis=0)
        >>> found = screlax.compare(features, [0] * 5 + [1] * 5, solution, classifier=np.eye(2))
        >>> round(found.logits.columns()["duality_self_duality"], 6)
        0.0
        """
        found = {name: value for name, value in vars(self).items() if isinstance(value, float)}
        for group in ("duality", "optimal_duality"):
            numbers = vars(getattr(self, group))
            found |= {f"{group}_{name}": value for name, value in numbers.items()}
        return found

    def table(self) -> str:
        """Return the numbers that are not one per class as text, those of the optimum beside.

        Examples
        --------
        >>> import numpy as np
        >>> import screlax
        >>> control = screlax.WeightDecay(0.5, 0.5)
        >>> solution = screlax.solve_relaxation([5, 5], control, loss="cross-entropy")
        >>> features = np.eye(2).repeat(5, axis=0)
        >>> found = screlax.compare(features, [0] * 5 + [1] * 5, solution, classifier=np.eye(2))
        >>> found.logits.table().splitlines()[0].split()
        ['features', 'and', 'classifier', 'here', 'at', 'the', 'optimum']
        """
        zeros = ("classifier", "joint", "logit", "centred_logit")
        rows = [[f"{name.replace('_', ' ')} distance", _of(self, name), "0"] for name in zeros]
        rows.append(["logit error", f"{self.logit_error:.6g}", "0"])
        rows.append(["balance of features and classifier", f"{self.balance:.6g}", "1"])
        for name, value in vars(self.duality).items():
            best = getattr(self.optimal_duality, name)
            rows.append([name.replace("_", " "), f"{value:.6g}", f"{best:.6g}"])
        return "\n".join(text_lines(["features and classifier", "here", "at the optimum"], rows))


def _of(found: LogitMetrics, name: str) -> str:
    return f"{getattr(found, name + '_distance'):.6g}"


def logit_metrics(
    brought: Brought, norms: Vector, solution: Solution, *, given: bool
) -> LogitMetrics:
    """Measure class means, classifier and logits within the control.

    Parameters
    ----------
    brought : Brought
    norms : ndarray, shape (k,)
        Of the rows of the classifier as it was given.
    solution : Solution
    given : bool
        Whether the classifier was.
    """
    pair, best = brought.pair, solution.logits - solution.bias
    means, weights = pair.means, pair.weights
    optimal_means, optimal_weights = solution.embeddings().vectors, solution.classifiers().vectors
    logits = solution.problem.temperature * (means @ weights.T)
    with_bias = _centred(logits + pair.bias), _centred(solution.logits)
    of_classifiers = weights @ weights.T, solution.classifier_gram
    (_, cosines), (optimal_norms, optimal_cosines) = map(norms_and_cosines, of_classifiers)
    return LogitMetrics(
        classifier_given=given,
        classifier_distance=_distance(*of_classifiers),
        joint_distance=_distance(_joint(means, weights), _joint(optimal_means, optimal_weights)),
        logit_distance=_distance(logits, best),
        centred_logit_distance=_distance(_centred(logits), _centred(best)),
        logit_error=_ratio(np.linalg.norm(with_bias[0] - with_bias[1]), with_bias[1]),
        balance=brought.balance,
        duality=duality_metrics(weights, means),
        optimal_duality=duality_metrics(optimal_weights, optimal_means),
        norms=norms,
        optimal_norms=optimal_norms,
        cosines=cosines,
        optimal_cosines=optimal_cosines,
    )


def _joint(means: Matrix, weights: Matrix) -> Matrix:
    """Return all inner products, features and classifier both at norm one; zero if one is zero."""
    sizes = np.linalg.norm(means), np.linalg.norm(weights)
    if not all(sizes):
        return np.zeros((2 * len(means),) * 2)
    both = np.concatenate([means / sizes[0], weights / sizes[1]])
    return np.asarray(both @ both.T)


def _distance(first: Matrix, second: Matrix) -> float:
    return gram_distance(first, second) if first.any() and second.any() else math.nan


def _ratio(size: Any, of: Matrix) -> float:
    return float(size / np.linalg.norm(of)) if of.any() else math.nan


def _centred(logits: Matrix) -> NDArray[np.float64]:
    return np.asarray(logits - logits.mean(axis=1, keepdims=True))
