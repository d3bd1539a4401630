"""Cross-entropy on spheres, behind a ReLU and with a bias: certified gaps and process seconds.

Fixed norms for several scales, nonnegative features in closed form and with adjusted logits, and a
bias that is free of penalty, on published class counts.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy: processor time of one thread

import time
from collections.abc import Iterator
from typing import Any

from script import make_parser

import screlax
from screlax.bench.provenance import provenance_line
from screlax.losses import CrossEntropy

PLAIN, BIASED = CrossEntropy(), CrossEntropy(bias=True)
ADJUSTED = CrossEntropy(additive=-0.5, multiplicative=0.2, class_weights="balanced")
DECAYS = (0.01, 1.0, 9.0, 100.0)


def kinds(profile: str) -> Iterator[tuple[str, Any, CrossEntropy, str]]:
    """Yield a name, control, loss and features."""
    scales = (1.0, 16.0, 64.0) if profile.startswith("cifar") else (4.0, 16.0, 64.0)
    for scale in scales if profile != "imagenet12k" else ():
        yield f"norm one, s = {scale:g}", screlax.Normalized(scale), PLAIN, "real"
    for product in DECAYS:
        decay = screlax.WeightDecay(product**0.5, product**0.5)
        yield f"ReLU, λ_Hλ_W = {product:g}", decay, PLAIN, "nonnegative"
    yield "ReLU, layer-peeled 5, 1", screlax.LayerPeeled(5.0, 1.0), PLAIN, "nonnegative"
    if profile != "imagenet12k":
        decay = screlax.WeightDecay(1.0, 1.0)
        yield "ReLU, adjusted, λ_Hλ_W = 1", decay, ADJUSTED, "nonnegative"
    for product in DECAYS if profile != "imagenet12k" else DECAYS[2:3]:
        decay = screlax.WeightDecay(product**0.5, product**0.5)
        yield f"bias, λ_Hλ_W = {product:g}", decay, BIASED, "real"


def main() -> None:
    parser = make_parser(__doc__)
    quick = parser.parse_args().quick
    names = ("cifar10-lt:100",) if quick else ("cifar100-lt:100", "imagenet-lt", "imagenet12k")
    print("| profile | problem | certified gap | seconds | method |")
    print("|---|---|---|---|---|")
    for name in names:
        counts = screlax.profile(name)
        for label, control, loss, features in kinds(name):
            problem = screlax.UFM(counts, control, loss=loss, features=features)
            start = time.process_time()
            solution = screlax.solve_relaxation(problem)
            seconds = time.process_time() - start
            gap, method = solution.certificate.gap_in_words, solution.solver_message
            print(f"| {name} | {label} | {gap} | {seconds:.3f} | {method} |", flush=True)
    print()
    print(provenance_line())


if __name__ == "__main__":
    main()
