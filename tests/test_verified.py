"""Proofs against rounding: bounds in ball arithmetic, against optima in 60 digits."""

from dataclasses import replace

import mpmath as mp
import numpy as np
import pytest
from every_loss import LOSSES, SIZES, TEMPERATURE, control_of, every_control, every_loss
from kkt_reference import reference_value

import screlax
from screlax import UFM, Ball, Budget, Ridge, Sphere
from screlax.cli import main
from screlax.equations.orthogonal import orthogonal_classes
from screlax.errors import MissingExtraError, SolverCapabilityError
from screlax.gram.cells import CellGram, Level
from screlax.gram.curve import SlackVectorGram
from screlax.problem.program import build_program

flint = pytest.importorskip("flint")
from screlax.proof.verified import certifier as room  # noqa: E402
from screlax.proof.verified.balls import (  # noqa: E402
    balls,
    precision,
    rounded_down,
    rounded_up,
)
from screlax.proof.verified.dense import DenseBounds  # noqa: E402
from screlax.proof.verified.sums import Sums  # noqa: E402

CONTROLS = [
    (Ridge(0.3), 0.7),
    (Ridge(0.01), 1.0),
    (Ball(1.5), 0.3),
    (Sphere(1.0), 0.1),
    (Budget(0.8), 0.3),
]
PROFILES = [(7, 3), (4, 4, 4), (8, 8, 2, 2), (15, 8, 4, 2), (500, 30, 30, 7, 2)]


def solved(sizes, control, temperature, **kind):
    return screlax.solve_relaxation(sizes, control, temperature=temperature, **kind)


@pytest.mark.parametrize("sizes", PROFILES, ids=str)
@pytest.mark.parametrize(("control", "temperature"), CONTROLS, ids=str)
def test_the_optimum_is_inside_and_the_bounds_are_neighbours(sizes, control, temperature):
    solution = solved(sizes, control, temperature)
    certificate = solution.recheck(rigorous=True)
    assert certificate.is_verified
    with mp.workdps(60):
        truth = reference_value(solution)
        assert mp.mpf(certificate.lower) <= truth <= mp.mpf(certificate.upper)
    assert certificate.gap <= 1e-14 * certificate.upper


@pytest.mark.parametrize("sizes", [(6, 4, 1), (9, 5, 3, 1, 1), (30, 9, 9, 4, 1)], ids=str)
@pytest.mark.parametrize(("control", "temperature"), CONTROLS, ids=str)
def test_the_optimum_is_inside_with_singletons(sizes, control, temperature):
    solution = solved(sizes, control, temperature)
    certificate = solution.recheck(rigorous=True)
    with mp.workdps(60):
        truth = reference_value(solution)
        assert mp.mpf(certificate.lower) <= truth <= mp.mpf(certificate.upper)
    assert certificate.gap <= 1e-12 * certificate.upper


