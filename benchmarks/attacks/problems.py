"""Random problems of all controls, from ordinary to extreme."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from screlax import UFM, ClassSizes, Ridge
from screlax.problem.constraints.base import controls_of

CONTROLS = controls_of(classifier=False)

PROFILES = (
    *("balanced", "step", "exponential", "random", "singletons", "mostly singletons"),
    *("one anchored class", "pairs of samples", "dominating", "huge counts", "huge multiplicities"),
)


def random_problems(
    rng: np.random.Generator, count: int, *, most_samples: float = math.inf
) -> Iterator[tuple[str, UFM]]:
    """Yield problems of all profiles and controls in turn, with the name of the profile."""
    profiles = PROFILES if math.isinf(most_samples) else PROFILES[:8]
    found = 0
    while found < count:
        profile = profiles[found % len(profiles)]
        sizes = _sizes(rng, profile)
        if sizes.samples <= most_samples:
            control = list(CONTROLS)[(found + found // len(profiles)) % len(CONTROLS)]
            yield profile, _problem(rng, sizes, control)
            found += 1


def describe(problem: UFM) -> str:
    """Return a problem as the code that makes it."""
    sizes, control = problem.class_sizes, problem.control
    pairs = f"{sizes.distinct.tolist()}, {sizes.multiplicities.tolist()}"
    name = type(control).__name__
    return f"UFM.from_pairs({pairs}, {name}({control.parameter!r}), {problem.temperature!r})"


def _problem(rng: np.random.Generator, sizes: ClassSizes, name: str) -> UFM:
    """Draw a temperature, and λ or ρ/τ over many orders of magnitude; every other one is mild."""
    mild = rng.random() < 0.5
    temperature = float(10 ** (rng.uniform(-1, 0) if mild else rng.uniform(-3, 2)))
    if name == "ridge":
        threshold = UFM(sizes, Ridge(1.0), temperature).zero_threshold()
        return UFM(
            sizes,
            Ridge(float(threshold * 10 ** rng.uniform(-3 if mild else -12, 0.1))),
            temperature,
        )
    ratio = 10 ** (rng.uniform(-1, 1.5) if mild else rng.uniform(-6, 3))
    return UFM(sizes, CONTROLS[name](float(ratio * temperature)), temperature)


def _sizes(rng: np.random.Generator, profile: str) -> ClassSizes:
    """Draw class sizes with at most six different ones."""
    k = int(rng.integers(2, 6))
    largest = int(np.exp(rng.uniform(np.log(3), np.log(3000))))
    drawn = np.floor(np.exp(rng.uniform(np.log(2), np.log(largest + 1), k))).astype(int)
    match profile:
        case "balanced":
            counts = np.full(k, largest)
        case "step":
            counts = np.repeat([largest, max(2, largest // 10)], rng.integers(1, 4, 2))
        case "exponential":
            counts = np.maximum(2, largest * 10.0 ** -np.linspace(0, rng.uniform(0.5, 3), k))
        case "random":
            counts = drawn
        case "singletons":
            counts = np.append(drawn, np.ones(rng.integers(1, 4)))
        case "mostly singletons":
            counts = np.append(drawn[:2], np.ones(rng.integers(1, 200)))
        case "one anchored class":
            counts = np.append(largest, np.ones(rng.integers(1, 4)))
        case "pairs of samples":
            counts = np.append(np.full(k - 1, 2), rng.integers(1, 4))
        case "dominating":
            counts = np.append(rng.integers(10**3, 10**6), rng.integers(2, 9, k))
        case "huge counts":
            counts = np.floor(10 ** rng.uniform(0.4, 12, k))
        case "huge multiplicities":
            sizes = np.append(rng.integers(2, 1000, k), rng.integers(1, 3))
            return ClassSizes.from_pairs(sizes, (10 ** rng.uniform(0, 8, k + 1)).astype(int))
    return ClassSizes.from_counts(np.floor(counts).astype(int))
