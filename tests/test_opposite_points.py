"""Two opposite points: the form that takes m numbers, its proof in O(m), files."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_no_false_proof import tampered

from screlax import UFM, Ball, Ridge, Solution, Sphere, losses, solve_relaxation
from screlax.errors import FileFormatError
from screlax.gram.cells import Level
from screlax.gram.opposite import OppositeGram
from screlax.problem.program import build_program
from screlax.proof.dense import certify
from screlax.proof.opposite import prove_opposite
from screlax.proof.prove import prove_gram
from screlax.solution.spectrum import class_spectrum
from screlax.solve.collapse import opposite_points

seeds = st.integers(0, 2**32 - 1)


def gram_of(problem: UFM, side: np.ndarray) -> OppositeGram:
    norm = problem.control_at_unit_temperature.parameter
    return OppositeGram(side, norm, problem.points.multiplicities.astype(float))


def random_problem(rng: np.random.Generator) -> UFM:
    anchored = np.floor(np.exp(rng.uniform(np.log(2), 6, rng.integers(1, 6)))).astype(int)
    sizes = [*anchored, *[1] * int(rng.integers(1, 60))]
    kinds = [
        losses.SupCon(),
        losses.ClassAveraged(),
        losses.NegativesOnly(),
        losses.SupCon(class_weights=rng.uniform(0.3, 3.0, len(sizes))),
    ]
    control = (Sphere, Ball)[rng.integers(2)](float(10 ** rng.uniform(-3, 0.7)))
    return UFM(sizes, control, loss=kinds[rng.integers(4)])


@settings(max_examples=80, deadline=None)
@given(seeds)
def test_the_proof_agrees_with_the_dense_one(seed):
    """Where two points are optimal, and where they are not: then nothing is proved."""
    rng = np.random.default_rng(seed)
    problem = random_problem(rng)
    found = opposite_points(problem)
    if found is None:
        side = np.where(np.arange(problem.points.orbits) == rng.integers(3), 1.0, -1.0)
        assert prove_opposite(problem, gram_of(problem, side)) is None
        return
    copies = problem.points.multiplicities
    values, counts = class_spectrum(found, copies)
    assert counts.sum() == copies.sum()
    assert values @ counts == pytest.approx(copies @ found.own)
    certificate = prove_opposite(problem, found)
    dense = certify(build_program(problem, Level.ORBITS), found.dense()).certificate
    if certificate is not None:
        assert certificate.lower <= dense.upper
        assert dense.lower <= certificate.upper
        size = certificate.rounding + dense.rounding + 1e-13 * abs(dense.upper)
        assert abs(certificate.upper - dense.upper) <= size
        assert certificate.infimum <= certificate.lower <= certificate.upper


@pytest.mark.parametrize("control", [Sphere(0.1), Ball(0.1)], ids=["sphere", "ball"])
def test_many_classes_take_no_square_matrix(control, monkeypatch, tmp_path):
    monkeypatch.setattr(OppositeGram, "pair", property(pytest.fail))
    sizes = np.concatenate([[10**12], np.arange(10_000, 0, -1)])
    problem = UFM.from_pairs(sizes, np.ones_like(sizes), control)
    solution = solve_relaxation(problem)
    assert solution.solver_message == "closed form: two opposite points"
    assert solution.certificate.relative_gap <= 1e-13
    assert solution.rank == 1
    loaded = Solution.load(solution.save(tmp_path / "x.npz"))
    assert loaded.certificate == solution.certificate
    assert (tmp_path / "x.npz").stat().st_size < 200_000


def test_its_numbers_are_those_of_one_matrix():
    solution = solve_relaxation([1000, 10, 10, 2, 1], Sphere(0.5), temperature=0.9)
    gram = solution.orbit_gram
    assert isinstance(gram, OppositeGram)
    dense = gram.dense()
    assert np.array_equal(gram.rows(np.array([2, 0])), dense.pair[[2, 0]])
    assert np.array_equal(np.abs(dense.pair), np.full((4, 4), dense.own[0]))
    assert dense.own == pytest.approx(np.full(4, 0.5))
    assert np.array_equal(gram.spread, np.zeros(4))
    assert gram.scaled(2.0).pair == pytest.approx(2 * gram.pair)
    assert solution.eigenvalues == pytest.approx([2.5, 0, 0, 0, 0])
    assert solution.recheck("classes").proves(1e-12)
    assert solution.recheck("samples").proves(1e-10)


def test_wrong_sides_norms_and_controls_prove_nothing():
    problem = UFM([1000, 10, 10, 2, 1], Sphere(0.5))
    right = opposite_points(problem)
    best = prove_opposite(problem, right)
    assert best.proves(1e-13)
    for wrong in (
        dataclasses.replace(right, side=-right.side[::-1]),
        dataclasses.replace(right, side=np.array([1.0, -1.0, 1.0, -1.0])),
        dataclasses.replace(right, side=right.side * 0.5),
        dataclasses.replace(right, unit_norm=0.4),
        dataclasses.replace(right, unit_norm=0.5 * (1 + 1e-14)),
    ):
        assert prove_opposite(problem, wrong) is None
        proof = prove_gram(problem, Level.ORBITS, wrong)
        assert proof.certificate.lower <= best.upper
        assert proof.certificate.upper >= best.lower
    assert prove_opposite(UFM(problem.class_sizes, Ridge(0.5)), right) is None
    assert prove_opposite(UFM([1000, 10, 2], Sphere(0.5)), right) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"side": lambda side: -side[::-1]},
        {"side": lambda side: side * 0.5},
        {"unit_norm": lambda norm: norm * (1 - 1e-9)},
        {"unit_norm": lambda norm: -norm},
        {"side": lambda side: side * 1e200},
        {"side": lambda side: side[1:]},
    ],
)
def test_forged_files_are_refused(changes, tmp_path):
    solution = solve_relaxation([1000, 10, 10, 2, 1], Sphere(0.5))
    with pytest.raises(FileFormatError):
        Solution.load(tampered(solution, tmp_path, **changes))


@pytest.mark.parametrize(
    "sizes", [[100, 3, 2], [1000, 10, 7, 5, 3], [400, 20, 20, 3, 1, 1], [3, 2] + [1] * 60]
)
def test_the_proof_ends_where_two_points_are_no_longer_optimal(sizes):
    """On both sides of the radius at which the slack becomes indefinite."""
    low, high = 0.01, 10.0
    assert opposite_points(UFM(sizes, Sphere(low))) is not None
    for _ in range(60):
        middle = (low + high) / 2
        beyond = opposite_points(UFM(sizes, Sphere(middle))) is None
        low, high = (low, middle) if beyond else (middle, high)
    inside = UFM(sizes, Sphere(low * (1 - 1e-6)))
    side = opposite_points(inside).side
    assert prove_opposite(inside, gram_of(inside, side)).proves(1e-13)
    for factor in (1 + 1e-9, 1 + 1e-6, 1.01, 1.5, 4.0):
        outside = UFM(sizes, Sphere(low * factor))
        assert prove_opposite(outside, gram_of(outside, side)) is None
