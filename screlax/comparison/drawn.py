"""The expected loss of mini-batches at embeddings that have not collapsed, by drawing batches.

Of class means the expectation is known exactly. What differences within classes add to it is
estimated: every batch drawn is evaluated twice, with its embeddings and with the means of their
classes in their place, and the mean of the differences is added to the exact expectation. So the
composition of the batches, which scatters most, cancels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks import whole_number
from ..problem.ufm import UFM
from .drawn_batches import DrawnBatches, why_not_drawn
from .objective import Evaluation
from .statistics import ClassStatistics

_WORK = 1e10
"""Products of numbers that drawing may take where the number of batches is not given."""

_FEWEST, _MOST = 10, 1000
"""Batches drawn then."""

_TOGETHER = 50
"""Batches drawn before they are evaluated: those of one size are evaluated at once."""


@dataclass(frozen=True)
class DrawnLoss:
    """An estimate, not a bound, of the expected loss of mini-batches at embeddings.

    Attributes
    ----------
    value : float
        The objective, on the scale of `LossGap.value`: that of the class means, which is exact, and
        what differences within classes add to it.
    excess : float
        value less the certified lower bound of the expected loss.
    added : float
        What differences within classes add: the mean over the batches drawn.
    standard_error : float
        Of both.
    draws, seed : int
        How many batches were drawn, and how.

    Examples
    --------
    >>> import numpy as np
    >>> import screlax
    >>> sizes = [40, 10, 5]
    >>> solution = screlax.solve_relaxation(
    ...     sizes, screlax.Sphere(1.0), temperature=0.2, batches="shuffle:size=16"
    ... )
    >>> labels = np.repeat([0, 1, 2], sizes)
    >>> noise = 0.1 * np.random.default_rng(0).standard_normal((55, 3))
    >>> drawn = screlax.compare(solution.prototypes(3)[labels] + noise, labels, solution).drawn
    >>> drawn.draws, drawn.added > 3 * drawn.standard_error
    (1000, True)
    """

    value: float
    excess: float
    added: float
    standard_error: float
    draws: int
    seed: int


def drawn_loss(
    rows: NDArray[Any],
    number: NDArray[np.int64],
    statistics: ClassStatistics,
    evaluation: Evaluation,
    problem: UFM,
    *,
    gap: float,
    together: int,
    normalize: bool,
    draws: int | None,
    seed: int,
) -> DrawnLoss | None:
    """Estimate the expected loss at embeddings; None where there is nothing to estimate.

    Parameters
    ----------
    rows : ndarray, shape (n, d)
        So many of them `together` are views of one sample.
    number : ndarray of int, shape (n,)
    statistics : ClassStatistics
    evaluation : Evaluation
        Of the class means.
    problem : UFM
        With batches.
    gap : float
        Of the class means to the optimum.
    together : int
    normalize : bool
        Whether rows have to be divided by their norms first.
    draws : int or None
        Batches to draw, by default as many as take about a second.
    seed : int
    """
    count = None if draws is None else whole_number(draws, "draws", 0)
    seed = whole_number(seed, "seed", 0)
    if count == 0 or why_not_drawn(problem, statistics, together):
        return None
    batches = DrawnBatches(rows, number, statistics.means, problem, together, normalize)
    generator = np.random.default_rng(seed)
    if count is None:
        count = int(min(max(_WORK / max(batches.work, 1.0), _FEWEST), _MOST))
    parts = [
        batches.added(generator, min(_TOGETHER, count - first))
        for first in range(0, count, _TOGETHER)
    ]
    added = np.concatenate(parts)
    error = float(added.std(ddof=1)) / math.sqrt(len(added)) if len(added) > 1 else math.inf
    value = evaluation.objective.base + evaluation.objective.above
    mean, gap = float(added.mean()), float(gap)
    return DrawnLoss(value + mean, gap + mean, mean, error, len(added), seed)
