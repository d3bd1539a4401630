"""Cross-entropy where losses are tiny, classes have no weight, or adjustments are huge."""

import dataclasses

import numpy as np
import pytest

import screlax
from screlax.errors import SolverCapabilityError
from screlax.gram.cells import Level
from screlax.problem.copositive import copositive_bounds
from screlax.problem.logits import logit_program
from screlax.proof.logits import prove_logits
from screlax.solve.logits.orthogonal import orthogonal_logits


def posed(sizes, control, temperature=1.0, features="real", **options):
    loss = screlax.losses.CrossEntropy(**options)
    return screlax.UFM(sizes, control, temperature, loss=loss, features=features)


def test_tiny_losses_behind_a_relu_prove_no_more_than_large_ones():
    """Squares of gradients of 1e-220 are zero in double precision."""
    problem = posed([50, 50, 7], screlax.LayerPeeled(60.0, 30.0), 0.1, "nonnegative")
    best = screlax.solve_relaxation(problem, tol=1e-8)
    gram = best.orbit_gram
    given = dataclasses.replace(gram, logit_own=gram.logit_own.copy())
    given.logit_own[1] *= 1.001
    worse = prove_logits(problem, Level.ORBITS, given).certificate
    assert worse.upper > 1.01 * best.upper
    assert worse.lower <= best.upper
    assert not worse.proves(1e-3)
    program = logit_program(problem)
    rows = program.rows(gram)
    small = copositive_bounds(dataclasses.replace(program, anchors=1e-60 * program.anchors), rows)
    np.testing.assert_allclose(small, 1e-60 * copositive_bounds(program, rows), rtol=1e-13)
    assert (small > 0).all()


@pytest.mark.parametrize("gamma", [0.0, 0.3])
@pytest.mark.parametrize("temperature", [30.0, 1.0, 0.2, 0.1, 1e-3])
@pytest.mark.filterwarnings("ignore::screlax.InaccurateWarning")
def test_any_bound_is_reached_behind_a_relu(gamma, temperature):
    control = screlax.LayerPeeled(60.0, 30.0)
    problem = posed([50, 50, 7], control, temperature, "nonnegative", multiplicative=gamma)
    solution = screlax.solve_relaxation(problem)
    assert solution.lower <= solution.value < 100
    assert solution.classifier_gram.trace() == pytest.approx(3 * 30)
    if temperature >= 0.2:
        assert solution.status == "optimal"


def test_a_bound_near_zero_is_reached_behind_a_relu_with_adjustments():
    offset, slope = (
        [-13.20704515413136, 9.115279344293484, -9.498172799654771],
        [0.4870758802951545, 1.9004814821621079, 0.8504807794950144],
    )
    control = screlax.LayerPeeled(4.3256486862386385, 0.03396252481554846)
    tau = 40.77070965063195
    problem = posed([118] * 3, control, tau, "nonnegative", additive=offset, multiplicative=slope)
    program = logit_program(problem)
    gram = orthogonal_logits(program)[0]
    assert gram.nuclear_norm <= program.norm.amount * 1.01


@pytest.mark.parametrize("sizes", [[5, 5, 3], [5, 5]])
@pytest.mark.parametrize("control", [screlax.WeightDecay(0.1, 0.1), screlax.LayerPeeled(1.0, 1.0)])
def test_a_class_without_weight_raises_no_warning(sizes, control):
    weights = [0.0, *[1.0] * (len(sizes) - 1)]
    solution = screlax.solve_relaxation(posed(sizes, control, class_weights=weights))
    assert solution.status == "optimal"


@pytest.mark.parametrize("control", [screlax.WeightDecay(0.2, 0.2), screlax.LayerPeeled(0.2, 0.2)])
@pytest.mark.parametrize("size", [1.0, 20.0, 300.0])
def test_a_free_bias_takes_up_additive_adjustments(control, size):
    additive = size * np.array([1.0, -2.0, 5.0, -1.7])
    plain = screlax.solve_relaxation(posed([5, 4, 3, 2], control, bias=True))
    moved = screlax.solve_relaxation(posed([5, 4, 3, 2], control, bias=True, additive=additive))
    assert moved.value == pytest.approx(plain.value, rel=1e-10)
    np.testing.assert_allclose(moved.class_gram, plain.class_gram, atol=1e-3)
    zero = posed([5, 4, 3, 2], screlax.WeightDecay(90, 90), bias=True, additive=additive)
    assert screlax.solve_relaxation(zero).status == "optimal"


@pytest.mark.parametrize("scale", [369.0, 480.0, 1e5])
def test_norms_at_which_the_loss_is_no_number_are_refused(scale):
    with pytest.raises(SolverCapabilityError, match="take a smaller scale"):
        screlax.solve_relaxation(posed([50, 50], screlax.Normalized(scale)))


def test_noise_at_small_losses_with_a_bias_proves_no_more_than_is_so():
    """Logarithms of numbers near one lose the digits of a loss of 1e-4."""
    control = screlax.WeightDecay(3.2e-06, 1.9e-4)
    problem = posed([9, 9], control, 0.6, bias=True)
    exact = screlax.solve_relaxation(problem)
    gram = exact.orbit_gram
    plain = screlax.solve_relaxation(posed([9, 9], control, 0.6))
    for size in 2.5e-7 * np.random.default_rng(0).standard_normal(400):
        given = dataclasses.replace(gram, logit_pair=gram.logit_pair + size)
        for level in (Level.ORBITS, Level.CLASSES):
            assert prove_logits(problem, level, given).certificate.lower <= plain.upper


@pytest.mark.parametrize("level", [Level.ORBITS, Level.CLASSES])
@pytest.mark.parametrize(
    ("control", "options"),
    [
        (screlax.WeightDecay(0.5, 2.0), {"bias": True}),
        (screlax.WeightDecay(0.5, 2.0), {"multiplicative": [0.6, 1.6, 0.7, 1.0, 0.8]}),
        (screlax.LayerPeeled(0.2, 20.0), {"additive": [-11.0, 9.0, 0.0, 2.0, -7.0]}),
        (screlax.LayerPeeled(0.2, 20.0), {"bias": True}),
        (screlax.Normalized(9.0), {"multiplicative": [0.6, 1.6, 0.7, 1.0, 0.8]}),
    ],
)
def test_forged_logits_prove_nothing_false_and_raise_nothing(control, options, level):
    problem = posed([400, 90, 90, 30, 4], control, 0.5, **options)
    solution = screlax.solve_relaxation(problem)
    gram, rng = solution.orbit_gram, np.random.default_rng(0)
    for _ in range(60):
        name = str(rng.choice(["logit_own", "logit_pair", "bias"]))
        array = getattr(gram, name).copy()
        wrong = rng.choice([1e3, 1e4, 1e8, 1e150, 1e300, np.nan, np.inf]) * rng.choice([-1, 1])
        if rng.random() < 0.5:
            array.flat[int(rng.integers(array.size))] = wrong
        elif np.isfinite(wrong) and abs(wrong) <= 1e8:
            array = array + wrong * rng.standard_normal(array.shape)
        certificate = prove_logits(
            problem, level, dataclasses.replace(gram, **{name: array})
        ).certificate
        assert certificate.lower <= solution.upper
        assert certificate.upper >= solution.lower
