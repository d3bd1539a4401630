"""Attack: Gram matrices of structured forms, with wrong numbers, given to the proofs in O(m)."""

from __future__ import annotations

import dataclasses
import warnings
from typing import Any

import numpy as np

from screlax import UFM, InaccurateWarning, solve_relaxation
from screlax.gram.cells import Level
from screlax.gram.curve import SlackVectorGram
from screlax.gram.shared_point import SingletonGram
from screlax.proof.prove import prove_gram

from .problems import describe, random_problems
from .program import Program
from .solves import check_gram
from .tally import Tally
from .truth import enclose

_A_PROBLEM = 12
"""Attacks on each problem."""

FIELDS = ("unit_own", "centre", "log_normalizer", "log_slack")
WITH_SINGLETONS = (*FIELDS, "log_pull", "product", "corner", "log_strength")


def attack_curves(rng: np.random.Generator, count: int) -> list[Tally]:
    """Prove what is wrong in one field or all, without singletons and with; a tally for each."""
    halves = [
        _attack(rng, count // 2, SlackVectorGram, FIELDS, "slack-vector form"),
        _attack(rng, count - count // 2, SingletonGram, WITH_SINGLETONS, "singleton form"),
    ]
    return [tally for half in halves for tally in half]


def _attack(
    rng: np.random.Generator,
    count: int,
    form: type[SlackVectorGram] | type[SingletonGram],
    fields: tuple[str, ...],
    name: str,
) -> list[Tally]:
    tallies = {field: Tally(f"{name}, {field}") for field in (*fields, "all")}
    made = 0
    for _, drawn in random_problems(rng, 20 * count):
        problem = UFM(drawn.class_sizes, drawn.control_at_unit_temperature)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InaccurateWarning)
            gram = solve_relaxation(problem, time_limit=10).orbit_gram
        if not isinstance(gram, form):
            continue
        program = Program.of(problem)
        truth = enclose(program, gram.own, gram.pair)
        for _ in range(min(_A_PROBLEM, count - made)):
            present = [field for field in tallies if getattr(gram, field, 0) is not None]
            field = str(rng.choice(present))
            changed = tuple(present[:-1]) if field == "all" else (field,)
            how, wrong = _wrong(rng, gram, changed)
            what, tally = f"{describe(problem)}, {field} {how}", tallies[field]
            with tally.attack(what), warnings.catch_warnings():
                warnings.simplefilter("error")
                proof = prove_gram(problem, Level.ORBITS, wrong)
                tally.unproved += not proof.certificate.proves(1e-9)
                tally.check_bounds(what, proof.certificate, truth)
                check_gram(tally, what, program, proof.gram.dense(), proof.certificate)
            made += 1
        if made >= count:
            break
    return list(tallies.values())


def _wrong(
    rng: np.random.Generator, gram: SlackVectorGram | SingletonGram, fields: tuple[str, ...]
) -> tuple[str, SlackVectorGram | SingletonGram]:
    """Change fields by factors, shifts, noise or another order."""
    size = float(10.0 ** rng.uniform(-16, 3))
    kind = str(rng.choice(["factor", "shift", "noise", "one entry", "permuted", "sign"]))
    changed: dict[str, Any] = {}
    for field in fields:
        number = getattr(gram, field)
        values = np.atleast_1d(number)
        entry = np.arange(len(values)) == rng.integers(len(values))
        wrong = {
            "factor": values * (1 + size),
            "shift": values - size,
            "noise": values + size * rng.standard_normal(values.shape),
            "one entry": np.where(entry, values + size, values),
            "permuted": rng.permutation(values),
            "sign": -values,
        }[kind]
        changed[field] = wrong if isinstance(number, np.ndarray) else float(wrong[0])
    return f"{kind} {size:.1e}", dataclasses.replace(gram, **changed)