@pytest.mark.parametrize("level", ["classes", "samples"])
def test_the_generic_way_agrees_at_other_levels(level):
    solution = solved((8, 5, 5, 2), Ridge(0.1), 0.3)
    at_orbits, other = solution.recheck(rigorous=True), solution.recheck(level, rigorous=True)
    assert other.lower <= at_orbits.upper
    assert at_orbits.lower <= other.upper
    assert other.gap <= 1e-12 * other.upper


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("control", "temperature"), CONTROLS, ids=str)
def test_a_slack_vector_that_is_off_proves_less_and_nothing_false(seed, control, temperature):
    """Nothing of v and Z is believed: whatever they are, the optimum stays inside."""
    generator = np.random.default_rng(seed)
    solution = solved((40, 12, 12, 5), control, temperature)
    gram = solution.point_gram.scaled(1 / temperature)
    assert isinstance(gram, SlackVectorGram)
    size = 10.0 ** generator.uniform(-12, -2)
    noise = size * generator.normal(size=(2, len(gram.centre)))
    moved = replace(
        gram,
        log_slack=gram.log_slack + noise[0],
        log_normalizer=gram.log_normalizer + noise[1],
        centre=gram.centre + noise[0] + noise[1] / 2,
    )
    with precision(128):
        lower, upper, is_feasible = room._structured(solution.problem, Level.ORBITS, moved)
        low, high = rounded_down(lower), rounded_up(upper)
    with mp.workdps(60):
        truth = reference_value(solution)
        assert mp.mpf(low) <= truth
        assert not is_feasible or truth <= mp.mpf(high)
    assert high - low < 10 * size * high


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("control", "temperature"), CONTROLS, ids=str)
def test_forged_duals_and_grams_prove_nothing_false(seed, control, temperature):
    generator = np.random.default_rng(seed)
    solution = solved((6, 4, 4, 2), control, temperature)
    program = build_program(solution.problem, Level.ORBITS)
    loss, m = program.loss.softmax_rows, len(program.cells)
    wild = generator.normal(size=(m, m)) * 10.0 ** generator.uniform(-3, 1)
    gram = CellGram(np.abs(generator.normal(size=m)) + 0.1, wild @ wild.T)
    rows = loss.expand(gram)
    given = generator.normal(size=m) * 10.0 ** generator.uniform(-2, 2)
    with precision(128), mp.workdps(60):
        bounds = DenseBounds(loss, program.control, room._parameter(solution.problem))
        truth = reference_value(solution)
        assert mp.mpf(rounded_down(bounds.lower(rows, given))) <= truth
        assert truth <= mp.mpf(rounded_up(bounds.upper(gram)))


@pytest.mark.parametrize(("control", "temperature"), CONTROLS, ids=str)
def test_the_upper_bound_is_of_the_point_scaled_to_the_control(control, temperature):
    """Row by row on a ball or sphere, all alike for a budget: what is scaled otherwise may be
    below the optimum, and no longer positive semidefinite."""
    solution = solved((6, 4, 4, 2), control, temperature)
    program = build_program(solution.problem, Level.CLASSES)
    sizes, m = np.array([6, 4, 4, 2]), 4
    factor = np.random.default_rng(3).normal(size=(m, m)) * np.array([[3.0], [1.0], [0.2], [2.0]])
    gram, limit = factor @ factor.T, control.parameter / temperature
    scale, cost = np.ones(m), 0.0
    if isinstance(control, Ridge):
        cost = control.parameter * temperature / 2 * sizes @ np.diagonal(gram)
    elif isinstance(control, Budget):
        scale *= min(1.0, np.sqrt(limit * sizes.sum() / (sizes @ np.diagonal(gram))))
    else:
        scale = np.sqrt(limit / np.diagonal(gram))
        scale = np.minimum(scale, 1.0) if isinstance(control, Ball) else scale
    logits = gram * np.outer(scale, scale)
    weights = sizes - np.eye(m)
    losses = np.log((weights * np.exp(logits)).sum(axis=1)) - np.diagonal(logits)
    with precision(128):
        bounds = DenseBounds(
            program.loss.softmax_rows, program.control, room._parameter(solution.problem)
        )
        found = rounded_up(bounds.upper(CellGram.from_matrix(gram)))
    assert found == pytest.approx(sizes @ losses + cost, rel=1e-12)


@every_loss
@every_control
@pytest.mark.parametrize("features", ["real", "nonnegative"])
def test_every_loss_has_bounds_that_meet_those_in_double_precision(name, kind, features):
    problem = UFM(SIZES, control_of(name, kind), TEMPERATURE, loss=LOSSES[name], features=features)
    solution = screlax.solve_relaxation(problem)
    if features == "nonnegative" and orthogonal_classes(problem) is None:
        with pytest.raises(SolverCapabilityError, match="no proof against rounding"):
            solution.recheck(rigorous=True)
        return
    certificate = solution.recheck(rigorous=True)
    assert certificate.is_verified
    assert certificate.lower <= solution.upper
    assert solution.lower <= certificate.upper
    if (
        kind == "ridge" and "negatives" in name and features == "real"
    ):  # no row but its own bounds it from below
        assert certificate.lower == -np.inf
        return
    if solution.status == "optimal":
        assert certificate.gap <= 1e-10 * (1 + abs(certificate.upper))


