"""`compare`: how close embeddings, of a network or of any other origin, are to the optimum."""

from __future__ import annotations

import logging
import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any, overload

import numpy as np

from ..analysis.embedding import recover_embeddings
from ..checks import check_choice, check_kind
from ..errors import InvalidInputError
from ..gram.geometry import gram_distance
from ..problem.ufm import UFM
from ..solution.solution import Solution
from .agreement import agreement_of
from .alignment import align
from .classifier import ClassifierMetrics, classifier_metrics_of
from .classifier_input import as_classifier
from .given import rows_and_labels, usable_statistics
from .logits_reading import check_bias, read_logits
from .metrics import CollapseMetrics, collapse_metrics
from .reading import Given, read_out
from .recipe import Recipe
from .result import Comparison
from .row_facts import row_facts
from .side_by_side import per_class_of, sample_distance
from .size_groups import size_groups

LOSSES = ("auto", "samples", "class-means", "none")
SCALES = ("free", "fixed")

_LOG = logging.getLogger(__name__)


@overload
def compare(
    embeddings: Any,
    labels: Any = ...,
    solution: Solution = ...,
    *,
    loss: str = ...,
    scale: str = ...,
    normalize: bool = ...,
    agreement: bool = ...,
    classifier: Any = ...,
    bias: Any = ...,
    draws: int | None = ...,
    seed: int = ...,
    search: bool = ...,
) -> Comparison: ...


@overload
def compare(
    embeddings: Any,
    labels: Any = ...,
    solution: Sequence[Solution] = ...,
    *,
    loss: str = ...,
    scale: str = ...,
    normalize: bool = ...,
    agreement: bool = ...,
    classifier: Any = ...,
    bias: Any = ...,
    draws: int | None = ...,
    seed: int = ...,
    search: bool = ...,
) -> list[Comparison]: ...


