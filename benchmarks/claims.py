"""The theory's claims, each measured: claim, worst deviation, verdict.

    python benchmarks/claims.py                # all of them
    python benchmarks/claims.py tightness etf  # some of them

Claims: Behnia and Thrampoulidis, ISIT 2024 (arXiv 2402.18884), and what follows from them for the
programs that screlax solves. The verdict is "holds" where the deviation is at most the bound in the
code: 1e-12 to 1e-8 where numbers are compared directly, `GRAM_TOLERANCE` where geometries are.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from claims_problems import PROBLEMS

import screlax
from screlax import UFM, Ball, Budget, Ridge, Sphere
from screlax.bench.provenance import provenance_line
from screlax.gram.geometry import embedding_distance

STARTS = 50
JOBS = 2
GRAM_TOLERANCE = 1e-5
"""On normalised Gram matrices: a relative gap of ε = 2e-16, all that values can show, leaves them
uncertain by √(ε c), with c up to 1e5 where the objective is flat at the optimum (weak ridge)."""


@dataclass(frozen=True)
class Finding:
    """One row of the table."""

    claim: str
    tested: str
    deviation: str
    holds: bool


@functools.cache
def survey(name: str) -> screlax.Landscape:
    """Descend from random starts in dimension k + 1."""
    problem = PROBLEMS[name]
    return screlax.survey_landscape(problem, [problem.classes + 1], starts=STARTS, n_jobs=JOBS)


# ----------------------------------------------------------------------------- the relaxation


def tightness() -> Finding:
    """Compare the loss of embeddings, written for embeddings, with the bound of the relaxation."""
    worst, where = 0.0, ""
    for name, problem in PROBLEMS.items():
        solution = screlax.solve_relaxation(problem)
        embeddings = solution.embeddings(solution.rank).vectors
        value = _objective_of_samples(problem, embeddings)
        deviation = max(abs(value / solution.lower - 1), _infeasibility(problem, embeddings))
        worst, where = max((worst, where), (deviation, name))
    return Finding(
        "tight: embeddings of dimension rank G* attain the certified lower bound",
        f"{len(PROBLEMS)} problems; the SC loss of all n embeddings",
        f"{worst:.1e} of the value ({where})",
        worst <= 1e-12,
    )


def _objective_of_samples(problem: UFM, class_embeddings: np.ndarray) -> float:
    labels = np.repeat(range(problem.classes), np.asarray(problem.class_sizes))
    embeddings = class_embeddings[labels]
    value = screlax.supcon_loss(
        embeddings, labels, temperature=problem.temperature, reduction="sum"
    )
    if isinstance(problem.control, Ridge):
        value += problem.control.strength / 2 * np.sum(embeddings**2)
    return float(value)


def _infeasibility(problem: UFM, class_embeddings: np.ndarray) -> float:
    squares = np.sum(class_embeddings**2, axis=1)
    bound = problem.control.parameter
    if isinstance(problem.control, Ball):
        return max(0.0, float(squares.max()) / bound - 1)
    if isinstance(problem.control, Sphere):
        return float(np.abs(squares / bound - 1).max())
    if isinstance(problem.control, Budget):
        mean = float(np.average(squares, weights=np.asarray(problem.class_sizes)))
        return max(0.0, mean / bound - 1)
    return 0.0


def reductions() -> Finding:
    """Solve the same problems at three levels with three solvers."""
    sizes = {
        "balanced": [4] * 3,
        "step": [6, 6, 2, 2],
        "long": [9, 5, 3, 2],
        "single": [6, 4, 2, 1],
    }
    controls = (Ridge(0.1), Ball(1.0), Sphere(1.0), Budget(1.0))
    exact, conic, disagreements, solved = 0.0, 0.0, 0, 0
    for counts, control in itertools.product(sizes.values(), controls):
        problem = UFM(counts, control, 0.8)
        reference = screlax.solve_relaxation(problem)
        for solver, level in itertools.product(
            ("native", "CLARABEL", "SCS"), ("samples", "classes", "orbits")
        ):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", screlax.InaccurateWarning)
                other = screlax.solve_relaxation(problem, solver=solver, level=level)
            solved += 1
            deviation = abs(other.upper / reference.upper - 1)
            if solver == "native":
                exact = max(exact, deviation)
            else:
                conic = max(conic, deviation)
            rounding = 1e-13 * reference.upper
            disagreements += not (
                other.lower <= reference.upper + rounding
                and reference.lower <= other.upper + rounding
            )
    return Finding(
        "samples, classes and orbits are the same program",
        f"{solved} solves: 16 problems × 3 levels × native, Clarabel, SCS",
        f"values differ by {exact:.1e} (native), {conic:.1e} (conic); "
        f"{disagreements} pairs of certified intervals do not overlap",
        disagreements == 0 and exact <= 1e-9,
    )


# ------------------------------------------------------------------------------- the landscape


def minima() -> Finding:
    """Descend from many starts with more dimensions than classes, and account for every end."""
    points = [point for name in PROBLEMS for point in survey(name).points]
    missed = [point for point in points if point.relative_gap > 1e-8]
    kinds = Counter(point.classification for point in missed)
    explained = ", ".join(f"{count} {kind}" for kind, count in kinds.items()) or "no exception"
    reached = [point.relative_gap for point in points if point.relative_gap <= 1e-8]
    return Finding(
        "every local minimum is global for d > k",
        f"{len(points)} starts over {len(PROBLEMS)} problems, d = k + 1",
        f"{len(reached) / len(points):.3%} reach a certified gap ≤ 1e-8 (worst of these "
        f"{max(reached):.1e}); {explained}",
        bool(reached) and not kinds["spurious"],
    )


def dimensions() -> Finding:
    """Ask what the theorem leaves open: the dimensions from the rank of the optimum up to k."""
    enough: list[float] = []
    at_rank: Counter[str] = Counter()
    for problem in PROBLEMS.values():
        k, rank = problem.classes, screlax.solve_relaxation(problem).rank
        dims = sorted({rank, k - 1, k})
        landscape = screlax.survey_landscape(problem, dims, starts=STARTS, n_jobs=JOBS)
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


def saddles() -> Finding:
    """Give local minima of too few dimensions more of them: none may stay a minimum."""
    kinds: Counter[str] = Counter()
    least, descending = np.inf, 0
    for problem in PROBLEMS.values():
        rank = screlax.solve_relaxation(problem).rank
        for dim in {1, rank // 2, rank - 1} - {0, rank}:
            for point in screlax.survey_landscape(problem, [dim], starts=5).points:
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


def uniqueness() -> Finding:
    """Compare all that reached the optimum with each other and with the relaxation's solution."""
    worst, where, pairs = 0.0, "", 0
    for name in PROBLEMS:
        landscape = survey(name)
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


