"""A linear classifier on the embeddings: how it stands to the class means, and what it decides."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks import check_kind
from ..gram.geometry import angles_between, gram_distance
from ..io.arrays import as_embeddings
from ..io.tables import text_lines
from ..short_repr import short_repr
from ..types import Matrix, Vector
from .centred import about_centres
from .decisions import decide
from .frame import FrameMetrics, frame_metrics
from .rows import HeldRows, Rows
from .statistics import ClassStatistics

_CENTRES = ("class_centred", "sample_centred", "uncentred")


@dataclass(frozen=True)
class DualityMetrics:
    """Rows w_c of a classifier W against class means less a centre, μ_c − μ, the rows of M.

    Zero is self-duality, but for `mean_cosine`, where it is one. NaN where W or M is zero, or for
    angles one of their rows.

    Attributes
    ----------
    self_duality : float
        NC3, ‖W/‖W‖_F − M/‖M‖_F‖_F (Papyan, Han and Donoho 2020, PNAS 117, figure 5; their
        published code reports its square).
    structure_distance : float
        ‖W Mᵀ/‖W Mᵀ‖_F − E/‖E‖_F‖_F, E = I − 11ᵀ/k that of a simplex ETF (NC3 of Zhu et al. 2021,
        NeurIPS; Kothapalli 2023, TMLR).
    mean_cosine, cosine_deviation : float
        Mean over classes of cos(w_c, μ_c − μ), and its standard deviation, zero for uniform duality
        (UNC3 of Wu and Papyan 2024, NeurIPS).
    mean_angle, largest_angle : float
        Over classes, the angle between w_c and μ_c − μ, in degrees.

    Examples
    --------
    >>> import numpy as np
    >>> from screlax.geometry import class_statistics, classifier_metrics
    >>> rows, number = np.eye(3).repeat(2, axis=0), np.repeat([0, 1, 2], 2)
    >>> statistics = class_statistics(rows, number)
    >>> found = classifier_metrics(rows, number, statistics, np.eye(3) - 1 / 3)
    >>> round(found.class_centred.self_duality, 6), round(found.uncentred.largest_angle, 2)
    (0.0, 35.26)
    """

    self_duality: float
    structure_distance: float
    mean_cosine: float
    cosine_deviation: float
    mean_angle: float
    largest_angle: float


@short_repr
@dataclass(frozen=True, eq=False)
class ClassifierMetrics:
    """A linear classifier h ↦ argmax_c ⟨w_c, h⟩ + b_c against the embeddings.

    Attributes
    ----------
    class_centred, sample_centred, uncentred : DualityMetrics
        Against class means less the mean of the class means, less that of all samples, and as they
        are.
    frame : FrameMetrics
        Norms and angles of its rows, with no centre taken off (NC2 of Papyan et al. 2020).
    norms : ndarray, shape (k,)
        ‖w_c‖.
    agreement : float
        NC4: share of samples that it gives to the class whose mean is nearest (Papyan et al. 2020
        report the others).
    accuracy, balanced_accuracy : float
        Share of samples that it gives to their own class, and the mean of that share over classes.

    Examples
    --------
    >>> import numpy as np
    >>> from screlax.geometry import class_statistics, classifier_metrics
    >>> rows, number = np.array([[2.0, 0.0], [1.0, 0.0], [-1.0, 0.0]]), np.array([0, 0, 1])
    >>> found = classifier_metrics(rows, number, class_statistics(rows, number), rows[[0, 2]])
    >>> found.agreement, found.accuracy, found.norms
    (1.0, 1.0, array([2., 1.]))
    """

    class_centred: DualityMetrics
    sample_centred: DualityMetrics
    uncentred: DualityMetrics
    frame: FrameMetrics
    norms: Vector
    agreement: float
    accuracy: float
    balanced_accuracy: float

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-ready data.

        Examples
        --------
        >>> import numpy as np
        >>> from screlax.geometry import class_statistics, classifier_metrics
        >>> found = class_statistics(np.eye(2), [0, 1])
        >>> record = classifier_metrics(np.eye(2), np.arange(2), found, 3 * np.eye(2)).to_dict()
        >>> record["norms"], record["agreement"]
        ([3.0, 3.0], 1.0)
        """
        return asdict(self) | {"norms": self.norms.tolist()}

    def columns(self) -> dict[str, float]:
        """Return all numbers that are not one per class by name: `classifier_agreement`, say.

        Examples
        --------
        >>> import numpy as np
        >>> from screlax.geometry import class_statistics, classifier_metrics
        >>> found = class_statistics(np.eye(2), [0, 1])
        >>> measured = classifier_metrics(np.eye(2), np.arange(2), found, 3 * np.eye(2))
        >>> round(measured.columns()["classifier_class_centred_largest_angle"], 2)
        45.0
        """
        decided = {
            "agreement": self.agreement,
            "accuracy": self.accuracy,
            "balanced_accuracy": self.balanced_accuracy,
        }
        groups = {f"{centre}_": vars(getattr(self, centre)) for centre in _CENTRES}
        groups |= {"frame_": vars(self.frame), "": decided}
        return {
            f"classifier_{group}{name}": value
            for group, numbers in groups.items()
            for name, value in numbers.items()
        }

    def table(self) -> str:
        """Return the numbers as text.

        Examples
        --------
        >>> import numpy as np
        >>> from screlax.geometry import class_statistics, classifier_metrics
        >>> found = class_statistics(np.eye(2), [0, 1])
        >>> text = classifier_metrics(np.eye(2), np.arange(2), found, 3 * np.eye(2)).table()
        >>> text.splitlines()[-1].split()
        ['classifier', 'balanced', 'accuracy', '1']
        """
        about = [vars(getattr(self, centre)) for centre in _CENTRES]
        rows = [[_shown(name), *(f"{each[name]:.6g}" for each in about)] for name in about[0]]
        header = ["classifier", *(centre.replace("_", "-") for centre in _CENTRES)]
        others = vars(self.frame) | {
            "smallest norm": self.norms.min(),
            "largest norm": self.norms.max(),
            "agreement": self.agreement,
            "accuracy": self.accuracy,
            "balanced accuracy": self.balanced_accuracy,
        }
        lines = [f"{'classifier ' + _shown(name):<34} {v:.6g}" for name, v in others.items()]
        return "\n".join([*text_lines(header, rows), *lines])


