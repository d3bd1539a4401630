"""Cross-entropy by conic solvers: its forms against each other, plain cvxpy and native."""

import cvxpy
import numpy as np
import pytest

from screlax import UFM, LayerPeeled, Normalized, WeightDecay, solve_relaxation
from screlax.errors import InvalidInputError, SolverCapabilityError
from screlax.losses import CrossEntropy
from screlax.problem.logits import logit_program
from screlax.solve.logits.conic_dual import DualForm
from screlax.solve.logits.conic_model import SemidefiniteForm

LOSSES = {
    "plain": CrossEntropy(),
    "additive": CrossEntropy(additive=1.0),
    "cdt": CrossEntropy(multiplicative=0.3),
    "vs": CrossEntropy(
        additive=[0.5, -1.0, 0.2, 0.0, 1.0], multiplicative=[1.0, 2.0, 1.0, 0.5, 1.0]
    ),
    "weights": CrossEntropy(class_weights=[1.0, 2.0, 3.0, 1.0, 0.5]),
    "balanced": CrossEntropy(class_weights="balanced"),
}
SIZES = [30, 12, 12, 5, 5]
CONTROLS = {"decay": WeightDecay(0.5, 1.0), "strong": WeightDecay(3.0, 3.0)}


def problem_of(loss, control, temperature=1.0):
    return UFM(SIZES, control, temperature, loss=loss)


def plain_optimum(loss, control, temperature=1.0):
    """The k×k program written down once more, from the formulas alone."""
    k, n = len(SIZES), np.array(SIZES, dtype=float)
    features = cvxpy.Variable((2 * k, 2 * k), PSD=True)
    logits = features[:k, k:] / temperature
    offset = np.zeros(k)
    if np.ndim(getattr(loss.additive, "numbers", 0)):
        offset = np.array(loss.additive.numbers)
    elif loss.additive:
        offset = loss.additive * np.log(n / n.sum())
    slope = (n / n.max()) ** loss.multiplicative if np.isscalar(loss.multiplicative) else None
    slope = np.array(loss.multiplicative.numbers) if slope is None else slope
    weights = np.ones(k)
    if loss.class_weights is not None:
        weights = n.sum() / (k * n)
        if loss.class_weights != "balanced":
            weights = np.array(loss.class_weights.numbers)
    terms = [
        n[c]
        * weights[c]
        * (
            cvxpy.log_sum_exp(cvxpy.multiply(slope, logits[c]) + offset)
            - slope[c] * logits[c, c]
            - offset[c]
        )
        for c in range(k)
    ]
    norms = cvxpy.diag(features)
    bounds, penalty = [], 0.0
    if isinstance(control, WeightDecay):
        penalty = control.features / 2 * (n @ norms[:k]) + control.classifier / 2 * sum(norms[k:])
    else:
        bounds = [sum(norms[:k]) <= k * control.features, sum(norms[k:]) <= k * control.classifier]
    found = cvxpy.Problem(cvxpy.Minimize((sum(terms) + penalty) / n.sum()), bounds)
    return found.solve(solver="CLARABEL", accept_unknown=True) * n.sum()


@pytest.mark.parametrize("form", ["dual", "psd", "nuclear"])
@pytest.mark.parametrize("control", CONTROLS.values(), ids=CONTROLS)
@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_every_form_is_the_native_optimum(loss, control, form):
    problem = problem_of(loss, control, 0.7)
    native = solve_relaxation(problem, solver="native", tol=1e-7)
    found = solve_relaxation(problem, solver="SCS", form=form, tol=1e-6)
    assert found.status == native.status == "optimal"
    assert found.value == pytest.approx(native.value, rel=1e-6)
    assert found.logits == pytest.approx(native.logits, abs=2e-3 * abs(native.logits).max())
    assert found.solver_statistics[0].form == form


@pytest.mark.parametrize("form", ["dual", "psd", "nuclear"])
@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_the_layer_peeled_model_is_the_program_written_down_directly(loss, form):
    control = LayerPeeled(3.0, 0.5)
    found = solve_relaxation(problem_of(loss, control, 0.7), solver="SCS", form=form)
    assert found.status == "optimal"
    assert found.value == pytest.approx(plain_optimum(loss, control, 0.7), rel=1e-5)
    assert found.class_gram.trace() == pytest.approx(5 * 3.0, rel=1e-4)
    assert found.classifier_gram.trace() == pytest.approx(5 * 0.5, rel=1e-4)


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_weight_decay_is_the_program_written_down_directly(loss):
    found = solve_relaxation(problem_of(loss, WeightDecay(0.5, 1.0)), solver="Clarabel")
    assert found.value == pytest.approx(plain_optimum(loss, WeightDecay(0.5, 1.0)), rel=1e-5)