@pytest.mark.parametrize("spread", [0.5, 3.0, 12.0])
def test_interpolated_sums_contain_the_exact_ones(spread, monkeypatch):
    generator = np.random.default_rng(1)
    m = 300
    zeta = balls(generator.uniform(-spread, spread, m))
    copies = balls(generator.integers(1, 4, m))
    weights, extra = balls(generator.lognormal(size=m)), balls(generator.normal(size=m))
    with precision(128):
        sums = Sums(zeta, copies)
        assert not sums.is_exact
        found = sums.over_others(weights, extra)
        exact = sums._summed(weights, extra)
        for one, other in zip(found, exact, strict=True):
            for ball, inside in zip(one, other, strict=True):
                assert ball.overlaps(inside)
                assert ball.contains(inside.mid())
                assert ball.rad() < 1e-15 * abs(ball.mid())


def test_sums_over_too_wide_a_range_are_not_interpolated():
    with precision(128):
        zeta = balls(np.linspace(-400.0, 400.0, 30))
        assert Sums(zeta, balls(np.ones(30))).is_exact


def test_rounding_goes_outward():
    with precision(128):
        third = flint.arb(1) / 3
        assert rounded_down(third) < rounded_up(third)
        assert flint.arb(rounded_down(third)) <= third <= flint.arb(rounded_up(third))
        assert rounded_down(flint.arb(0.1)) == rounded_up(flint.arb(0.1)) == 0.1
        assert rounded_down(flint.arb.nan()) == -np.inf
        assert rounded_up(flint.arb.pos_inf()) == np.inf
        wide = flint.arb(1, 0.25)  # all of a ball counts, not its middle
        assert rounded_down(wide) <= 0.75 < 1.25 <= rounded_up(wide)


def test_the_precision_of_others_is_left_alone():
    before = flint.ctx.prec
    solved((5, 3, 2), Ridge(0.1), 1.0).recheck(rigorous=True)
    assert flint.ctx.prec == before


def test_solve_certify_and_files(capsys, tmp_path):
    solution = solved((50, 20, 5), Sphere(1.0), 0.1, rigorous=True)
    assert solution.certificate.is_verified
    assert solution.status == "optimal"
    file = solution.save(tmp_path / "optimum.npz")
    loaded = screlax.Solution.load(file)
    assert not loaded.certificate.is_verified  # what a file says of itself proves nothing
    assert loaded.recheck(rigorous=True) == solution.certificate
    assert main(["certify", str(file), "--rigorous"]) == 0
    printed = capsys.readouterr().out
    assert "in exact arithmetic" in printed
    assert f"{solution.lower:.17g} ≤ optimum ≤ {solution.upper:.17g}" in printed
    (tmp_path / "counts.csv").write_text("50\n20\n5\n")
    arguments = ["--counts", str(tmp_path / "counts.csv"), "--ridge", "0.1", "--rigorous"]
    assert main(["solve", *arguments, "--json"]) == 0
    assert '"is_verified": true' in capsys.readouterr().out


def test_without_ball_arithmetic_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "screlax.proof.verified.certifier", None)
    solution = solved((5, 3, 2), Ridge(0.1), 1.0)
    with pytest.raises(MissingExtraError, match=r"screlax\[verified\]"):
        solution.recheck(rigorous=True)
    monkeypatch.setattr("screlax.solve.solve.silent_solution", None)  # before any work
    with pytest.raises(MissingExtraError, match=r"screlax\[verified\]"):
        solved((5, 3, 2), Ridge(0.1), 1.0, rigorous=True)


def test_an_extra_that_would_not_help_is_not_asked_for(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "screlax.proof.verified.certifier", None)
    kind = {"control": screlax.Normalized(4.0), "loss": "cross-entropy"}
    with pytest.raises(SolverCapabilityError, match="norms that are not fixed"):
        screlax.solve_relaxation([5, 3, 2], **kind).recheck(rigorous=True)
    with pytest.raises(SolverCapabilityError, match="norms that are not fixed"):
        screlax.solve_relaxation([5, 3, 2], **kind, rigorous=True)
