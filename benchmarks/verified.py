"""Proofs against rounding: how long they take, and how near their bounds are.

    python benchmarks/verified.py [--quick] [--overhead | --batches]

`Solution.recheck(rigorous=True)` on real class counts, all controls, losses with a slack vector or
orthogonal classes (no matrix is factorised), the generic way (`CellGram`) and the logits of
cross-entropy (`LogitGram`), on one thread.
"width" is (upper − lower)/upper of the bounds that hold in exact arithmetic, and that of the
certificate in double precision beside it. `--overhead` is what proofs add to the time of solving,
`--batches` are ten classes in expected mini-batches.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy: processor time of one thread

import statistics
import time
import warnings

import script

import screlax
from screlax import UFM, Ball, Budget, LayerPeeled, Ridge, Sphere, WeightDecay
from screlax.bench.provenance import provenance_line
from screlax.problem.constraints.base import Control

PROFILES = ("cifar10-lt:100", "cifar100-lt:100", "imagenet-lt", "imagenet12k")
CONTROLS = ((Ridge(0.01), 1.0), (Sphere(1.0), 0.1), (Budget(1.0), 0.2), (Ball(1.0), 1.0))
KINDS: dict[str, dict[str, str]] = {
    "supcon": {},
    "supcon:views=2": {"loss": "supcon:views=2"},
    "class-averaged": {"loss": "class-averaged"},
    "supcon behind a ReLU": {"features": "nonnegative"},
    "cross-entropy": {"loss": "cross-entropy"},
}
CLASSIFIERS = (
    (WeightDecay(0.1, 0.1), 1.0),
    (WeightDecay(1.0, 1.0), 1.0),
    (WeightDecay(7.0, 7.0), 1.0),
    (LayerPeeled(5.0, 1.0), 1.0),
)
"""Of cross-entropy, whose logits are enclosed from floating-point factors."""
MOST_GENERIC = 400
"""Orbits up to which the generic way is measured."""


def row(profile: str, name: str, control: Control, temperature: float) -> str | None:
    """Return a row of the table, None where the generic way would take too long."""
    problem = UFM(screlax.profile(profile), control, temperature, **KINDS[name])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", screlax.InaccurateWarning)
        solution = screlax.solve_relaxation(problem)
    form = type(solution.point_gram).__name__
    if form in ("CellGram", "LogitGram") and problem.points.orbits > MOST_GENERIC:
        return None
    start = time.process_time()
    found = solution.recheck(rigorous=True)
    spent = time.process_time() - start
    width, before = (c.gap / abs(c.upper) for c in (found, solution.certificate))
    return (
        f"| {profile} | {name} | {control.name} {control.parameter:g}, {temperature:g} | {form} "
        f"| {spent:.3f} | {width:.1e} | {before:.1e} |"
    )


SAMPLED = (
    *("shuffle:size=128", "weighted:size=128", "classes:classes=4,samples=8", "poisson:rate=0.01"),
)
REAL = (*PROFILES, "covtype", "reuters46", "inat2018-supercategory")


def timed(problem: UFM) -> tuple[float, float, float]:
    """Return seconds of solving and of proving, and the width."""
    start = time.process_time()
    solution = screlax.solve_relaxation(problem)
    solved = time.process_time()
    found = solution.recheck(rigorous=True)
    return solved - start, time.process_time() - solved, found.gap / abs(found.upper)


def print_ratios(profiles: tuple[str, ...], batches: tuple[str | None, ...]) -> None:
    """Print medians of three solves and proofs, and the ratio of both together to the former."""
    print("| profile | batches | control, τ | solve | prove | ratio | width |")
    print("|---|---|---|---|---|---|---|")
    for profile in profiles:
        for kind in batches:
            for control, temperature in CONTROLS:
                problem = UFM(screlax.profile(profile), control, temperature, batches=kind)
                runs = [timed(problem) for _ in range(1 if kind else 3)]
                solve, prove, width = (statistics.median(x) for x in zip(*runs, strict=True))
                print(
                    f"| {profile} | {kind or 'all samples'} "
                    f"| {control.name} {control.parameter:g}, {temperature:g} | {solve:.3f} "
                    f"| {prove:.3f} | {(solve + prove) / solve:.1f} | {width:.1e} |",
                    flush=True,
                )


def main() -> None:
    parser = script.make_parser(__doc__)
    parser.add_argument("--overhead", action="store_true", help="what proofs add to solving")
    parser.add_argument("--batches", action="store_true", help="expected mini-batches")
    options = script.parse(parser)
    script.require("flint")
    print(provenance_line(("numpy", "scipy", "python-flint")) + "\n")
    if options.batches:
        print_ratios(PROFILES[:1], SAMPLED)
        return
    if options.overhead:
        print_ratios(REAL[:1] if options.quick else REAL, (None,))
        return
    print("| profile | loss | control, τ | form | seconds | width | in double precision |")
    print("|---|---|---|---|---|---|---|")
    for profile in PROFILES[:1] if options.quick else PROFILES:
        for name in KINDS:
            for control, temperature in CLASSIFIERS if name == "cross-entropy" else CONTROLS:
                line = row(profile, name, control, temperature)
                if line is not None:
                    print(line, flush=True)


if __name__ == "__main__":
    main()
