"""Neural-collapse metrics of embeddings alone, from their class statistics."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from ..checks import check_kind
from ..io.tables import text_lines
from ..short_repr import short_repr
from ..types import Matrix, Vector
from .centred import CentredMetrics, about_centres, centred_metrics, grams_of
from .frame import mean, ratio, squared_distances
from .ranks import ranks_of
from .statistics import ClassStatistics

_CENTRES = ("class_centred", "sample_centred", "uncentred")


@short_repr
@dataclass(frozen=True)
class CollapseMetrics:
    """How far embeddings have collapsed, and onto what.

    Papers differ in the centre, which matters where classes have different sizes: the mean of the
    class means, the mean of all samples, or zero, which is what SC sees. So all three are here.
    NaN where a metric is not defined: one class, or for angles a mean at the centre.

    Attributes
    ----------
    class_centred : CentredMetrics
        About μ = (1/k) Σ_c μ_c, every class counting the same.
    sample_centred : CentredMetrics
        About μ = (1/n) Σ_i h_i.
    uncentred : CentredMetrics
        About μ = 0.
    trace_ratio_by_samples : float
        tr Σ_W/tr Σ_B where samples count in both: Σ_i ‖h_i − μ_{y_i}‖² over Σ_c n_c ‖μ_c − μ‖²,
        μ the mean of all samples, as in discriminant analysis.
    trace_ratio_by_classes : float
        The same where classes count in both: Σ_c v_c over Σ_c ‖μ_c − μ‖², v_c the mean squared
        distance from μ_c and μ the mean of the class means.
    class_distance_variance : float
        Mean over pairs of classes of (v_a + v_b)/(2‖μ_a − μ_b‖²) (CDNV of Galanti, György and
        Hutter 2022, ICLR).
    alignment : float
        Mean of ‖h_i − h_j‖² over pairs of samples of one class (Wang and Isola 2020, ICML, with
        their α = 2; they take embeddings of norm one).
    rank : int
        Singular values of the matrix of class means above 1e-3 of the largest.
    effective_rank : float
        exp of the entropy of its normalised singular values (Roy and Vetterli 2007, EUSIPCO).
    effective_rank_of_gram : float
        The same of the Gram matrix: of its normalised squared singular values.
    stable_rank : float
        Its squared Frobenius norm over the largest squared singular value (Rudelson and Vershynin
        2007, Journal of the ACM 54).

    Examples
    --------
    >>> import numpy as np
    >>> from screlax.geometry import class_statistics, collapse_metrics
    >>> simplex = np.eye(3) - 1 / 3
    >>> rows, labels = np.repeat(simplex, 4, axis=0), np.repeat(range(3), 4)
    >>> metrics = collapse_metrics(class_statistics(rows, labels))
    >>> metrics.rank, round(metrics.effective_rank, 6), round(metrics.class_centred.equinorm, 6)
    (2, 2.0, 0.0)
    """

    class_centred: CentredMetrics
    sample_centred: CentredMetrics
    uncentred: CentredMetrics
    trace_ratio_by_samples: float
    trace_ratio_by_classes: float
    class_distance_variance: float
    alignment: float
    rank: int
    effective_rank: float
    effective_rank_of_gram: float
    stable_rank: float

    @property
    def within_between(self) -> float:
        """NC1 as it is most often reported: that of `class_centred`."""
        return self.class_centred.within_between

    @property
    def trace_ratio(self) -> float:
        """Ratio of traces as it is most often reported: that of `class_centred`."""
        return self.class_centred.trace_ratio

    def columns(self) -> dict[str, float]:
        """Return all numbers by name, those about a centre as `class_centred_equinorm`, say.

        Examples
        --------
        >>> import numpy as np
        >>> from screlax.geometry import class_statistics, collapse_metrics
        >>> found = collapse_metrics(class_statistics(np.eye(3), range(3)))
        >>> round(found.columns()["uncentred_orthogonal_distance"], 6)
        0.0
        """
        about = {
            f"{centre}_{name}": value
            for centre in _CENTRES
            for name, value in asdict(getattr(self, centre)).items()
        }
        return about | self._others()

    def _others(self) -> dict[str, float]:
        return {name: value for name, value in vars(self).items() if name not in _CENTRES}

    def table(self) -> str:
        """Return all numbers as text: a column for each centre, then those that have none.

        Examples
        --------
        >>> import numpy as np
        >>> from screlax.geometry import class_statistics, collapse_metrics
        >>> found = collapse_metrics(class_statistics(np.eye(3), range(3)))
        >>> found.table().splitlines()[0].split()
        ['class', 'means', 'class-centred', 'sample-centred', 'uncentred']
        """
        about = [vars(getattr(self, centre)) for centre in _CENTRES]
        rows = [[_shown(name), *(f"{each[name]:.6g}" for each in about)] for name in about[0]]
        others = [f"{_shown(name):<34} {value:.6g}" for name, value in self._others().items()]
        header = ["class means", *(centre.replace("_", "-") for centre in _CENTRES)]
        return "\n".join([*text_lines(header, rows), *others])


def collapse_metrics(statistics: ClassStatistics) -> CollapseMetrics:
    """Compute the metrics of the classes that have samples.

    Parameters
    ----------
    statistics : ClassStatistics
        With the scatter matrix, or `within_between` is NaN.

    Examples
    --------
    >>> import numpy as np
    >>> from screlax.geometry import class_statistics, collapse_metrics
    >>> frame = np.repeat(np.eye(3), 4, axis=0)  # an orthogonal frame, four samples a class
    >>> metrics = collapse_metrics(class_statistics(frame, np.repeat(range(3), 4)))
    >>> metrics.uncentred.orthogonal_distance, round(metrics.class_centred.simplex_distance, 6)
    (0.0, 0.0)
    >>> round(metrics.within_between, 6)
    0.0
    """
    check_kind(statistics, ClassStatistics, "statistics")
    present = statistics.present
    counts, means = statistics.counts[present], statistics.means[present]
    traces = statistics.within_traces[present]
    placed = about_centres(means, counts)
    grams = grams_of(placed)
    about = centred_metrics(placed, grams, counts, traces, statistics.within)
    variances = traces / counts
    squares = [np.diagonal(gram) for gram in grams]
    ranks = ranks_of(means, grams[2])
    return CollapseMetrics(
        *about,
        trace_ratio_by_samples=ratio(float(traces.sum()), float(counts @ squares[1])),
        trace_ratio_by_classes=ratio(float(variances.sum()), float(squares[0].sum())),
        class_distance_variance=_class_distance_variance(variances, placed[0], grams[0]),
        alignment=_alignment(traces, counts),
        rank=ranks.rank,
        effective_rank=ranks.effective_rank,
        effective_rank_of_gram=ranks.effective_rank_of_gram,
        stable_rank=ranks.stable_rank,
    )


def _shown(name: str) -> str:
    return name.replace("_", " ")


def _class_distance_variance(variances: Vector, rows: Matrix, gram: Matrix) -> float:
    first, second = np.triu_indices(len(rows), 1)
    squares = squared_distances(rows, gram)[first, second]
    with np.errstate(divide="ignore", invalid="ignore"):
        return mean((variances[first] + variances[second]) / (2 * squares))


def _alignment(traces: Vector, counts: NDArray[np.int64]) -> float:
    """Return the mean over ordered pairs: those of class c add up to 2 n_c Σ ‖h_i − μ_c‖²."""
    pairs = counts.astype(float) * (counts - 1)
    return ratio(float(2 * counts @ traces), float(pairs.sum()))
