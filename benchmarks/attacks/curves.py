"""Attack: Gram matrices in slack-vector form, with wrong numbers, given to the proof in O(m)."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np

from screlax import UFM, InaccurateWarning, solve_relaxation
from screlax.gram.cells import Level
from screlax.gram.curve import SlackVectorGram
from screlax.proof.prove import prove_gram

from .problems import describe, random_problems
from .program import Program
from .solves import check_gram
from .tally import Tally
from .truth import enclose

_A_PROBLEM = 12
"""Attacks on each problem."""

FIELDS = ("unit_own", "centre", "log_normalizer", "log_slack")


def attack_curves(rng: np.random.Generator, count: int) -> list[Tally]:
    """Prove what is wrong in one field or all; one tally for each field."""
    tallies = {field: Tally(f"slack-vector form, {field}") for field in (*FIELDS, "all")}
    made = 0
    for _, drawn in random_problems(rng, count):
        problem = UFM(drawn.class_sizes, drawn.control_at_unit_temperature)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InaccurateWarning)
            gram = solve_relaxation(problem, time_limit=10).orbit_gram
        if not isinstance(gram, SlackVectorGram):
            continue
        program = Program.of(problem)
        truth = enclose(program, gram.own, gram.pair)
        for _ in range(min(_A_PROBLEM, count - made)):
            field = str(rng.choice(list(tallies)))
            how, wrong = _wrong(rng, gram, FIELDS if field == "all" else (field,))
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
    rng: np.random.Generator, gram: SlackVectorGram, fields: tuple[str, ...]
) -> tuple[str, SlackVectorGram]:
    """Change fields by factors, shifts, noise or another order."""
    size = float(10.0 ** rng.uniform(-16, 3))
    kind = str(rng.choice(["factor", "shift", "noise", "one entry", "permuted", "sign"]))
    changed = {}
    for field in fields:
        values = getattr(gram, field)
        entry = np.arange(len(values)) == rng.integers(len(values))
        changed[field] = {
            "factor": values * (1 + size),
            "shift": values - size,
            "noise": values + size * rng.standard_normal(values.shape),
            "one entry": np.where(entry, values + size, values),
            "permuted": rng.permutation(values),
            "sign": -values,
        }[kind]
    return f"{kind} {size:.1e}", dataclasses.replace(gram, **changed)