def compare(
    embeddings: Any,
    labels: Any = None,
    solution: Solution | Sequence[Solution] | None = None,
    *,
    loss: str = "auto",
    scale: str = "free",
    normalize: bool = False,
    agreement: bool = True,
    classifier: Any = None,
    bias: Any = None,
    draws: int | None = None,
    seed: int = 0,
    search: bool = True,
) -> Comparison | list[Comparison]:
    """Measure embeddings against the certified optimum for their classes.

    Embeddings are read in blocks, several times; memory does not grow with their number when they
    come from a file or a memory map. Those in chunks (dask and zarr arrays, several files) are read
    by tasks of Dask's active scheduler, a cluster where there is a `distributed.Client`: a worker
    holds a block a thread, and class statistics are merged; here are class numbers, one for each
    sample, k×k and k×d numbers. Everything is that of one array up to rounding, but for batches,
    which are not drawn.

    Parameters
    ----------
    embeddings : array-like, torch tensor or path, shape (n, d)
        One row per sample; .npy files are memory-mapped, .npz files hold one array or one that is
        called embeddings or features. In chunks: a dask array, a dask frame, whose index has to be
        that of its labels, a zarr array, a list of .npy files one below the other, or a folder of
        them, in the order of their names, or a zarr store. With a loss of V views also shape
        (n, V, d), the layout of SupContrast: every view counts as an embedding. Only there a loss
        is evaluated by samples that draws the views of one sample together (`InstanceMix`). Another
        number of views is taken as well, and flagged.
    labels : array-like, torch tensor or path, shape (n,), optional
        Labels of the problem's classes (`problem.class_labels`, or class numbers from 0). A dask or
        zarr array, a list of .npy files or a folder of them is loaded as a whole. None stands for
        those in the file of the embeddings, of several arrays or columns:
        ``compare("run.npz", solution=solution)``.
    solution : Solution, or sequence of Solution
        The optimum to compare with, of whatever loss its problem has: the objective is evaluated by
        that loss, which the result names, not by the one the embeddings were made with. Distances
        and the alignment are of Gram matrices, which say nothing of the signs of embeddings. Class
        counts need not be those of the problem (a test set, a subset), but every class must have a
        sample. With several, of different losses or samplers, say, there is a comparison with each:
        which recipe explains these embeddings best.
    loss : {"auto", "samples", "class-means", "none"}
        What to evaluate the objective at; see `LossGap`. Nothing by "auto" where the embeddings of
        the problem are nonnegative and these are not. "auto" is the samples, or the class means
        where the counts are not those of all embeddings of the problem, views and prototypes
        included (`problem.points`), or there are more than 20,000 samples; more than 3,000 under a
        loss with prototypes or of one's own. Of samples in chunks it takes every pair of blocks, a
        time that grows with n², and a number or two for each sample here.
    scale : {"free", "fixed"}
        Whether the Procrustes alignment may rescale the embeddings.
    normalize : bool, default False
        Divide each embedding by its norm first, as a loss on normalised features does.
    agreement : bool, default True
        Whether to compute the nearest-class-mean agreement, which reads the embeddings again.
    classifier : array-like, torch tensor or path, shape (k, d), optional
        Weights of a linear classifier on the embeddings, as they are compared (after `normalize`),
        a row for each class in the order of the problem; an .npz file with arrays weight and bias
        gives both. `Comparison.classifier` then measures it; reads the embeddings again. With an
        optimum of cross-entropy objective and logits are with it, and `Comparison.logits` sets both
        beside the optimum; without one, with the classifier that is best for the class means.
    bias : array-like or torch tensor, shape (k,), optional
        Its biases, by default zero.
    draws : int, optional
        Batches to draw for the expected loss of mini-batches at embeddings that have not collapsed
        (`DrawnLoss`); by default as many as take about a second, with 0 none. At class means that
        loss is known exactly.
    seed : int, default 0
        Of `numpy.random.default_rng`, for these batches.
    search : bool, default True
        Whether to solve for other optima on the spot: of nonnegative features where no entry is
        negative, at other temperatures where this optimum is far and the slack-vector equations
        hold (up to 2,000 classes; else see `fit_control`), and of the embeddings' dimension where
        that is below the rank.

    Returns
    -------
    Comparison, or list of Comparison
        The list with the nearest optimum first, by `gram_distance`.

    Raises
    ------
    InvalidInputError
        If lengths differ, a class has no sample, a label is no class of the problem, an entry is
        negative where the objective is that of nonnegative features, an entry is not finite, all
        class means are zero, or a classifier has another shape, or a bias that its loss has not.
    ProblemTooLargeError
        If the k×k Gram matrices do not fit in memory.

    Examples
    --------
    >>> import screlax
    >>> solution = screlax.solve_relaxation([20, 5], control=screlax.Sphere(1.0), temperature=0.5)
    >>> best = solution.embeddings().vectors.repeat([20, 5], axis=0)
    >>> screlax.compare(best, [0] * 20 + [1] * 5, solution).gram_distance < 1e-9
    True
    """
    check_choice(loss, "loss", LOSSES)
    check_choice(scale, "scale", SCALES)
    several = isinstance(solution, Sequence) and bool(solution)
    optima: Any = solution if several else [solution]
    if draws and (loss == "none" or not any(_has_batches(one) for one in optima)):
        because = "with loss='none'" if loss == "none" else "on optima of no mini-batches"
        raise InvalidInputError(f"draws={draws!r} has no effect {because}; leave it out")
    measured: dict[Hashable, _Measured] = {}
    found, drawing = [], bool(draws) and any(_has_batches(one) for one in optima)
    for one in optima:
        check_kind(one, Solution, "solution")
        key = one.problem.class_labels, one.problem.classes, one.problem.loss.view_count
        if key not in measured:  # the same for optima of the same classes
            measured[key] = _measured(
                one.problem, embeddings, labels, normalize, agreement, (classifier, bias), drawing
            )
        read = {"how": loss, "draws": draws, "seed": seed, "search": search}
        found.append(_compared(measured[key], one, scale, read))
    for one in found:
        _LOG.info("%r", one)
    return _nearest_first(found) if several else found[0]


