"""Attacks through the API: forged dual points and garbage Gram matrices at all three levels."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from screlax import UFM, InaccurateWarning, solve_relaxation
from screlax.gram.cells import CellGram, Level
from screlax.problem import program
from screlax.problem.levels import lift_from_orbits
from screlax.problem.losses.softmax_rows import RowWeights
from screlax.proof.dense import certify
from screlax.proof.dual import DualPoint
from screlax.proof.repair import products_by_cell

from .problems import describe, random_problems
from .program import Program
from .tally import Tally
from .truth import Truth, enclose

_A_PROBLEM = 12
"""Attacks on each problem."""

_MOST_SAMPLES = 40


@dataclass(frozen=True)
class Target:
    """One problem at one level, its solution, and the truth about it."""

    what: str
    relaxation: program.Program
    optimum: CellGram
    truth: Truth


def attack_duals(rng: np.random.Generator, count: int) -> list[Tally]:
    """Certify good and bad Gram matrices with forged dual points."""
    tallies = {level: Tally(f"forged duals, level {level}") for level in Level}
    for target in _targets(rng, count):
        shape, gram = _some_gram(rng, target.optimum)
        kind, dual = forged_dual(rng, target.relaxation, gram)
        _certify(tallies[target.relaxation.level], target, f"{shape}, {kind}", gram, dual)
    return list(tallies.values())


def attack_grams(rng: np.random.Generator, count: int) -> list[Tally]:
    """Certify garbage."""
    tallies = {level: Tally(f"garbage Gram matrices, level {level}") for level in Level}
    for target in _targets(rng, count):
        kind, gram = garbage_gram(rng, target.relaxation, target.optimum)
        _certify(tallies[target.relaxation.level], target, kind, gram, None)
    return list(tallies.values())


def _certify(
    tally: Tally, target: Target, kind: str, gram: CellGram, dual: DualPoint | None
) -> None:
    what = f"{target.what}, level {target.relaxation.level}, {kind}"
    with tally.attack(what), warnings.catch_warnings():
        warnings.simplefilter("error")
        proof = certify(target.relaxation, gram, [] if dual is None else [dual])
        tally.unproved += not proof.certificate.proves(1e-9)
        tally.check_bounds(what, proof.certificate, target.truth)


def _targets(rng: np.random.Generator, count: int) -> Iterator[Target]:
    """Yield small problems, each at all levels in turn, `count` targets in all."""
    made = 0
    for _, problem in random_problems(rng, -(-count // _A_PROBLEM), most_samples=_MOST_SAMPLES):
        targets = list(_levels(problem))
        for _ in range(min(_A_PROBLEM, count - made)):
            yield targets[made % len(targets)]
            made += 1


def _levels(problem: UFM) -> Iterator[Target]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InaccurateWarning)
        solution = solve_relaxation(problem)
    orbit = solution.orbit_gram.dense().scaled(1 / problem.temperature)
    # the truth about the relaxation itself, whose parameter at temperature one is rounded
    relaxation = program.build_program(problem, Level.ORBITS)
    at_one = UFM(problem.class_sizes, relaxation.control)
    truth = enclose(Program.of(at_one), orbit.own, orbit.pair)
    for level in Level:
        optimum = lift_from_orbits(problem.class_sizes, level, orbit)
        yield Target(describe(at_one), program.build_program(problem, level), optimum, truth)


def _some_gram(rng: np.random.Generator, optimum: CellGram) -> tuple[str, CellGram]:
    """Return the optimum, it with noise, or an orthogonal frame, keeping own = diag(pair)."""
    kind = rng.choice(["optimum", "noise", "frame"])
    size = float(10.0 ** rng.uniform(-12, 1))
    if kind == "noise":
        noise = rng.standard_normal(optimum.pair.shape) * size * np.abs(optimum.own).max()
        same = optimum.own == np.diag(optimum.pair)
        pair = optimum.pair + (noise + noise.T) / 2
        own = np.where(same, np.diag(pair), optimum.own + np.diag(noise))
        return f"optimum with noise {size:.0e}", CellGram(own, pair)
    if kind == "frame":
        alone = optimum.own == np.diag(optimum.pair)
        return str(kind), CellGram(optimum.own, np.diag(np.where(alone, optimum.own, 0.0)))
    return str(kind), optimum


def forged_dual(
    rng: np.random.Generator, relaxation: program.Program, gram: CellGram
) -> tuple[str, DualPoint]:
    """Return a dual point that is wrong in some way, and what it is."""
    row_kind, rows = _forged_rows(rng, relaxation, gram)
    weight_kind = rng.choice(
        ["none", "shifted", "shifted", "huge", "random", "nan", "flipped", "one huge"]
    )
    mass, size = (
        relaxation.cells.mass,
        float(10.0 ** rng.choice([rng.uniform(-3, 18), rng.uniform(14, 17)])),
    )
    with np.errstate(all="ignore"):
        along = products_by_cell(relaxation.loss.gradient(rows), gram)
        stationary = np.where(gram.own > 0, -along / np.where(gram.own > 0, gram.own, 1.0), 0.0)
    weights = {
        "none": None,
        "shifted": stationary - size * mass * rng.choice([-1.0, 1.0]),
        "huge": np.full(len(mass), rng.choice([-1.0, 1.0]) * 10.0 ** rng.uniform(15, 300)),
        "random": rng.standard_normal(len(mass)) * size,
        "nan": np.where(
            rng.random(len(mass)) < 0.5, stationary, rng.choice([np.nan, np.inf, -np.inf])
        ),
        "flipped": -stationary,
        "one huge": np.where(np.arange(len(mass)) == 0, size, stationary),
    }[weight_kind]
    return f"rows {row_kind}, multipliers {weight_kind} {size:.1e}", DualPoint(rows, weights)


def _forged_rows(
    rng: np.random.Generator, relaxation: program.Program, gram: CellGram
) -> tuple[str, RowWeights]:
    with np.errstate(all="ignore"):
        softmax = relaxation.loss.expand(gram)
    kind = rng.choice(
        ["softmax", "random", "not stochastic", "negative", "nan", "huge", "zero", "one entry"]
    )
    own, pair = softmax.own.copy(), softmax.pair.copy()
    cell = rng.integers(len(own))
    if kind == "random":
        own, pair = rng.random(own.shape), rng.random(pair.shape)
    elif kind == "not stochastic":
        factor = 10.0 ** rng.uniform(-9, 9, len(own))
        own, pair = own * factor, pair * factor[:, None] * (1 + rng.random())
    elif kind == "negative":
        own, pair = own - rng.random(own.shape), pair - rng.random(pair.shape)
    elif kind == "nan":
        pair[cell, rng.integers(len(own))] = rng.choice([np.nan, np.inf, -np.inf])
    elif kind == "huge":
        pair[cell] = 10.0 ** rng.uniform(100, 308)
    elif kind == "zero":
        own[cell], pair[cell] = 0.0, 0.0
    elif kind == "one entry":
        own[cell], pair[cell] = 0.0, np.eye(len(own))[rng.integers(len(own))]
    return str(kind), RowWeights(own, pair)


def garbage_gram(
    rng: np.random.Generator, relaxation: program.Program, optimum: CellGram
) -> tuple[str, CellGram]:
    """Return a Gram matrix that is none, or one with an own that is not the diagonal of pair."""
    m = relaxation.size
    size = float(10.0 ** rng.uniform(-6, 6) * max(np.abs(optimum.own).max(), 1.0))
    kind = rng.choice(
        [
            "noise",
            "indefinite",
            "own",
            "own a little",
            "zero",
            "huge",
            "tiny",
            "asymmetric",
            "negative own",
            "rank one",
            "scaled",
            "constant",
            "nan",
            "semidefinite",
        ]
    )
    noise = rng.standard_normal((m, m))
    symmetric = (noise + noise.T) * size
    own, pair = optimum.own, optimum.pair
    small = 1 + rng.choice([-1, 1]) * 10.0 ** rng.uniform(-15, -2)
    gram = {
        "noise": lambda: CellGram.from_matrix(symmetric),
        "indefinite": lambda: CellGram.from_matrix(pair - size * np.eye(m)),
        "own": lambda: CellGram(np.abs(noise[0]) * size, pair),
        "own a little": lambda: CellGram(own * small, pair),
        "zero": lambda: CellGram(np.zeros(m), np.zeros((m, m))),
        "huge": lambda: CellGram.from_matrix(symmetric * 10.0 ** rng.uniform(50, 290)),
        "tiny": lambda: CellGram.from_matrix(symmetric * 10.0 ** rng.uniform(-300, -20)),
        "asymmetric": lambda: CellGram(own, pair + noise * size * 1e-6),
        "negative own": lambda: CellGram(-own, pair),
        "rank one": lambda: CellGram.from_matrix(np.outer(noise[0], noise[0]) * size),
        "scaled": lambda: CellGram(own * small, pair * small),
        "constant": lambda: CellGram.from_matrix(np.full((m, m), size)),
        "nan": lambda: CellGram(own, np.where(noise > 1, rng.choice([np.nan, np.inf]), pair)),
        "semidefinite": lambda: CellGram.from_matrix(noise @ noise.T * size),
    }[str(kind)]()
    return f"{kind} {size:.1e}", gram
