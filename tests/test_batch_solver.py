"""Newton for expected losses of batches: every rank, all controls and samplers, against descent."""

import numpy as np
import pytest
from problems import distance_of_grams

from screlax import UFM, Ball, Budget, Ridge, Sphere, solve_relaxation
from screlax.batches import ClassBatches, PoissonBatches, RandomBatches, WeightedBatches
from screlax.gram.cells import CellGram, Level
from screlax.losses import SupCon
from screlax.problem.program import build_program
from screlax.proof.dense import certify
from screlax.solve.batches import linear
from screlax.solve.batches.newton import solve_in_batches
from screlax.solve.batches.start import start_at_mean
from screlax.solve.nonnegative import solve_nonnegative

CONTROLS = [Ridge(0.02), Ball(1.0), Sphere(1.0), Budget(1.0)]


def is_tight(solution):
    """Whether nothing is left to gain: 1e-10 of the value and 1e-6 of the height, or rounding."""
    certificate = solution.certificate
    height = certificate.upper - certificate.infimum
    small = solution.relative_gap <= 1e-10 and certificate.gap <= 1e-6 * height
    return small or certificate.is_rounding


def random_problem(number):
    rng = np.random.default_rng(number)
    sizes = np.floor(np.exp(rng.uniform(0, np.log(200), rng.integers(3, 12)))).astype(int)
    sizes[0] += 1
    if number % 2:
        sizes[rng.random(len(sizes)) < 0.4] = 1
        sizes[0] = 30
    batch = int(np.exp(rng.uniform(np.log(3), np.log(sizes.sum() - 2))))
    samplers = [
        RandomBatches(batch, drop_last=True),
        WeightedBatches(batch),
        ClassBatches(2, 4, "repeat" if number % 3 else "cap"),
        PoissonBatches(batch / sizes.sum()),
        RandomBatches(batch),
    ]
    temperature = float(np.exp(rng.uniform(np.log(0.05), np.log(2.0))))
    loss = SupCon(views=1 + number % 3 % 2)
    control = CONTROLS[number // 5 % 4]
    return UFM(sizes, control, temperature, loss=loss, batches=samplers[number % 5])


@pytest.mark.parametrize("number", range(40))
def test_random_profiles_with_singletons_are_certified(number):
    solution = solve_relaxation(random_problem(number))
    assert solution.solver_message == "slack-vector Newton"
    assert is_tight(solution)


@pytest.mark.parametrize(
    ("sizes", "control", "temperature", "batches", "lost"),
    [
        # λ/2 is above the chance of 0.05 that three others hold one of two partners
        ([60, 30, 20, 3, 3, 2], Ridge(0.12), 1.0, RandomBatches(4, drop_last=True), [3, 4, 5]),
        (
            [60, 30, 20, 3, 3, 3, 3],
            Budget(0.3),
            1.0,
            RandomBatches(3, drop_last=True),
            [3, 4, 5, 6],
        ),
        ([60, 30, 2, 2, 2], Sphere(1.0), 2.0, PoissonBatches(0.05), [2, 3, 4]),
        ([60, 30, 2, 2, 2], Ball(1.0), 2.0, RandomBatches(8, drop_last=True), [2, 3, 4]),
    ],
    ids=["ridge", "budget", "sphere", "ball"],
)
def test_classes_that_leave_no_direction_agree_with_a_descent(
    sizes, control, temperature, batches, lost
):
    problem = UFM(sizes, control, temperature, batches=batches)
    solution = solve_relaxation(problem)
    assert solution.solver_message == "slack-vector Newton"
    assert is_tight(solution)
    assert solution.rank < len(sizes) - 1
    gram = solution.class_gram[np.ix_(lost, lost)]
    norms = np.sqrt(np.diagonal(gram))
    np.testing.assert_allclose(gram / np.outer(norms, norms), 1.0, atol=0.02)
    descent = solve_relaxation(problem, solver="burer-monteiro")
    assert descent.value == pytest.approx(solution.value, rel=1e-10)
    assert distance_of_grams(descent.class_gram, solution.class_gram) < 1e-3


def test_a_class_loses_its_direction_where_its_chance_of_a_positive_is_half_the_ridge():
    sizes, batches = [50, 30, 4, 4], RandomBatches(10, drop_last=True)
    # the nine others hold none of three partners among 87
    alone = np.prod((84 - np.arange(9)) / (87 - np.arange(9)))
    for share, lost in ((1.001, True), (0.05, False)):
        control = Ridge(2 * share * float(1 - alone))
        gram = solve_relaxation(UFM(sizes, control, batches=batches)).class_gram
        assert (gram[2, 2] - gram[2, 3] < 1e-8 * gram[2, 2]) == lost


@pytest.mark.parametrize("views", [1, 2])
@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.name)
def test_a_batch_of_everything_has_the_optimum_of_all_samples(control, views):
    sizes, loss = [20, 8, 5, 5, 1, 1], SupCon(views=views)
    whole = solve_relaxation(UFM(sizes, control, 0.5, loss=loss))
    problem = UFM(sizes, control, 0.5, loss=loss, batches=RandomBatches(40))
    batch = solve_relaxation(problem)
    assert batch.value == pytest.approx(whole.value, rel=1e-10)
    assert distance_of_grams(batch.class_gram, whole.class_gram) < 1e-6
    near = start_at_mean(problem)  # where every batch has the mean composition
    assert near is not None
    program = build_program(problem, Level.ORBITS)
    assert program.value(near) == pytest.approx(whole.value, rel=1e-10)


