"""The slack-vector solver for losses whose rows are drawn to their own class, beside SupCon.

    python benchmarks/loss_family.py [--quick] [--counts-dir FOLDER] [--elsewhere SECONDS]

Times are processor times of one thread, the least of interleaved runs with the problem made
beforehand; gaps are relative and certified. Ball, sphere and budget have ρ/τ = 10. A ridge has
λτ = 0.1 min a/r over the classes, where every root is an optimum if o ≤ u; `--elsewhere` adds
what nothing is known of beforehand: λτ = 4 min a/r, and negatives alone with a budget, each with a
time limit. Classes of one sample are left out.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy: processor time of one thread

import argparse
import time
import warnings

import numpy as np
import script
from numpy.typing import NDArray

import screlax
from screlax import UFM, Ball, Budget, Ridge, Solution, Sphere, losses
from screlax.bench.provenance import provenance_line
from screlax.errors import InaccurateWarning

PROFILES = (
    "covtype",
    "inat2018-supercategory",
    "cifar10-lt:100",
    "reuters46",
    "cifar100-lt:100",
    "imagenet-lt",
    "imagenet12k",
)
LEFT_OUT = ("inat2018-supercategory", "cifar10-lt:100", "imagenet12k")
"""Left out elsewhere: two like their neighbours, and one that takes tens of minutes there."""
QUICK, TEMPERATURE, NEAR, FAR = 2, 0.1, 0.1, 4.0
CONTROLS = {"ridge": None, "ball": Ball(1.0), "sphere": Sphere(1.0), "budget": Budget(1.0)}


def members(counts: NDArray[np.int64]) -> dict[str, losses.Loss]:
    """Return the losses, SupCon first."""
    root = np.sqrt(counts.max() / counts).tolist()
    return {
        "SupCon": losses.SupCon(),
        "two views": losses.SupCon(views=2),
        "weights ∝ 1/n": losses.SupCon(class_weights="balanced"),
        "weights ∝ 1/√n": losses.SupCon(class_weights=root),
        "negatives only": losses.NegativesOnly(),
        "class-averaged": losses.ClassAveraged(),
        "class-averaged, a = 1": losses.ClassAveraged(anchors="classes"),
        "100 prototypes": losses.Prototypes(per_class=100),
        "100 without terms": losses.Prototypes(per_class=100, loss_terms=False),
    }


def problem_of(counts: NDArray[np.int64], loss: losses.Loss, name: str, share: float) -> UFM:
    """Return a problem; a ridge is that share of the smallest anchor mass per embedding."""
    problem = UFM(counts, CONTROLS[name] or Ridge(1.0), TEMPERATURE, loss=loss)
    if CONTROLS[name] is not None:
        return problem
    terms = problem.loss.class_terms(problem.class_sizes)
    assert terms is not None
    rate = share * float((terms.anchors / terms.embeddings).min())
    return UFM(counts, Ridge(rate / TEMPERATURE), TEMPERATURE, loss=loss)


def problems(counts: NDArray[np.int64], name: str) -> dict[str, UFM]:
    """Return the problems that are bounded and easy, by loss."""
    each = members(counts)
    control = CONTROLS[name]
    if control is None or not control.fixes_norms:
        del each["negatives only"]
    return {label: problem_of(counts, loss, name, NEAR) for label, loss in each.items()}


def solved(each: dict[str, UFM], repeats: int) -> dict[str, tuple[float, Solution]]:
    """Return the least processor time of each problem, and its solution."""
    found: dict[str, tuple[float, Solution]] = {}
    for _ in range(repeats):
        for label, problem in each.items():
            start = time.process_time()
            solution = screlax.solve_relaxation(problem, solver="native")
            seconds = time.process_time() - start
            found[label] = min(seconds, found.get(label, (seconds, solution))[0]), solution
    return found


def near(counts: dict[str, NDArray[np.int64]], repeats: int) -> None:
    """Print the time of SupCon, and ratio and gap of every other loss."""
    labels = list(members(next(iter(counts.values()))))[1:]
    print("| profile | control | SupCon, ms | " + " | ".join(labels) + " | worst gap |")
    print("|---" * (len(labels) + 4) + "|")
    for profile, each in counts.items():
        for name in CONTROLS:
            found = solved(problems(each, name), repeats)
            base = found["SupCon"][0]
            cells = [f"{found[x][0] / base:.2f}" if x in found else "" for x in labels]
            worst = max(solution.relative_gap for _, solution in found.values())
            row = [profile, name, f"{1e3 * base:.1f}", *cells, f"{worst:.0e}"]
            print("| " + " | ".join(row) + " |", flush=True)


def elsewhere(counts: dict[str, NDArray[np.int64]], limit: float) -> None:
    """Print the seconds of each problem where a root need not be an optimum, or there is none."""
    labels = list(members(next(iter(counts.values()))))
    heads = [f"{label}, budget" if label == "negatives only" else label for label in labels]
    print("\n| profile | " + " | ".join(heads) + " | worst gap |")
    print("|---" * (len(labels) + 2) + "|")
    for profile, each in counts.items():
        found = {label: _far(each, label, limit) for label in labels}
        worst = max(gap for _, gap in found.values())
        row = [profile, *(seconds for seconds, _ in found.values()), f"{worst:.0e}"]
        print("| " + " | ".join(row) + " |", flush=True)


def _far(counts: NDArray[np.int64], label: str, limit: float) -> tuple[str, float]:
    """Return the seconds of a problem, in words, and its gap."""
    control = "budget" if label == "negatives only" else "ridge"
    problem = problem_of(counts, members(counts)[label], control, FAR)
    if control == "ridge" and problem.is_zero_optimal():
        return "zero", 0.0
    start = time.process_time()
    solution = screlax.solve_relaxation(problem, solver="native", time_limit=limit)
    return f"{time.process_time() - start:.2f}", solution.relative_gap


def main() -> None:
    """Print provenance and both tables."""
    parser: argparse.ArgumentParser = script.make_parser(__doc__ or "", counts=True)
    parser.add_argument("--elsewhere", type=float, metavar="SECONDS", help="also far ridges")
    parser.add_argument("--repeats", type=int, default=7)
    options = script.parse(parser, repeats=1)
    names = PROFILES[:QUICK] if options.quick else PROFILES
    counts = script.class_counts(names, options.counts_dir)
    counts = {name: each[each > 1] for name, each in counts.items()}
    warnings.simplefilter("ignore", InaccurateWarning)
    print(provenance_line(), "\n")
    near(counts, options.repeats)
    if options.elsewhere:
        elsewhere({x: y for x, y in counts.items() if x not in LEFT_OUT}, options.elsewhere)


if __name__ == "__main__":
    main()
