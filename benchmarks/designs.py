"""What each knob of `screlax design` buys: the distance from a simplex ETF, over named profiles.

    python benchmarks/designs.py [--quick]

Distances ‖G/‖G‖ − T/‖T‖‖_F are of certified optima, each knob turned alone; a star is at a limit of
its range. Seconds are of the processor, of one thread.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy: processor time of one thread

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import script

import screlax
from screlax.bench.provenance import provenance_line
from screlax.io.tables import markdown_lines

BALANCED = ":class_weights=balanced"
SPHERE = screlax.Sphere(1.0)
KNOBS = "class_weights", "temperature", "prototypes"
HEADER = (
    "profile", "", "as given", "class weights", "temperature", "a millionth leaves open there",
    "prototypes for each class", "loss or sampler", "enough prototypes, alike, for 0.01", "s",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """What is designed, and how its line says it."""

    profile: str
    words: str = ""
    control: screlax.Control = SPHERE
    temperature: float = 0.1
    batches: str | None = None

    def design(self, knobs: str | None = None) -> screlax.Design:
        """Turn some knobs, by default all that are quick."""
        sizes = screlax.profile(self.profile)
        return screlax.design(
            sizes, self.control, self.temperature, knobs=knobs, batches=self.batches
        )


CASES = (
    Case("cifar10-lt:100"),
    Case("cifar100-lt:100"),
    Case("imagenet-lt"),
    Case("cifar10-lt:100", "ridge 0.01, τ = 1", screlax.Ridge(0.01), temperature=1.0),
    Case("cifar10-lt:100", "τ = 0.2, shuffled batches of 128", temperature=0.2,
         batches="shuffle:size=128"),
)  # fmt: skip


def shown(distance: float | None) -> str:
    """Return a distance, and 0 for what is zero by rounding."""
    if distance is None:
        return "–"
    return "0" if distance < 1e-9 else f"{distance:.3f}"


def turned(found: screlax.Design) -> Iterator[str]:
    """Yield how near each knob brings the optimum, and what a millionth of the loss allows."""
    steps = {step.name: step for step in found.steps}
    for name in KNOBS:
        if name not in steps:
            yield "–"
            continue
        step = steps[name]
        at = f" (τ = {step.solution.problem.temperature:.2g})" if name == "temperature" else ""
        yield f"{shown(step.distance)}{at}{'*' if step.at_limit else ''}"
        if name == "temperature":
            left = step.left_open
            yield "–" if left is None else f"{left:.2g}" if math.isfinite(left) else "all"


def row_of(case: Case) -> list[str]:
    """Return the line of a design with every knob that is quick."""
    start = time.process_time()
    found = case.design()
    seconds = time.process_time() - start
    chosen = next(step for step in found.steps if step.name in ("loss", "sampler"))
    enough = "–" if found.enough_prototypes is None else f"{found.enough_prototypes:,}"
    before, after = shown(found.distance_before), shown(chosen.distance)
    return [case.profile, case.words, before, *turned(found), after, enough, f"{seconds:.1f}"]


def main() -> None:
    options = script.parse(script.make_parser(__doc__ or ""))
    print(f"_{provenance_line()}_\n")
    cases = CASES[:1] if options.quick else CASES
    print("\n".join(markdown_lines(HEADER, map(row_of, cases))))
    losses = [
        {one.text: shown(one.distance) for one in case.design("loss").alternatives}
        for case in cases
    ]
    heads = [text.replace(BALANCED, ", balanced") for text in losses[0]]
    rows = [
        [case.profile, case.words, *(of.get(text, "–") for text in losses[0])]
        for case, of in zip(cases, losses, strict=True)
    ]
    print("\n".join(["", *markdown_lines(["profile", "", *heads], rows)]))


if __name__ == "__main__":
    main()