@pytest.mark.parametrize("solver", ["SCS", "Clarabel"])
@pytest.mark.parametrize("form", ["dual", "psd", "nuclear"])
def test_classes_and_orbits_are_one_program(solver, form):
    problem = problem_of("cross-entropy", WeightDecay(0.5, 1.0))
    given = {"solver": solver, "form": form, "tol": 1e-5}
    orbits, classes = (solve_relaxation(problem, level=at, **given) for at in ("orbits", "classes"))
    assert classes.certificate.level == "classes"
    assert classes.value == pytest.approx(orbits.value, rel=1e-5)
    assert classes.logits == pytest.approx(orbits.logits, abs=1e-2)
    # classes of one size come back alike
    assert classes.logits[1, 1] == classes.logits[2, 2]
    assert classes.logits[0, 1] == classes.logits[0, 2]


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("control", [WeightDecay(0.5, 2.0), LayerPeeled(3.0, 1.0), Normalized(4.0)])
def test_the_dual_form_is_the_dual(control, bias):
    """Its value is the optimum, its multipliers logits, bias and masses."""
    loss = CrossEntropy(additive=0.3, bias=bias)
    program = logit_program(UFM([30, 30, 6, 6, 2], control, 0.8, loss=loss))
    values, grams = [], []
    for form in (DualForm, SemidefiniteForm):
        model = form(program)
        accuracy = {"tol_gap_abs": 1e-11, "tol_gap_rel": 1e-11, "tol_feas": 1e-11}
        model.problem.solve(solver="CLARABEL", accept_unknown=True, **accuracy)
        values.append(model.problem.value)
        grams.append(model.found())
    assert values[0] == pytest.approx(-values[1], rel=1e-6)
    one, other = grams
    assert one.logit_own == pytest.approx(other.logit_own, abs=1e-3)
    assert one.logit_pair == pytest.approx(other.logit_pair, abs=1e-3)
    assert one.bias - one.bias.mean() == pytest.approx(other.bias - other.bias.mean(), abs=1e-3)
    assert one.feature_mass == pytest.approx(other.feature_mass, rel=1e-2)
    assert one.classifier_mass == pytest.approx(other.classifier_mass, rel=1e-2)
    if isinstance(control, Normalized):
        for gram in grams:
            assert gram.features.own == pytest.approx([1.0] * 3, rel=1e-3)
            assert gram.classifier.own == pytest.approx([1.0] * 3, rel=1e-3)


@pytest.mark.parametrize("level", ["orbits", "classes"])
@pytest.mark.parametrize("form", ["dual", "psd"])
def test_fixed_norms_are_the_native_optimum(form, level):
    problem = problem_of(CrossEntropy(additive=0.3), Normalized(2.0))
    native = solve_relaxation(problem)
    found = solve_relaxation(problem, solver="Clarabel", form=form, level=level)
    assert found.status == native.status == "optimal"
    assert found.value == pytest.approx(native.value, rel=1e-6)
    assert found.class_gram == pytest.approx(native.class_gram, abs=1e-3)


@pytest.mark.parametrize("form", ["dual", "psd", "nuclear"])
def test_balanced_classes_are_one_orbit(form):
    problem = UFM([8] * 4, WeightDecay(0.5, 1.0), loss="cross-entropy")
    found = solve_relaxation(problem, solver="SCS", form=form)
    native = solve_relaxation(problem)
    assert found.status == native.status == "optimal"
    assert found.logits == pytest.approx(native.logits, abs=1e-3)


def test_zero_is_found_where_it_is_optimal():
    problem = problem_of("cross-entropy", WeightDecay(50.0, 50.0))
    found = solve_relaxation(problem, solver="SCS")
    assert found.value == pytest.approx(64 * np.log(5))
    assert found.logits == pytest.approx(0, abs=1e-5)


def test_classes_come_back_in_their_order():
    control = WeightDecay(0.5, 1.0)
    one = solve_relaxation(
        [5, 30, 12], control, loss="cross-entropy", solver="SCS", level="classes"
    )
    other = solve_relaxation([30, 12, 5], control, loss="cross-entropy", solver="SCS")
    place = [2, 0, 1]
    assert one.logits == pytest.approx(other.logits[np.ix_(place, place)], abs=1e-4)


def test_what_has_no_conic_form_is_refused_with_its_reason():
    problem = problem_of("cross-entropy", WeightDecay(0.5, 1.0))
    with pytest.raises(
        InvalidInputError, match="form must be one of dual, nuclear, psd, got 'cone'"
    ):
        solve_relaxation(problem, solver="SCS", form="cone")
    with pytest.raises(SolverCapabilityError, match="by classes or orbits, not by samples"):
        solve_relaxation(problem, solver="SCS", level="samples")
    fixed = problem_of("cross-entropy", Normalized(2.0))
    with pytest.raises(SolverCapabilityError, match="no nuclear norm; use form='dual' or 'psd'"):
        solve_relaxation(fixed, solver="SCS", form="nuclear")
    nonnegative = UFM(SIZES, problem.control, loss="cross-entropy", features="nonnegative")
    with pytest.raises(SolverCapabilityError, match="use solver='native'"):
        solve_relaxation(nonnegative, solver="SCS")
