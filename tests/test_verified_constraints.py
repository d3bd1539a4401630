"""Proofs against rounding under linear constraints of one's own: closed forms, and forgeries."""

import mpmath as mp
import numpy as np
import pytest

import screlax
from screlax import UFM, Ball, Budget, Ridge, Sphere
from screlax.constraints import Linear
from screlax.errors import SolverCapabilityError
from screlax.gram.cells import CellGram, Level
from screlax.problem.program import build_program

flint = pytest.importorskip("flint")
from screlax.proof.verified import certifier as room  # noqa: E402
from screlax.proof.verified.balls import balls, precision, rounded_down, rounded_up  # noqa: E402
from screlax.proof.verified.dense import DenseBounds  # noqa: E402
from screlax.proof.verified.own_constraints import Row, made_to_hold  # noqa: E402

TAU, SIZE = 0.3, 20
ANGLE = Linear({(0, 1): 1.0}, equal=-0.4)


def value_of_two(control):
    """Return the least value for two classes of one size with their inner product at −0.4."""
    tau, across = mp.mpf(TAU), mp.mpf(-0.4) / mp.mpf(TAU)

    def loss(own):
        return 2 * SIZE * mp.log(SIZE - 1 + SIZE * mp.exp(across - own))

    if isinstance(control, Ridge):
        price = mp.mpf(control.parameter) * tau * SIZE
        own = mp.findroot(lambda x: mp.diff(loss, x) + price, 2.0)
        own = max(own, -across)
        return loss(own) + price * own
    return loss(mp.mpf(control.parameter) / tau)


@pytest.mark.parametrize("control", [Ridge(0.2), Ball(1.0), Sphere(1.0), Budget(1.0)], ids=str)
def test_the_optimum_of_two_classes_is_inside(control):
    with mp.workdps(50):
        truth = value_of_two(control)
        solution = screlax.solve_relaxation(
            UFM([SIZE, SIZE], control, TAU, constraints=[ANGLE]), rigorous=True
        )
        for level in ("orbits", "classes"):
            found = solution.recheck(level, rigorous=True)
            assert found.is_verified
            assert mp.mpf(found.lower) <= truth <= mp.mpf(found.upper)
            assert found.gap <= 1e-11 * found.upper


PROBLEMS = [
    ([50, 50, 50], [Linear({(0, 1): 1.0}, equal=-0.9)]),
    ([50, 20, 5], [Linear({(0, 1): 1.0}, lower=-0.3)]),
    ([50, 20, 20, 5], [Linear({(0, 1): 1.0, (0, 2): 1.0}, equal=0.2)]),
    ([50, 20, 5], [Linear({(0, 1): 1.0}, lower=-5.0)]),
]


@pytest.mark.parametrize(("sizes", "constraints"), PROBLEMS, ids=str)
@pytest.mark.parametrize("batches", [None, "weighted:size=6"])
def test_bounds_meet_at_all_levels_and_for_batches(sizes, constraints, batches):
    problem = UFM(sizes, Sphere(1.0), 0.4, constraints=constraints, batches=batches)
    solution = screlax.solve_relaxation(problem)
    found = [solution.recheck(level, rigorous=True) for level in ("orbits", "classes")]
    assert max(one.lower for one in found) <= min(one.upper for one in found)
    for one in found:
        assert one.gap <= 1e-11 * one.upper
        assert solution.lower <= one.upper
        assert one.lower <= solution.upper


@pytest.mark.parametrize("seed", range(10))
def test_forged_multipliers_and_grams_prove_nothing_false(seed):
    generator = np.random.default_rng(seed)
    problem = UFM([SIZE, SIZE], Sphere(1.0), TAU, constraints=[ANGLE])
    program = build_program(problem, Level.CLASSES)
    factor = generator.normal(size=(2, 2))
    gram = CellGram.from_matrix(factor @ factor.T)
    loss = program.loss.softmax_rows
    with precision(128), mp.workdps(50):
        truth = value_of_two(Sphere(1.0))
        rows = room._linear(problem, Level.CLASSES)
        bounds = DenseBounds(loss, program.control, room._parameter(problem), rows)
        given = generator.normal(size=2) * 10 ** generator.uniform(-1, 2)
        for z in generator.normal(size=3) * 10 ** generator.uniform(-2, 2):
            low = rounded_down(bounds.lower(loss.expand(gram), given, np.array([z])))
            assert mp.mpf(low) <= truth
        assert rounded_up(bounds.upper(gram)) >= truth


def test_multipliers_of_a_bound_that_is_not_there_are_left_out():
    """Were z < 0 of an upper bound counted, any number could be proved."""
    problem = UFM([50, 20], Sphere(1.0), 0.5, constraints=[Linear({(0, 1): 1.0}, upper=0.5)])
    best = screlax.solve_relaxation([50, 20], Sphere(1.0), temperature=0.5, rigorous=True)
    program = build_program(problem, Level.CLASSES)
    loss = program.loss.softmax_rows
    gram = CellGram.from_matrix(best.class_gram / 0.5)
    with precision(128):
        rows = room._linear(problem, Level.CLASSES)
        bounds = DenseBounds(loss, program.control, room._parameter(problem), rows)
        plain, forged = (
            bounds.lower(loss.expand(gram), np.ones(2), np.array([z])) for z in (0.0, -1e3)
        )
        assert plain.overlaps(forged)
        assert rounded_down(forged) <= best.upper


def test_a_point_is_moved_onto_its_constraints_exactly():
    """One entry at a third, which no double is, and squared norms of one."""
    with precision(128):
        third = flint.arb(1) / 3
        rows = [Row({}, {(0, 1): flint.arb(1) / 2, (1, 0): flint.arb(1) / 2}, third, third)]
        rows += [Row({g: flint.arb(1)}, {}, flint.arb(1), flint.arb(1)) for g in range(2)]
        table = [balls([1.0, 0.3333]), balls([0.3333, 1.0])]
        own, pair = made_to_hold(rows, balls([1.0, 1.0]), balls([1.0, 1.0]), table)
        assert pair[0][1].contains(third)
        assert pair[0][1].rad() < 1e-15
        assert all(x.contains(1) for x in own)


def test_what_cannot_be_moved_there_is_not_called_feasible():
    with precision(128):
        far = [Row({}, {(0, 1): flint.arb(1)}, flint.arb(3), flint.arb(3))]
        far += [Row({g: flint.arb(1)}, {}, flint.arb(1), flint.arb(1)) for g in range(2)]
        table = [balls([1.0, 0.1]), balls([0.1, 1.0])]
        assert made_to_hold(far, balls([1.0, 1.0]), balls([1.0, 1.0]), table) is None


@pytest.mark.parametrize(
    ("lower", "upper", "value", "nearest"),
    [(1, 3, 1.9, 1), (1, 3, 2.1, 3), (1, 3, 0, 1), (1, 3, 4, 3), (1, None, 0, 1), (None, 3, 4, 3)],
)
def test_a_value_is_moved_to_the_bound_that_is_nearest(lower, upper, value, nearest):
    ends = [None if end is None else flint.arb(end) for end in (lower, upper)]
    assert Row({}, {}, *ends).nearest(flint.arb(value)) == nearest


def test_functions_of_the_variable_are_refused_before_any_work():
    with pytest.raises(SolverCapabilityError, match="linear"):
        screlax.solve_relaxation(
            [5, 3], Sphere(1.0), constraints=[lambda gram: gram[0, 1] <= 0.1], rigorous=True
        )