@pytest.mark.parametrize("views", [1, 2, 3])
@pytest.mark.parametrize(
    "sampler",
    [
        RandomBatches(5),
        RandomBatches(4, drop_last=True),
        WeightedBatches(5, [0.5, 0.2, 0.3]),
        PoissonBatches(0.3),
        ClassBatches(2, 2),
        ClassBatches(2, 3, "cap"),
    ],
    ids=str,
)
def test_slopes_of_weighted_classes_are_those_of_the_value(sampler, views):
    loss = SupCon(views=views, class_weights=[2.0, 0.3, 1.0])
    problem = UFM([4, 3, 2], Sphere(1.0), loss=loss, batches=sampler)
    program = build_program(problem, Level.CLASSES)
    rng = np.random.default_rng(views)
    root, turn = rng.standard_normal((2, 3, 3))
    gram, step = CellGram.from_matrix(root @ root.T), CellGram.from_matrix(turn + turn.T)
    at = program.loss.expand(gram)
    slope, bend = program.loss.gradient(at), program.loss.curvature(at, step)
    first = slope.own @ step.own + (slope.pair * step.pair).sum()
    second = bend.own @ step.own + (bend.pair * step.pair).sum()
    errors = [
        abs(program.loss.change(at, step.scaled(t)) - t * first - t**2 / 2 * second)
        for t in (1e-2, 5e-3)
    ]
    assert errors[0] / errors[1] == pytest.approx(8, rel=0.2)


def test_directions_one_by_one_and_all_at_once_lead_to_the_same_root(monkeypatch):
    sizes = [90, 60, 40, 25, 9, 8, 7, 6, 5, 4, 3, 2]
    batches = RandomBatches(20, drop_last=True)
    for control in (Ridge(0.5), Budget(0.3), Sphere(0.5)):
        program = build_program(UFM(sizes, control, batches=batches), Level.ORBITS)
        start = start_at_mean(UFM(sizes, control, batches=batches))
        found = []
        for limit in (0, 10**6):
            monkeypatch.setattr(linear, "_DENSE", limit)
            root = solve_in_batches(program, start)
            assert root.converged
            assert root.face.basis.shape[1] > 2
            found.append(root.gram)
        np.testing.assert_allclose(found[0].pair, found[1].pair, atol=1e-7)
        assert certify(program, found[0]).certificate.proves(1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("control", [Ridge(0.3), Budget(1.0)], ids=lambda control: control.name)
def test_orthogonal_classes_behind_a_relu_are_what_multipliers_find(control):
    problem = UFM([6, 3], control, batches=RandomBatches(5), features="nonnegative")
    solution = solve_relaxation(problem)
    assert is_tight(solution)
    assert np.count_nonzero(solution.class_gram) == 2
    program = build_program(problem, Level.ORBITS)
    run = solve_nonnegative(program)
    assert run.gap < 1e-8
    assert program.value(run.gram) == pytest.approx(solution.value, rel=2 * run.gap)


@pytest.mark.parametrize("number", range(10))
def test_random_profiles_behind_a_relu_are_certified(number):
    real = random_problem(number)
    options = {"loss": real.loss.loss, "batches": real.batches, "features": "nonnegative"}
    solution = solve_relaxation(UFM(real.class_sizes, real.control, real.temperature, **options))
    assert solution.solver_message == "multipliers: orthogonal classes"
    assert is_tight(solution)


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.name)
def test_orthogonal_classes_in_a_batch_of_everything_are_those_of_all_samples(control):
    sizes = [20, 8, 5, 5, 1, 1]
    whole = solve_relaxation(UFM(sizes, control, 0.5, features="nonnegative"))
    batches = RandomBatches(40)
    batch = solve_relaxation(UFM(sizes, control, 0.5, batches=batches, features="nonnegative"))
    assert batch.value == pytest.approx(whole.value, rel=1e-10)
    np.testing.assert_allclose(batch.class_gram, whole.class_gram, atol=1e-8)


@pytest.mark.parametrize(("there", "here"), [(0.02, 0.3), (0.3, 0.02)], ids=["join", "part"])
def test_classes_join_and_part_on_the_way(there, here):
    sizes, batches = [50, 30, 4, 4], RandomBatches(6, drop_last=True)
    start = solve_relaxation(UFM(sizes, Ridge(there), batches=batches)).orbit_gram.dense()
    program = build_program(UFM(sizes, Ridge(here), batches=batches), Level.ORBITS)
    assert (start.spread[2] > 0) == (there < here)
    root = solve_in_batches(program, start)
    assert root.converged
    assert root.face.together[2] == (there < here)
    assert certify(program, root.gram).certificate.proves(1e-10)


def test_newton_cannot_begin_at_zero():
    problem = UFM([5, 3, 2], Ridge(0.1), batches=RandomBatches(4, drop_last=True))
    zero = CellGram(np.zeros(3), np.zeros((3, 3)))
    assert solve_in_batches(build_program(problem, Level.ORBITS), zero) is None
