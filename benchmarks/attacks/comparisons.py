"""Attack: what `compare` proves about embeddings, against their objective in high precision."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from screlax import UFM, InaccurateWarning, compare, solve_relaxation
from screlax.comparison.loss_gap import LossGap

from .problems import describe, random_problems
from .program import Number
from .tally import Tally, digits
from .truth import Truth, truth_of

_A_PROBLEM = 6
"""Embeddings compared with each solution."""

_MOST_SAMPLES = 24

_ACCURACY = 1e-9
"""Relative accuracy that is asked of a value, which is not an interval, beyond its rounding."""

_UNDERFLOW = 1e-100
"""Losses below this are not asked to be accurate."""

_LAST_DIGITS = 1e-15
"""Relative accuracy that is asked of a proved gap: its quotients are rounded."""


def attack_comparisons(rng: np.random.Generator, count: int) -> list[Tally]:
    """Compare `count` embeddings with the optimum; one tally for each control."""
    tallies: dict[str, Tally] = {}
    for _, problem in random_problems(rng, -(-count // _A_PROBLEM), most_samples=_MOST_SAMPLES):
        if problem.is_zero_optimal():
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InaccurateWarning)
            solution = solve_relaxation(problem)
        truth, labels = (
            truth_of(solution),
            np.repeat(np.arange(problem.classes), np.asarray(problem.class_sizes)),
        )
        name = problem.control.name
        tally = tallies.setdefault(name, Tally(f"compare: {name}"))
        for _ in range(_A_PROBLEM):
            kind, rows = embeddings(rng, problem, labels, solution.embeddings().vectors)
            what = f"{describe(problem)}, {kind}"
            with tally.attack(what), warnings.catch_warnings():
                warnings.simplefilter("error")
                gap = compare(rows, labels, solution, loss="samples", agreement=False).loss
                assert gap is not None
                check_gap(tally, what, gap, objective(truth, problem, labels, rows), truth)
    return [tallies[name] for name in sorted(tallies)]


def embeddings(
    rng: np.random.Generator, problem: UFM, labels: np.ndarray, optimum: np.ndarray
) -> tuple[str, np.ndarray]:
    """Return embeddings of every sample, good or bad, and what they are."""
    k, n = problem.classes, len(labels)
    noise = rng.standard_normal((n, max(k, optimum.shape[1])))
    best = np.zeros_like(noise)
    best[:, : optimum.shape[1]] = optimum[labels]
    size = float(10.0 ** rng.uniform(-16, 0))
    kind = rng.choice(
        ["optimal", "near", "near", "random", "orthogonal", "one point", "huge", "tiny", "wrong"]
    )
    rows = {
        "optimal": best,
        "near": best + size * np.abs(best).max() * noise,
        "random": noise,
        "orthogonal": np.eye(noise.shape[1])[labels] * np.abs(best).max(),
        "one point": np.ones_like(noise),
        "huge": noise * 1e3,
        "tiny": noise * 1e-8,
        "wrong": best[rng.permutation(n)],
    }[str(kind)]
    return f"{kind} {size:.0e}", rows


def objective(truth: Truth, problem: UFM, labels: np.ndarray, rows: np.ndarray) -> Number:
    """Return the objective from its definition, of the embeddings scaled to what is allowed."""
    mp, program = truth.program.mp, truth.program
    vectors = [[mp.mpf(x) for x in row] for row in rows.tolist()]
    squares = [mp.fsum(x * x for x in row) for row in vectors]
    scale = _scales(mp, problem, squares)
    vectors = [[s * x for x in row] for s, row in zip(scale, vectors, strict=True)]
    gram = [
        [mp.fdot(zip(a, b, strict=True)) / problem.temperature for b in vectors] for a in vectors
    ]
    total = mp.mpf(0)
    for i, row in enumerate(gram):
        others = [j for j in range(len(row)) if j != i]
        positives = [row[j] for j in others if labels[j] == labels[i]]
        if positives:
            mean = mp.fsum(positives) / len(positives)
            terms = mp.fsum(mp.exp(row[j] - mean) for j in others)
            total += mp.log(terms)
    if program.control == "ridge":
        total += program.strength / 2 * mp.fsum(gram[i][i] for i in range(len(gram)))
    return total


def _scales(mp: Any, problem: UFM, squares: list[Number]) -> list[Number]:
    name, bound = problem.control.name, mp.mpf(problem.control.parameter)
    if name == "ridge":
        return [mp.mpf(1)] * len(squares)
    if name == "budget":
        mean = mp.fsum(squares) / len(squares)
        return [mp.sqrt(bound / mean) if mean > bound else mp.mpf(1)] * len(squares)
    ratio = [mp.sqrt(bound / square) if square else mp.mpf(1) for square in squares]
    return ratio if name == "sphere" else [min(mp.mpf(1), x) for x in ratio]


def check_gap(tally: Tally, what: str, gap: LossGap, value: Number, truth: Truth) -> None:
    """Check value, height and every proved statement of a comparison."""
    floor, optimum = truth.program.infimum, truth.upper
    above = optimum - floor
    rounding = gap.gap - max(gap.height - gap.optimal_height, 0.0)  # of both heights, as claimed
    for name, claimed, right in (
        ("value", gap.value, value),
        ("height", gap.height, value - floor),
    ):
        off = float(abs(claimed - right) / (right + _UNDERFLOW))
        if not (off <= _ACCURACY or abs(claimed - right) <= rounding):
            tally.report(f"{what}: {name} {claimed!r}, right is {digits(right)}", off)
    for name, claimed, right in (
        ("lower", gap.lower, optimum),
        ("optimal_height", gap.optimal_height, above),
    ):
        if not claimed <= right:
            excess = float((claimed - right) / (right + _UNDERFLOW))
            tally.report(f"{what}: {name} {claimed!r} > {digits(right)}", excess)
    for name, claimed, right in (
        ("gap", gap.gap, value - optimum),
        ("relative_gap", gap.relative_gap, (value - optimum) / value),
        ("relative_to_optimum", gap.relative_to_optimum, (value - optimum) / optimum),
        ("relative_to_height", gap.relative_to_height, (value - optimum) / (above or 1)),
    ):
        if not claimed >= right * (1 - _LAST_DIGITS):
            excess = float((right - claimed) / (right + _UNDERFLOW))
            tally.report(f"{what}: {name} {claimed!r} < {digits(right)}", excess)
