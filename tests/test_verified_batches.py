"""Proofs against rounding of expected mini-batches: against all batches in 60 digits."""

import itertools

import mpmath as mp
import numpy as np
import pytest
from flint_numbers import exactly, is_inside

import screlax
from benchmarks.attacks.batch_truth import expected_loss
from screlax import UFM, Ball, Budget, Ridge, Sphere
from screlax.batches import ClassBatches, PoissonBatches, RandomBatches, WeightedBatches
from screlax.errors import SolverCapabilityError
from screlax.gram.cells import CellGram, Level
from screlax.losses import SupCon
from screlax.problem.program import build_program

flint = pytest.importorskip("flint")
from screlax.proof.verified import expectation as room  # noqa: E402
from screlax.proof.verified.balls import precision, rounded_down, rounded_up  # noqa: E402
from screlax.proof.verified.batches import BatchBounds  # noqa: E402
from screlax.proof.verified.exponential_sum import BallSum  # noqa: E402

SIZES = [4, 3, 2]
SAMPLERS = [
    RandomBatches(4),
    RandomBatches(8, drop_last=True),
    RandomBatches(9),
    WeightedBatches(3, [3.0, 1.0, 0.1]),
    PoissonBatches(0.3),
    ClassBatches(2, 2),
    ClassBatches(2, 3, small_classes="cap"),
]
every_sampler = pytest.mark.parametrize("sampler", SAMPLERS, ids=str)
CONTROLS = [Ridge(0.05), Ball(1.5), Sphere(2.0), Budget(1.0)]


def bounds_of(problem, level=Level.CLASSES):
    """Return the bounds of a problem at a level, made of its own program."""
    program = build_program(problem, level)
    parameter = flint.arb(program.control.parameter)
    return BatchBounds(problem, level, program.loss, program.control, parameter)


def wild_gram(seed, classes=3):
    generator = np.random.default_rng(seed)
    factor = generator.normal(size=(classes, classes)) * 10 ** generator.uniform(-1.5, 0.8)
    return factor @ factor.T


@pytest.mark.parametrize("views", [1, 2])
@every_sampler
def test_value_and_slope_of_all_batches_are_inside(sampler, views):
    for seed in range(2):
        gram = wild_gram(seed)
        problem = UFM(SIZES, Sphere(1.0), 1.0, loss=SupCon(views=views), batches=sampler)
        with precision(192), mp.workdps(70):
            table = [[flint.arb(x) for x in row] for row in gram.tolist()]
            value, (own, pair) = bounds_of(problem).at([table[c][c] for c in range(3)], table)
            exact = [[mp.mpf(x) for x in row] for row in gram.tolist()]
            truth, slopes = expected_loss(sampler, SIZES, views, exact)
            assert is_inside(truth, value)
            assert value.rad() <= 1e-15 * abs(value.mid())
            for c in range(3):
                assert is_inside(-mp.fsum(slopes[c]), own[c])
                for j in {0, 1, 2} - {c}:
                    assert is_inside((slopes[c][j] + slopes[j][c]) / 2, pair[c][j])


@pytest.mark.parametrize(
    ("sampler", "control"), list(zip(SAMPLERS, itertools.cycle(CONTROLS), strict=False)), ids=str
)
def test_bounds_of_the_optimum_meet_and_forged_points_prove_nothing_false(sampler, control):
    problem = UFM(SIZES, control, 0.5, batches=sampler)
    solution = screlax.solve_relaxation(problem)
    best = solution.recheck(rigorous=True)
    assert best.is_verified
    assert best.gap <= solution.certificate.gap
    bounds = bounds_of(UFM(SIZES, problem.control_at_unit_temperature, 1.0, batches=sampler))
    for seed in range(3):
        gram = CellGram.from_matrix(wild_gram(seed))
        if seed == 2:  # the optimum, moved
            near = solution.class_gram / 0.5 + 1e-5 * wild_gram(7)
            gram = CellGram.from_matrix(near)
        lower, upper = bounds.bounds(gram)
        assert rounded_down(lower) <= best.upper
        assert rounded_up(upper) >= best.lower