def zero() -> Finding:
    """Classify H = 0 on both sides of λ_max; its Hessian is (λ − λ_max) per sample."""
    wrong, worst, tested = 0, 0.0, 0
    for problem, share in itertools.product(PROBLEMS.values(), (0.1, 0.5, 0.9, 0.99, 1.01, 2.0)):
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


# -------------------------------------------------------------------------------- the geometry


def collapse() -> Finding:
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
            problem, [problem.classes + 1], starts=25, level="samples", n_jobs=JOBS
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


def etf() -> Finding:
    """Compare descents on balanced problems with the simplex equiangular tight frame."""
    worst, number = 0.0, 0
    for name, problem in PROBLEMS.items():
        if problem.class_sizes.orbits > 1:
            continue
        k = problem.classes
        frame = (k * np.eye(k) - 1) / (k - 1)
        for point in survey(name).points:
            gram = point.gram / np.linalg.norm(point.gram)
            worst = max(worst, float(np.linalg.norm(gram - frame / np.linalg.norm(frame))))
            number += 1
    return Finding(
        "balanced classes make a simplex ETF",
        f"{number} descents, k = 3, 5, 10, 16, all controls",
        f"‖G/‖G‖ − ETF/‖ETF‖‖ ≤ {worst:.1e}",
        worst <= GRAM_TOLERANCE,
    )


def step() -> Finding:
    """Measure how much the Gram entries of STEP problems vary within each of their blocks."""
    worst, number = 0.0, 0
    for name, problem in PROBLEMS.items():
        if not name.startswith("step"):
            continue
        sizes = np.asarray(problem.class_sizes)
        for point in survey(name).points:
            worst = max(worst, _variation_in_blocks(point.gram, sizes))
            number += 1
    return Finding(
        "STEP imbalance makes blocks: two norms, three inner products",
        f"{number} descents, 4 problems, all controls",
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


CLAIMS: dict[str, Callable[[], Finding]] = {
    "tightness": tightness,
    "minima": minima,
    "dimensions": dimensions,
    "saddles": saddles,
    "uniqueness": uniqueness,
    "collapse": collapse,
    "etf": etf,
    "step": step,
    "reductions": reductions,
    "zero": zero,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("claims", nargs="*", metavar="CLAIM", help=", ".join(CLAIMS))
    chosen = parser.parse_args().claims or list(CLAIMS)
    unknown = [name for name in chosen if name not in CLAIMS]
    if unknown:
        parser.error(f"{unknown[0]!r} is no claim; choose among {', '.join(CLAIMS)}")
    print(provenance_line() + "\n")
    print("| claim | `claims.py` | tested on | measured worst deviation | verdict |")
    print("|---|---|---|---|---|")
    findings = []
    for name in chosen:
        found = CLAIMS[name]()
        findings.append(found)
        verdict = "holds" if found.holds else "**fails**"
        print(
            f"| {found.claim} | `{name}` | {found.tested} | {found.deviation} | {verdict} |",
            flush=True,
        )
    raise SystemExit(0 if all(found.holds for found in findings) else 1)


if __name__ == "__main__":
    main()
