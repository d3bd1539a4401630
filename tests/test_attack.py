"""The attacks of `benchmarks/attack.py`, a few of each kind, and the truth that they stand on."""

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest

import screlax
from screlax.errors import InvalidInputError

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from problems import CASES, every_case, labels_of

from benchmarks.attack import KINDS, QUICK, attack, table, total
from benchmarks.attacks.program import Program
from benchmarks.attacks.tally import Tally
from benchmarks.attacks.truth import enclose, truth_of


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_no_attack_finds_a_false_proof(kind):
    count = KINDS[kind][1]
    share = QUICK / 2 if count > 1000 else QUICK
    tallies = attack([kind], seed=0, share=share)
    assert sum(tally.tried for tally in tallies) >= share * count / 2
    found = [text for tally in tallies for _, text in tally.found]
    assert sum(tally.false for tally in tallies) == 0, "\n".join([table(tallies), *found])


def test_a_kind_is_the_sum_of_its_attacks():
    tallies = [Tally("one", tried=3, refused=1, unproved=1), Tally("other", 4, false=1, worst=2e-3)]
    line = table([total("solves", tallies)]).splitlines()[-1]
    assert line == "| solves | 7 | 1 | 1 | 1 | 0 | 2.0e-03 |"


@every_case(CASES[::3])
def test_the_truth_encloses_the_optimum_to_forty_digits(case):
    truth = truth_of(screlax.solve_relaxation(case.problem))
    assert 0 < truth.width < 1e-35
    assert float(truth.upper) == pytest.approx(case.optimum, rel=1e-9)


@every_case(CASES[::4])
def test_a_poor_start_leaves_the_truth_an_enclosure(case):
    program = Program.of(case.problem)
    m = len(program.sizes)
    rough = enclose(program, np.ones(m), np.diag(np.equal(program.copies, 1).astype(float)))
    good = truth_of(screlax.solve_relaxation(case.problem))
    assert rough.lower <= good.upper
    assert good.lower <= rough.upper


def test_the_objective_is_that_of_the_samples():
    program = Program(sizes=(5, 3, 1), copies=(1, 2, 1), control="ridge", parameter=0.3)
    mp, rng = program.mp, np.random.default_rng(0)
    factor = [[mp.mpf(x) for x in row] for row in rng.standard_normal((3, 2)).tolist()]
    at = program.point(factor, [mp.mpf(0), mp.mpf(0.7), mp.mpf(0)])
    cell, labels = [0, 1, 1, 2], labels_of((5, 3, 3, 1))
    total = mp.mpf(0)
    for i, label in enumerate(labels):
        own, pair = at.own[cell[label]], at.pair[cell[label]]
        row = [own if other == label else pair[cell[other]] for other in labels]
        total += mp.mpf(0.3) / 2 * own
        if labels.count(label) > 1:
            total += mp.log(mp.fsum(mp.exp(x) for j, x in enumerate(row) if j != i)) - own
    assert abs(program.value(at) - total) < 1e-40 * total


def test_a_tally_counts_what_is_false():
    solution = screlax.solve_relaxation([6, 4, 2], control=screlax.Sphere(1.0), temperature=0.5)
    truth = truth_of(solution)
    tally = Tally("forged")
    right = solution.certificate
    for change in ({"lower": right.upper * (1 + 1e-9)}, {"upper": right.lower * (1 - 1e-9)}):
        tally.check_bounds("a bound", dataclasses.replace(right, **change), truth)
    assert tally.false >= 2
    assert tally.worst == pytest.approx(1e-9, rel=0.1)
    with tally.attack("a crash"):
        raise KeyError("lost")
    with tally.attack("an error of ours"):
        raise InvalidInputError("refused")
    assert (tally.tried, tally.refused) == (2, 1)
    assert tally.found[-1][1].startswith("a ")
