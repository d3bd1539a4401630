"""Claims about the geometry of the optimum: collapse, simplex, blocks."""

from __future__ import annotations

import itertools

import numpy as np

import screlax
from screlax import UFM, Ball, Budget, Ridge, Sphere

from .finding import GRAM_TOLERANCE, Effort, Finding


def collapse(effort: Effort) -> Finding:
    """Descend on all n embeddings and measure how far samples are from their class mean."""
    cases = {
        "balanced": UFM([6] * 4, Ridge(0.1)),
        "step": UFM([10, 10, 3, 3], Sphere(1.0), 0.3),
        "long": UFM([16, 8, 4, 2], Ball(2.0)),
        "singleton": UFM([12, 6, 3, 1], Budget(1.0), 0.5),
    }
    worst, reached, starts = 0.0, 0, 0
    for problem in cases.values():
        landscape = screlax.survey_landscape(
            problem,
            [problem.classes + 1],
            starts=effort.starts // 2,
            level="samples",
            n_jobs=effort.jobs,
        )
        label = np.repeat(range(problem.classes), np.asarray(problem.class_sizes))
        for point in landscape.points:
            starts += 1
            if point.relative_gap <= 1e-8:
                reached += 1
                worst = max(worst, _within_class_share(point.embeddings, label))
    return Finding(
        "within-class collapse",
        f"{starts} descents on all samples, 4 problems; {reached} reach the optimum",
        f"√(tr Σ_W / tr Σ) ≤ {worst:.1e}",
        reached == starts and worst <= GRAM_TOLERANCE,
    )


def _within_class_share(embeddings: np.ndarray, label: np.ndarray) -> float:
    means = np.stack([embeddings[label == c].mean(axis=0) for c in range(label.max() + 1)])
    within = np.sum((embeddings - means[label]) ** 2)
    return float(np.sqrt(within / np.sum((embeddings - embeddings.mean(axis=0)) ** 2)))


def etf(effort: Effort) -> Finding:
    """Compare descents on balanced problems with the simplex equiangular tight frame."""
    worst, number, classes = 0.0, 0, set()
    for name, problem in effort.problems.items():
        if problem.class_sizes.orbits > 1:
            continue
        k = problem.classes
        classes.add(k)
        frame = (k * np.eye(k) - 1) / (k - 1)
        for point in effort.survey(name).points:
            gram = point.gram / np.linalg.norm(point.gram)
            worst = max(worst, float(np.linalg.norm(gram - frame / np.linalg.norm(frame))))
            number += 1
    return Finding(
        "balanced classes make a simplex ETF",
        f"{number} descents, k = {', '.join(map(str, sorted(classes)))}{effort.controls}",
        f"‖G/‖G‖ − ETF/‖ETF‖‖ ≤ {worst:.1e}",
        worst <= GRAM_TOLERANCE,
    )


def step(effort: Effort) -> Finding:
    """Measure how much the Gram entries of STEP problems vary within each of their blocks."""
    worst, number = 0.0, 0
    problems = {
        name: problem for name, problem in effort.problems.items() if name.startswith("step")
    }
    for name, problem in problems.items():
        sizes = np.asarray(problem.class_sizes)
        for point in effort.survey(name).points:
            worst = max(worst, _variation_in_blocks(point.gram, sizes))
            number += 1
    return Finding(
        "STEP imbalance makes blocks: two norms, three inner products",
        f"{number} descents, {len(problems)} problems{effort.controls}",
        f"entries of a block differ by ≤ {worst:.1e} of the largest",
        worst <= GRAM_TOLERANCE,
    )


def _variation_in_blocks(gram: np.ndarray, sizes: np.ndarray) -> float:
    worst = 0.0
    off_diagonal = ~np.eye(len(sizes), dtype=bool)
    for one, other in itertools.product(np.unique(sizes), repeat=2):
        block = (sizes[:, None] == one) & (sizes[None, :] == other)
        worst = max(worst, float(np.ptp(gram[block & off_diagonal])))
        if one == other:
            worst = max(worst, float(np.ptp(gram[block & ~off_diagonal])))
    return worst / float(np.abs(gram).max())
