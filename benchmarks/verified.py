"""Proofs against rounding: how long they take, and how near their bounds are.

    python benchmarks/verified.py [--quick]

`Solution.recheck(rigorous=True)` on real class counts, all controls, losses with a slack vector or
orthogonal classes (no matrix is factorised), the generic way (`CellGram`) and the logits of
cross-entropy (`LogitGram`), on one thread.
"width" is (upper − lower)/upper of the bounds that hold in exact arithmetic, and that of the
certificate in double precision beside it.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy: processor time of one thread

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


def main() -> None:
    options = script.parse(script.make_parser(__doc__))
    script.require("flint")
    print(provenance_line(("numpy", "scipy", "python-flint")) + "\n")
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
