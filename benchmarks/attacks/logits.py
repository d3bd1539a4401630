"""Attacks on the proofs of cross-entropy: solutions, forged logits and tampered files."""

from __future__ import annotations

import dataclasses
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from screlax import (
    UFM,
    InaccurateWarning,
    LayerPeeled,
    Normalized,
    Solution,
    Status,
    WeightDecay,
    solve_relaxation,
)
from screlax.errors import ScrelaxError
from screlax.gram.cells import Level
from screlax.gram.logits import LogitGram
from screlax.losses import CrossEntropy
from screlax.proof.logits import prove_logits

from .files import tamper
from .logit_truth import truth_of_logits
from .tally import Tally

_A_PROBLEM = 20
_LEVELS = (Level.ORBITS, Level.CLASSES)


def attack_logits(rng: np.random.Generator, count: int) -> list[Tally]:
    """Solve `count` problems; one tally for each control."""
    tallies: dict[str, Tally] = {}
    for problem in _problems(rng, count):
        name = problem.control.name
        tally = tallies.setdefault(name, Tally(f"cross-entropy: {name}"))
        what = _describe(problem)
        with tally.attack(what), _quiet():
            solution = solve_relaxation(problem, time_limit=10)
            tally.unproved += solution.status is not Status.OPTIMAL
            truth = truth_of_logits(problem, _gram_of(solution))
            tally.check_bounds(what, solution.certificate, truth)
            for level in _LEVELS:
                tally.check_bounds(f"{what}: {level}", solution.recheck(level), truth)
    return [tallies[name] for name in sorted(tallies)]


def attack_forged_logits(rng: np.random.Generator, count: int) -> list[Tally]:
    """Prove logits that are wrong in some way."""
    tallies = {level: Tally(f"forged logits, level {level}") for level in _LEVELS}
    for made, (problem, solution, truth) in enumerate(_solved(rng, count)):
        level = _LEVELS[made % 2]
        kind, gram = _forged(rng, _gram_of(solution))
        what = f"{_describe(problem)}, {kind}"
        with tallies[level].attack(what), _quiet():
            certificate = prove_logits(problem, level, gram).certificate
            tallies[level].unproved += not certificate.proves(1e-9)
            tallies[level].check_bounds(what, certificate, truth)
    return list(tallies.values())


def attack_logit_files(rng: np.random.Generator, count: int) -> list[Tally]:
    """Tamper with files of solutions."""
    tallies: dict[str, Tally] = {}
    with tempfile.TemporaryDirectory() as folder:
        path, other = Path(folder, "solution.npz"), dict[str, Any]()
        for problem, solution, truth in _solved(rng, count):
            solution.save(path)
            with np.load(path) as stored:
                arrays = dict(stored)
            place, how, tampered = tamper(rng, arrays, other or arrays)
            other = arrays
            np.savez(path, **tampered)
            tally = tallies.setdefault(place, Tally(f"cross-entropy, file: {place}"))
            what = f"{_describe(problem)}: {place} {how}"
            with tally.attack(what), _quiet():
                loaded = Solution.load(path)
                known = truth
                if loaded.problem != problem:
                    again = solve_relaxation(loaded.problem, time_limit=10)
                    known = truth_of_logits(loaded.problem, _gram_of(again))
                tally.unproved += not loaded.certificate.proves(loaded.tol)
                for level in _LEVELS:
                    tally.check_bounds(f"{what}: {level}", loaded.recheck(level), known)
                tally.check_bounds(what, loaded.certificate, known)
    return [tallies[place] for place in sorted(tallies)]


def _problems(rng: np.random.Generator, count: int) -> Iterator[UFM]:
    """Yield problems of all controls, with and without adjustments, weights and a bias."""
    found = 0
    while found < count:
        try:
            yield _problem(rng)
        except ScrelaxError:  # a draw that is no problem
            continue
        found += 1