def test_a_batch_of_everything_is_the_loss_of_all_samples():
    whole = screlax.solve_relaxation([20, 8, 5, 5, 2], Ridge(0.1), rigorous=True)
    batch = screlax.solve_relaxation(
        [20, 8, 5, 5, 2], Ridge(0.1), batches=RandomBatches(40), rigorous=True
    )
    assert max(whole.lower, batch.lower) <= min(whole.upper, batch.upper)
    assert batch.certificate.gap <= 1e-12 * batch.upper


@pytest.mark.parametrize("sampler", SAMPLERS[3:6:2], ids=str)
def test_classes_and_orbits_prove_the_same(sampler):
    problem = UFM([3, 3, 2], Sphere(1.0), 0.4, batches=sampler)
    solution = screlax.solve_relaxation(problem)
    orbits, classes = (solution.recheck(level, rigorous=True) for level in ("orbits", "classes"))
    assert max(orbits.lower, classes.lower) <= min(orbits.upper, classes.upper)


@pytest.mark.parametrize(
    "sampler", [RandomBatches(6), PoissonBatches(0.1), WeightedBatches(9), ClassBatches(3, 4)]
)
def test_interpolated_classes_contain_every_class(sampler, monkeypatch):
    """Chebyshev columns, circles that rows share, tails and all, against classes one by one."""
    sizes = [40, 12, 5, 3]
    problem = UFM(sizes, Sphere(1.0), 1.0, batches=sampler)
    gram = wild_gram(3, 4) / 10
    found = []
    with precision(192):
        table = [[flint.arb(x) for x in row] for row in gram.tolist()]
        own = [table[c][c] for c in range(4)]
        for most in (16, 0):  # with no columns to share, one row after another
            monkeypatch.setattr(room, "_MOST", most)
            found.append(bounds_of(problem).at(own, table))
        (value, (along, _)), (other, (exact, _)) = found
        assert value.overlaps(other)
        assert value.rad() <= 1e-15 * abs(value.mid())
        for one, two in zip(along, exact, strict=True):
            assert one.overlaps(two)
            assert one.rad() <= 1e-14 * abs(one.mid())


@pytest.mark.parametrize("ratio", [1.0, 3.0, 1e5])
def test_sums_of_exponentials_are_as_near_as_they_say(ratio):
    with precision(192), mp.workdps(60):
        rule = BallSum(2.0, 2.0 * ratio)
        assert rule.error < 1e-18
        nodes, weights = ([exactly(x) for x in numbers] for numbers in (rule.nodes, rule.weights))
        for y in np.geomspace(2.0, 2.0 * ratio, 17):
            found = mp.fsum(w * mp.exp(-t * y) for t, w in zip(nodes, weights, strict=True))
            assert abs(1 - y * found) <= exactly(rule.error)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ({"loss": "class-averaged"}, "SupCon"),
        ({"loss": "negatives-only"}, "SupCon"),
        ({"batches": "poisson:rate=0.3,mean_over=anchors"}, "mean_over"),
    ],
)
def test_what_is_not_enclosed_says_so_before_any_work(kind, words):
    given = {"batches": "shuffle:size=4", "control": Sphere(1.0), **kind}
    with pytest.raises(SolverCapabilityError, match=words):
        screlax.solve_relaxation([8, 5, 3], rigorous=True, **given)


def test_a_sampler_that_contradicts_itself_is_refused(monkeypatch):
    solution = screlax.solve_relaxation([8, 5, 3], Sphere(1.0), batches="shuffle:size=4")
    honest = RandomBatches.numbers_exactly

    def more(self, sizes, exactly):
        found = honest(self, sizes, exactly)
        return [([2 * a for a in anchors], units) for anchors, units in found]

    monkeypatch.setattr(RandomBatches, "numbers_exactly", more)
    with pytest.raises(SolverCapabilityError, match="two numbers of anchors"):
        solution.recheck(rigorous=True)
