"""Claims about local minima, saddles and the uniqueness of the optimum."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np

import screlax
from screlax import UFM, Ridge
from screlax.gram.geometry import embedding_distance

from .finding import GRAM_TOLERANCE, Effort, Finding


def minima(effort: Effort) -> Finding:
    """Descend from many starts with more dimensions than classes, and account for every end."""
    points = [point for name in effort.problems for point in effort.survey(name).points]
    missed = [point for point in points if point.relative_gap > 1e-8]
    kinds = Counter(point.classification for point in missed)
    explained = ", ".join(f"{count} {kind}" for kind, count in kinds.items()) or "no exception"
    reached = [point.relative_gap for point in points if point.relative_gap <= 1e-8]
    return Finding(
        "every local minimum is global for d > k",
        f"{len(points)} starts over {len(effort.problems)} problems, d = k + 1",
        f"{len(reached) / len(points):.3%} reach a certified gap ≤ 1e-8 (worst of these "
        f"{max(reached):.1e}); {explained}",
        bool(reached) and not kinds["spurious"],
    )


def dimensions(effort: Effort) -> Finding:
    """Ask what the theorem leaves open: the dimensions from the rank of the optimum up to k."""
    enough: list[float] = []
    at_rank: Counter[str] = Counter()
    for problem in effort.problems.values():
        k, rank = problem.classes, screlax.solve_relaxation(problem).rank
        dims = sorted({rank, k - 1, k})
        landscape = screlax.survey_landscape(
            problem, dims, starts=effort.starts, n_jobs=effort.jobs
        )
        for point in landscape.points:
            if point.dim >= k - 1:
                enough.append(point.relative_gap)
            else:
                at_rank[point.classification] += 1
    reached = sum(gap <= 1e-8 for gap in enough)
    return Finding(
        "(no theorem) d = k − 1 and d = k suffice as well; d = rank G* need not",
        f"{len(enough)} starts at d = k − 1 and k; {sum(at_rank.values())} at d = rank G* < k − 1",
        f"{reached / len(enough):.3%} global at k − 1 and k (worst gap {max(enough):.1e}); at the "
        f"rank {at_rank['spurious']} spurious local minima, {at_rank['global']} global",
        reached == len(enough),
    )


def saddles(effort: Effort) -> Finding:
    """Give local minima of too few dimensions more of them: none may stay a minimum."""
    kinds: Counter[str] = Counter()
    least, descending = np.inf, 0
    for problem in effort.problems.values():
        rank = screlax.solve_relaxation(problem).rank
        for dim in {1, rank // 2, rank - 1} - {0, rank}:
            for point in screlax.survey_landscape(
                problem, [dim], starts=max(1, effort.starts // 10)
            ).points:
                padded = np.pad(point.embeddings, ((0, 0), (0, problem.classes + 1 - dim)))
                found = screlax.check_second_order(problem, padded)
                kinds[found.classification] += 1
                descending += found.direction is not None
                least = min(least, -found.smallest_eigenvalue)
    total = sum(kinds.values())
    return Finding(
        "a minimum of too few dimensions is a strict saddle once there are more than k",
        f"{total} ends of descents at d < rank G*, padded with zeros to k + 1",
        f"{kinds['strict saddle']} strict saddles, {descending} with a direction seen to descend; "
        f"eigenvalues ≤ {-least:.1e}",
        kinds["strict saddle"] == descending == total,
    )


def uniqueness(effort: Effort) -> Finding:
    """Compare all that reached the optimum with each other and with the relaxation's solution."""
    worst, where, pairs = 0.0, "", 0
    for name in effort.problems:
        landscape = effort.survey(name)
        reached = [point.embeddings for point in landscape.points if point.relative_gap <= 1e-8]
        optimum = landscape.solution.embeddings(landscape.dims[0]).vectors
        own = float(embedding_distance(optimum, np.stack(reached)).max())
        deviation = max(float(landscape.table()["gram_distance"][0]), own)
        worst, where = max((worst, where), (deviation, name))
        pairs += len(reached) * (len(reached) + 1) // 2
    return Finding(
        "the optimum is unique up to rotation",
        f"{pairs:,} pairs that reached it, and G* itself",
        f"‖G/‖G‖ − G'/‖G'‖‖ ≤ {worst:.1e} ({where})",
        worst <= GRAM_TOLERANCE,
    )


def zero(effort: Effort) -> Finding:
    """Classify H = 0 on both sides of λ_max; its Hessian is (λ − λ_max) per sample."""
    wrong, worst, tested = 0, 0.0, 0
    for problem, share in itertools.product(
        effort.problems.values(), (0.1, 0.5, 0.9, 0.99, 1.01, 2.0)
    ):
        threshold = problem.zero_threshold()
        ridge = UFM(problem.class_sizes, Ridge(share * threshold), problem.temperature)
        for dim in (1, problem.classes + 1):
            found = screlax.check_second_order(ridge, np.zeros((problem.classes, dim)))
            kind = "strict saddle" if share < 1 else "global"
            wrong += found.classification != kind
            crossing = share * threshold - found.smallest_eigenvalue
            worst = max(worst, abs(crossing / threshold - 1))
            tested += 1
    return Finding(
        "H = 0 is a strict saddle below λ_max and the optimum above",
        f"{tested} checks: λ/λ_max from 0.1 to 2, d = 1 and k + 1",
        f"{wrong} misclassified; λ at which the Hessian turns singular off λ_max by {worst:.1e}",
        wrong == 0 and worst <= 1e-8,
    )