def classifier_metrics(
    embeddings: NDArray[Any],
    number: NDArray[np.int64],
    statistics: ClassStatistics,
    weights: Matrix,
    bias: Vector | None = None,
    *,
    normalize: bool = False,
) -> ClassifierMetrics:
    """Measure a linear classifier; reads the embeddings once more.

    Parameters
    ----------
    embeddings : ndarray, shape (n, d)
    number : ndarray of int, shape (n,)
        Class number of each sample.
    statistics : ClassStatistics
        Of the same embeddings. Classes without samples have no part but as decisions.
    weights : ndarray, shape (k, d)
        A row for each class.
    bias : ndarray, shape (k,), optional
        By default zero.
    normalize : bool, default False
        Whether to divide each embedding by its norm first, as in the statistics.

    Examples
    --------
    >>> import numpy as np
    >>> from screlax.geometry import class_statistics, classifier_metrics
    >>> rows, number = np.array([[2.0, 0.0], [1.0, 0.0], [-1.0, 0.0]]), np.array([0, 0, 1])
    >>> statistics = class_statistics(rows, number)
    >>> weights, bias = np.array([[1.0, 0.0], [-1.0, 0.0]]), np.array([-3.0, 0.0])
    >>> round(classifier_metrics(rows, number, statistics, weights, bias).accuracy, 6)
    0.666667
    """
    check_kind(statistics, ClassStatistics, "statistics")
    rows = HeldRows(as_embeddings(embeddings))
    return classifier_metrics_of(rows, number, statistics, weights, bias, normalize=normalize)


def classifier_metrics_of(
    rows: Rows,
    number: NDArray[np.int64],
    statistics: ClassStatistics,
    weights: Matrix,
    bias: Vector | None,
    *,
    normalize: bool,
) -> ClassifierMetrics:
    """Measure a linear classifier on rows, wherever they are."""
    present = statistics.present
    chosen = weights[present]
    chosen = chosen / (np.abs(chosen).max() or 1.0)
    centres = about_centres(statistics.means[present], statistics.counts[present])
    first, second, third = (duality_metrics(chosen, means) for means in centres)
    made = decide(rows, number, statistics, weights, bias, normalize=normalize)
    return ClassifierMetrics(
        class_centred=first,
        sample_centred=second,
        uncentred=third,
        frame=frame_metrics(chosen),
        norms=np.linalg.norm(weights, axis=1),
        agreement=made.agreeing / len(rows),
        accuracy=float(made.right.sum() / len(rows)),
        balanced_accuracy=float((made.right[present] / statistics.counts[present]).mean()),
    )


def duality_metrics(weights: Matrix, means: Matrix) -> DualityMetrics:
    """Compare rows of a classifier with class means, both of shape (k, d)."""
    k, size = len(means), float(np.abs(means).max())
    if k < 2 or size == 0 or not weights.any():
        return DualityMetrics(*[float("nan")] * 6)
    means = means / size
    across = weights @ means.T
    angles = angles_between(weights, means)
    cosines = np.cos(np.radians(angles))
    return DualityMetrics(
        self_duality=float(
            np.linalg.norm(weights / np.linalg.norm(weights) - means / np.linalg.norm(means))
        ),
        structure_distance=(
            gram_distance(across, np.eye(k) - 1 / k) if across.any() else float("nan")
        ),
        mean_cosine=float(cosines.mean()),
        cosine_deviation=float(cosines.std()),
        mean_angle=float(angles.mean()),
        largest_angle=float(angles.max()),
    )


def _shown(name: str) -> str:
    return name.replace("_", " ")