def _problem(rng: np.random.Generator) -> UFM:
    k = int(rng.integers(2, 7))
    pool = np.floor(np.exp(rng.uniform(0, rng.choice([3, 8, 14]), int(rng.integers(1, k + 1)))))
    sizes = rng.choice(pool, k).astype(int)
    control = str(rng.choice(["decay", "peeled", "normalized"]))
    options: dict[str, Any] = {"bias": control != "normalized" and bool(rng.random() < 0.4)}
    if rng.random() < 0.5:
        options["additive"] = (rng.standard_normal(k) * 10 ** rng.uniform(-1, 2)).tolist()
    if rng.random() < 0.5:
        options["multiplicative"] = np.exp(rng.uniform(-1, 1, k)).tolist()
    if rng.random() < 0.3:
        options["class_weights"] = (10 ** rng.uniform(-2, 1, k)).tolist()
    loss, temperature = CrossEntropy(**options), float(10 ** rng.uniform(-1, 1))
    if control == "decay":
        zero = UFM(sizes, WeightDecay(1.0, 1.0), temperature, loss=loss).zero_threshold()
        price, balance = zero * 10 ** rng.uniform(-6, 0.1), 10 ** rng.uniform(-2, 2)
        decay = WeightDecay(float(price * balance), float(price / balance))
        return UFM(sizes, decay, temperature, loss=loss)
    one, other = (float(x) for x in 10 ** rng.uniform(-3, 1.5, 2))
    chosen = LayerPeeled(one, other) if control == "peeled" else Normalized(one)
    return UFM(sizes, chosen, temperature, loss=loss)


def _solved(rng: np.random.Generator, count: int) -> Iterator[tuple[UFM, Solution, Any]]:
    """Yield problems with their solution and the truth, each several times."""
    made = 0
    for problem in _problems(rng, count):
        try:
            with _quiet():
                solution = solve_relaxation(problem, time_limit=10)
        except ScrelaxError:  # `attack_logits` counts those
            continue
        truth = truth_of_logits(problem, _gram_of(solution))
        for _ in range(min(_A_PROBLEM, count - made)):
            yield problem, solution, truth
            made += 1
        if made == count:
            return


def _forged(rng: np.random.Generator, gram: LogitGram) -> tuple[str, LogitGram]:
    names = "logit_own", "logit_pair", "bias", "feature_mass", "classifier_mass", "copies", "scale"
    name = str(rng.choice(names[:2] if rng.random() < 0.7 else names))
    array = np.array(getattr(gram, name), dtype=float)
    size = float(10.0 ** rng.uniform(-14, 3)) * (np.abs(array).max() or 1.0)
    kind = str(rng.choice(["noise", "scaled", "negative", "zero", "one", "wrong", "transposed"]))
    with np.errstate(all="ignore"):
        if kind == "noise":
            array = array + size * rng.standard_normal(array.shape)
        elif kind == "scaled":
            array = array * 10 ** rng.uniform(-3, 3)
        elif kind == "negative":
            array = -array
        elif kind == "zero":
            array = 0 * array
        elif kind == "transposed":
            array = array.T.copy()
        else:
            array = np.atleast_1d(array).copy()
            wrong = size if kind == "one" else float(rng.choice([np.nan, np.inf, 1e300, -1e150]))
            array.flat[int(rng.integers(array.size))] = wrong
    if name in ("copies", "scale"):
        name = "balance"  # the others are what a problem, not a solver, says
    changed: dict[str, Any] = {name: size if name == "balance" else array}
    return f"{name} {kind} {size:.1e}", dataclasses.replace(gram, **changed)


def _gram_of(solution: Solution) -> LogitGram:
    gram = solution.orbit_gram
    assert isinstance(gram, LogitGram)
    return gram


def _describe(problem: UFM) -> str:
    sizes = np.asarray(problem.class_sizes).tolist()
    return f"UFM({sizes}, {problem.control}, {problem.temperature!r}, loss={problem.loss})"


class _quiet(warnings.catch_warnings):  # noqa: N801  (reads as a verb)
    """Warnings are errors, but that a solution is not proved."""

    def __enter__(self) -> Any:
        found = super().__enter__()
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", InaccurateWarning)
        return found
