"""Every loss × control × profile, native against Clarabel on all embeddings, as a Markdown table.

    python benchmarks/losses.py [--quick] [--embeddings 40] [--profiles step random …] [--all]

Native solves are at orbit level, or at that of instances where classes do not collapse; the
reference is the conic program of all pairs of embeddings (level "samples"), up to `--embeddings` of
them. Both are certified. Optima agree within their certified gaps if the intervals [lower, upper]
have a number in common. A row is the worst of five profiles, by control the native gap; `--all`
prints a row for each problem. Gaps and differences are by value and spread, times medians.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import script

import screlax
from screlax.bench.provenance import provenance_line
from screlax.losses import (
    ClassAveraged,
    InstanceMix,
    Loss,
    NegativesOnly,
    Prototypes,
    Queue,
    RowSoftmax,
    SelfSupervised,
    SoftTargets,
    SupCon,
)
from screlax.proof.certificate import value_and_spread

TEMPERATURE = 0.5
CONTROLS = ("ridge", "ball", "sphere", "budget")
PROFILES = ("balanced", "step", "exponential", "with singletons", "random")

LOSSES: dict[str, Callable[[int, np.random.Generator], Loss]] = {
    "supcon": lambda k, rng: SupCon(),
    "supcon, 2 views": lambda k, rng: SupCon(views=2),
    "supcon, class weights": lambda k, rng: SupCon(class_weights=rng.exponential(size=k)),
    "negatives-only": lambda k, rng: NegativesOnly(),
    "class-averaged": lambda k, rng: ClassAveraged(),
    "class-averaged, classes": lambda k, rng: ClassAveraged(anchors="classes"),
    "prototypes, 1": lambda k, rng: Prototypes(),
    "prototypes, per class": lambda k, rng: Prototypes(rng.integers(1, 4, k), loss_terms=False),
    "prototypes, 1, free": lambda k, rng: Prototypes(tied=False, loss_terms=False),
    "queue, 5": lambda k, rng: Queue(5),
    "row-softmax": lambda k, rng: RowSoftmax(*np.exp(rng.uniform(-1, 1, (3, k)))),
    "soft-targets, ε = 0.1": lambda k, rng: SoftTargets(epsilon=0.1),
    "soft-targets, smoothing 0.1": lambda k, rng: SoftTargets(smoothing=0.1),
    "soft-targets, matrix": lambda k, rng: SoftTargets(
        0.8 * np.eye(k) + 0.2 * rng.dirichlet(np.ones(k), k)
    ),
    "instance-mix, α = 0.1": lambda k, rng: InstanceMix(0.1),
    "instance-mix, α = 0.5": lambda k, rng: InstanceMix(0.5),
    "self-supervised": lambda k, rng: SelfSupervised(),
}


def profiles(samples: int, rng: np.random.Generator) -> dict[str, list[int]]:
    """Return class sizes of at most so many samples."""
    few = max(2, samples // 10)
    many = (samples - 2 * few) // 2
    shares = 0.5 ** np.arange(4)
    tail = np.maximum(2, (0.9 * samples * shares / shares.sum()).astype(int))
    cuts = np.sort(rng.choice(samples - 1, 4, replace=False)) + 1
    return {
        "balanced": [samples // 4] * 4,
        "step": [many, many, few, few],
        "exponential": tail.tolist(),
        "with singletons": [*tail[:3].tolist(), 1, 1],
        "random": np.diff([0, *cuts, samples]).tolist(),
    }


def controls(problem: screlax.UFM) -> dict[str, screlax.UFM]:
    """Return the problem under every control; the ridge lies between λ_b and λ_max."""
    least, zero = problem.bounded_threshold(), problem.zero_threshold()
    ridge = least + 0.1 * (zero - least) if zero > 1.001 * least else 1.1 * zero
    chosen = [screlax.Ridge(ridge), screlax.Ball(2.0), screlax.Sphere(1.0), screlax.Budget(1.0)]
    return {
        control.name: screlax.UFM(
            problem.class_sizes, control, problem.temperature, loss=problem.loss
        )
        for control in chosen
    }


@dataclass(frozen=True)
class Found:
    """One problem solved twice."""

    loss: str
    control: str
    profile: str
    embeddings: int
    native: screlax.Solution
    reference: screlax.Solution
    seconds: tuple[float, float]

    @property
    def difference(self) -> float:
        """Of the values, by value and spread."""
        scale = value_and_spread(self.reference.value, self.native.problem.infimum)
        return abs(self.native.value - self.reference.value) / scale

    @property
    def agrees(self) -> bool:
        """Whether some number lies in both certified intervals."""
        both = self.native, self.reference
        return max(s.lower for s in both) <= min(s.upper for s in both)


def measure(name: str, embeddings: int, wanted: Sequence[str]) -> Iterator[Found]:
    """Solve every problem of a loss and of some profiles both ways."""
    make, rng = LOSSES[name], np.random.default_rng(0)
    for profile, sizes in profiles(_samples(make(5, rng), embeddings), rng).items():
        if profile not in wanted:
            continue
        loss = make(len(sizes), rng)
        problem = screlax.UFM(sizes, screlax.Sphere(1.0), TEMPERATURE, loss=loss)
        for control, member in controls(problem).items():
            native, first = _timed(member, "native")
            reference, second = _timed(member, "CLARABEL")
            count, seconds = problem.points.samples, (first, second)
            yield Found(name, control, profile, count, native, reference, seconds)


def _samples(loss: Loss, embeddings: int) -> int:
    """Return the most samples, at least eight, that have so many embeddings in five classes."""
    for samples in range(embeddings, 8, -1):
        sizes = [samples // 5] * 4 + [samples - samples // 5 * 4]
        if screlax.UFM(sizes, screlax.Sphere(1.0), loss=loss).points.samples <= embeddings:
            return samples
    return 8


def _timed(problem: screlax.UFM, solver: str) -> tuple[screlax.Solution, float]:
    level = "auto" if solver == "native" else "samples"
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", screlax.InaccurateWarning)
        solution = screlax.solve_relaxation(problem, solver=solver, level=level)
    return solution, time.process_time() - start


def worst(loss: str, group: list[Found]) -> str:
    """Return the worst of the problems of a loss as a row."""

    def gap(control: str) -> float:
        return max(found.native.relative_gap for found in group if found.control == control)

    cells = [
        loss,
        *(f"{gap(control):.1e}" for control in CONTROLS),
        f"{max(found.reference.relative_gap for found in group):.1e}",
        f"{max(found.difference for found in group):.1e}",
        f"{sum(found.agrees for found in group)} of {len(group)}",
        *(f"{np.median([found.seconds[side] for found in group]):.3f}" for side in (0, 1)),
    ]
    return f"| {' | '.join(cells)} |"


def alone(found: Found) -> str:
    """Return a problem as a row."""
    cells = [
        *(found.loss, found.control, found.profile, str(found.embeddings)),
        *(f"{solution.relative_gap:.1e}" for solution in (found.native, found.reference)),
        f"{found.difference:.1e}",
        "yes" if found.agrees else "no",
        *(f"{seconds:.3f}" for seconds in found.seconds),
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = script.make_parser(__doc__)
    parser.add_argument("--embeddings", type=int, default=40, help="of a problem, at most")
    parser.add_argument("--all", action="store_true", help="a row for each problem")
    parser.add_argument("--profiles", nargs="+", choices=PROFILES, default=PROFILES)
    parser.add_argument("--losses", nargs="+", choices=LOSSES, default=LOSSES, metavar="NAME")
    options = script.parse(
        parser, embeddings=8, profiles=["with singletons"], losses=list(LOSSES)[::5]
    )
    script.require("clarabel")
    print(f"_{provenance_line()}; at most {options.embeddings} embeddings, at least 8 samples_\n")
    ends = ("Clarabel gap", "difference", "agree", "native s", "Clarabel s")
    names = ("loss", *CONTROLS, *ends)
    if options.all:
        names = ("loss", "control", "profile", "embeddings", "native gap", *ends)
    print(f"| {' | '.join(names)} |\n|{'---|' * len(names)}")
    problems = disagreeing = 0
    for name in options.losses:
        group = []
        for found in measure(name, options.embeddings, options.profiles):
            group.append(found)
            if options.all:
                print(alone(found), flush=True)
        if not options.all:
            print(worst(name, group), flush=True)
        problems += len(group)
        disagreeing += sum(not found.agrees for found in group)
    print(f"\n{problems} problems, {disagreeing} disagree")


if __name__ == "__main__":
    main()