@dataclass(frozen=True, eq=False)
class _Measured:
    """What is known of embeddings whatever the optimum."""

    given: Given
    metrics: CollapseMetrics
    classifier: ClassifierMetrics | None
    agreement: float | None


def _measured(
    problem: UFM,
    embeddings: Any,
    labels: Any,
    normalize: bool,
    agreement: bool,
    classifier: tuple[Any, Any],
    drawing: bool,
) -> _Measured:
    """Read embeddings in the classes of a problem, and measure them."""
    rows, labels, together = rows_and_labels(embeddings, labels, problem.loss, any_views=True)
    if drawing and rows.array is None:
        raise InvalidInputError(
            "draws: no batches are drawn of embeddings in chunks, over which the samples of a "
            "batch are scattered; leave draws out, or give the embeddings as one file or array"
        )
    linear = as_classifier(*classifier, problem.classes, rows.shape[1])
    check_bias(problem, linear)
    number, statistics = usable_statistics(problem, rows, labels, normalize=normalize)
    facts = row_facts(rows, number, statistics, normalize=normalize)
    class_gram = statistics.means @ statistics.means.T
    return _Measured(
        Given(rows, number, statistics, facts, together, normalize, class_gram, linear),
        collapse_metrics(statistics),
        None
        if linear is None
        else classifier_metrics_of(rows, number, statistics, *linear, normalize=normalize),
        agreement_of(rows, number, statistics, normalize=normalize) if agreement else None,
    )


def _compared(
    measured: _Measured, solution: Solution, scale: str, read: dict[str, Any]
) -> Comparison:
    """Set what was measured beside an optimum."""
    problem, given = solution.problem, measured.given
    rows, statistics, class_gram = given.rows, given.statistics, given.class_gram
    optimal_gram = solution.class_gram
    # up to a rotation, which is taken out: of any sign, also where features are nonnegative
    optimum = recover_embeddings(optimal_gram, tolerance=solution.rank_tolerance).vectors
    if not optimal_gram.any():
        raise InvalidInputError(
            f"the optimum is zero ({problem.control.name} at or above λ_max), so nothing can be "
            "compared with it; solve with a smaller λ"
        )
    alignment = align(statistics.means, optimum, free_scale=scale == "free")
    distance = gram_distance(class_gram, optimal_gram)
    reader = read_logits if problem.loss.has_classifier else read_out
    reading = reader(given, solution, distance, **read)
    return Comparison(
        verdict=reading.verdict,
        flags=reading.flags,
        recipe=Recipe.of(solution),
        optimum_of=problem.description,
        samples=len(rows),
        classes=problem.classes,
        dim=rows.shape[1],
        same_counts=any(
            np.array_equal(statistics.counts, np.asarray(sizes))
            for sizes in (problem.class_sizes, problem.points)
        ),
        loss=reading.loss,
        decision=reading.decision,
        split=reading.split,
        drawn=reading.drawn,
        gram_distance=distance,
        sample_gram_distance=(
            sample_distance(statistics, optimal_gram) if solution.collapses else math.nan
        ),
        residual=alignment.residual,
        scale=alignment.scale,
        rotation=alignment.rotation,
        per_class=per_class_of(problem, statistics, class_gram, optimal_gram, alignment),
        groups=size_groups(np.asarray(problem.class_sizes), statistics, class_gram, optimal_gram),
        metrics=measured.metrics,
        classifier=measured.classifier,
        nearest_mean_agreement=measured.agreement,
        class_gram=class_gram,
        optimal_gram=optimal_gram,
        logits=reading.logits,
    )


def _has_batches(solution: Any) -> bool:
    return isinstance(solution, Solution) and solution.problem.batches is not None


def _nearest_first(found: list[Comparison]) -> list[Comparison]:
    """Return comparisons in order of distance; the verdict on all but the first names that."""
    nearest, *others = sorted(found, key=lambda comparison: comparison.gram_distance)
    words = f"The optimum of {nearest.recipe}, also given, is nearer: {nearest.gram_distance:.2g}."
    return [nearest, *(replace(other, verdict=other.verdict.also(words)) for other in others)]
