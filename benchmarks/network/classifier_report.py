"""The table of networks with a classifier, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from .cells import PROFILES
from .classifier_cells import CONTROLS, LOADERS, ClassifierCell
from .report import NEAR, REQUIRED, markdown, number
from .results import ClassifierResult


def verdict(results: Sequence[ClassifierResult]) -> bool:
    """Whether enough networks have arrived: features and classifier together."""
    return _arrived(results) >= REQUIRED * len(results)


def report(results: Sequence[ClassifierResult]) -> str:
    """Return how many have arrived, and a row for each network, of several seeds the farthest."""
    groups: dict[ClassifierCell, list[ClassifierResult]] = {}
    for result in results:
        groups.setdefault(replace(result.cell, seed=0), []).append(result)
    rows = (_row(cell, groups[cell]) for cell in sorted(groups, key=_order))
    header = (
        "| images | profile | loader | control | seeds | means | classifier | both | logits "
        "| relative excess | of it within classes | NC1 | NC3 (optimum) | rare rows' cosine "
        "(optimum) | accuracy |"
    )
    arrived = f"{_arrived(results)} of {len(results)} networks are within {NEAR} of the optimum"
    return f"{arrived}, features and classifier together.\n\n{markdown(header, rows)}"


def _arrived(results: Iterable[ClassifierResult]) -> int:
    return sum(result.measured.joint <= NEAR for result in results)


def _order(cell: ClassifierCell) -> tuple[str, int, int, int, bool]:
    return (
        cell.images,
        list(CONTROLS).index(cell.control),
        list(PROFILES).index(cell.profile),
        LOADERS.index(cell.sampler),
        cell.relu,
    )


def _row(cell: ClassifierCell, results: Sequence[ClassifierResult]) -> list[str]:
    m = max((result.measured for result in results), key=lambda measured: measured.joint)
    share = m.spread / m.excess
    return [
        cell.images,
        cell.profile,
        cell.sampler,
        cell.control + (", ReLU" if cell.relu else ""),
        str(len(results)),
        *(number(distance) for distance in (m.means, m.classifier, m.joint, m.logits)),
        f"{m.excess:.1e}",
        f"{share:.0%}" if share <= 1 else "–",
        f"{m.collapse:.1e}",
        f"{m.self_duality:.3f} ({m.optimal_self_duality:.3f})",
        f"{m.rare_cosine:.4f} ({m.optimal_rare_cosine:.4f})",
        f"{m.accuracy:.1%}",
    ]
