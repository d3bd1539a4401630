"""One sentence about embeddings next to an optimum, and what it stands on."""

import json
import math

import numpy as np
import pytest
from every_loss import COMPARED, LOSSES, SIZES, TEMPERATURE
from problems import labels_of

import screlax
from screlax import Sphere, compare, solve_relaxation
from screlax.analysis.determinacy import Reference
from screlax.batches import ClassBatches, PoissonBatches, RandomBatches, WeightedBatches
from screlax.comparison.decision import RESOLVED, Decision
from screlax.comparison.gap_split import GapSplit
from screlax.comparison.recipe import Recipe
from screlax.comparison.verdict import verdict_of
from screlax.geometry import gram_distance
from screlax.report.page import page_html

COUNTS = np.maximum(np.asarray(screlax.profile("cifar10-lt:100")) // 25, 2)
LABELS = np.repeat(range(10), COUNTS)


def solved(temperature, **kind):
    return solve_relaxation(COUNTS, Sphere(1.0), temperature=temperature, **kind)


def random_means(dim=128, seed=0):
    means = np.random.default_rng(seed).standard_normal((10, dim))
    return (means / np.linalg.norm(means, axis=1, keepdims=True))[LABELS]


@pytest.mark.parametrize("batches", [None, "shuffle:size=32"])
def test_at_the_optimum_the_loss_has_done_what_it_can(batches):
    solution = solved(0.2, batches=batches)
    found = compare(solution.prototypes(12)[LABELS], LABELS, solution)
    assert found.verdict.case == "reached"
    name = "supcon" if batches is None else "supcon in shuffle:size=32"
    begin = f"from the certified optimum of {name} (sphere 1, τ = 0.2); their relative excess of"
    assert begin in found.verdict.sentence
    assert found.verdict.sentence.endswith("so the loss has done what it can.")
    assert found.flags == ()


def test_a_small_excess_at_a_low_temperature_decides_nothing():
    """Mathematics, section 11: at τ = 0.07 random class means lose a millionth."""
    solution = solved(0.07)
    found = compare(random_means(), LABELS, solution)
    assert found.decision.relative_excess < 5e-6
    assert found.verdict.case == "undecided"
    assert found.verdict.sentence.endswith("the geometry is undecided.")
    assert found.gram_distance > 0.3
    at = compare(random_means(), LABELS, solved(0.2))
    assert at.verdict.case == "unfinished"
    assert "could still fall, 100% of it by angles between class means" in at.verdict.sentence


def test_class_means_at_random_have_the_dimension_of_the_embeddings():
    """In words, text, JSON and on the page; a frame that needs more dimensions is no such one."""
    solution = solved(0.07)
    found = compare(random_means(9), LABELS, solution, search=False)
    assert "drawn at random in dimension 9 would have no more" in found.verdict.sentence
    first = found.decision.references[0]  # of the same draw
    assert found.decision.relative_excess == pytest.approx(first.relative_excess, rel=1e-3)
    assert found.gram_distance == pytest.approx(first.distance, rel=1e-9)
    assert found.to_dict()["decision"]["references"][0]["name"] == "random in 9"
    frame = f"orthogonal frame (takes dimension {len(COUNTS)})"
    page = page_html(solution, {"mine": found})
    for shown in (found.table(), page.replace("&#39;", "'")):
        assert "random in 9: " in shown
        assert frame in shown


def test_allowed_distances_are_those_of_the_determinacy():
    solution = solved(0.2)
    rows = solution.prototypes(12)[LABELS].copy()
    rows[:, 11] += 0.01 * (LABELS % 3)
    found = compare(rows, LABELS, solution, normalize=True)
    known = solution.determinacy()
    relative = found.loss.gap / solution.value
    assert found.decision.relative_excess == pytest.approx(relative, rel=1e-12)
    assert found.decision.distance == pytest.approx(known.distance(relative), rel=1e-12)
    assert found.decision.references == known.references_in(12)
    assert found.gram_distance <= 1.1 * found.decision.distance
    assert found.decision.proved_distance == known.distance_bound(relative)


@pytest.mark.parametrize("control", [Sphere(1.0), screlax.Ridge(0.5), screlax.Budget(1.0)])
@pytest.mark.parametrize("noise", [1e-3, 1e-2])
def test_no_features_are_farther_than_is_proved(control, noise):
    """With the mean squared norms of classes on the diagonal, as the control has them."""
    solution = solve_relaxation(COUNTS, control, temperature=0.3)
    rng = np.random.default_rng(0)
    rows = solution.prototypes(12)[LABELS]
    rows = rows + noise * rng.standard_normal(rows.shape)
    if control.fixes_norms:
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    elif not control.is_penalty:
        rows *= min(1.0, (1 / (rows**2).sum(axis=1).mean()) ** 0.5)
    found = compare(rows, LABELS, solution)
    gram = found.class_gram.copy()
    squares = (rows**2).sum(axis=1)
    np.fill_diagonal(gram, np.bincount(LABELS, squares) / COUNTS)
    assert gram_distance(gram, solution.class_gram) <= found.decision.proved_distance


def test_differences_within_classes_are_named_and_means_looked_at_alone():
    solution = solved(0.2)
    rng = np.random.default_rng(0)
    rows = solution.prototypes(12)[LABELS] + 0.05 * rng.standard_normal((len(LABELS), 12))
    found = compare(rows, LABELS, solution, normalize=True)
    assert found.verdict.case == "unfinished"
    assert "by differences within classes" in found.verdict.sentence
    assert "of their class means alone it is" in found.verdict.sentence
    assert found.decision.means_distance < found.decision.distance


def test_batches_drawn_decide_whether_training_is_at_its_end():
    """Class means of these features are all but optimal, the features are not."""
    solution = solved(0.2, batches=RandomBatches(32))
    rng = np.random.default_rng(0)
    rows = solution.prototypes(12)[LABELS] + 0.05 * rng.standard_normal((len(LABELS), 12))
    found = compare(rows, LABELS, solution, normalize=True, draws=100)
    assert found.decision.relative_excess < 1e-3
    assert found.verdict.case == "unfinished"
    assert "(estimated from 100 batches)" in found.verdict.sentence
    assert compare(rows, LABELS, solution, normalize=True, draws=0).verdict.case != "reached" or (
        found.decision.relative_excess <= RESOLVED
    )


RECIPE = Recipe("supcon", "all samples at once", "sphere 1", 0.2, "real", "optimal")
FRAME = Reference("orthogonal frame", 0.4, 1e-3, 3)


def decision(excess, distance, references=(FRAME,), reason=""):
    return Decision(excess, distance, math.inf, excess, distance, references, reason, 3)


class Loss:
    """What a verdict asks of a gap."""

    level, value, lower = "samples", 100.0, 99.0


@pytest.mark.parametrize(
    ("distance", "found", "split", "case", "words"),
    [
        (0.02, decision(3e-6, 0.027), None, "reached", "excess of 3e-06 allows 0.027, so the loss"),
        (0.0295, decision(3e-6, 0.027), None, "reached", "has done what it can"),
        (0.1, decision(3e-6, 0.027), None, "beyond", "of second order (nothing is proved)"),
        (
            0.1,
            decision(3e-6, 0.027),
            GapSplit(2.0, 1.0, 0.0, ""),
            "beyond",
            "which shorten class means",
        ),
        (0.1, decision(3e-6, math.inf), None, "undecided", "allows any distance: the geometry is"),
        (
            0.1,
            decision(3e-6, 0.3, (Reference("random in 2", 0.5, 2e-6, 2),)),
            None,
            "undecided",
            "drawn at random in dimension 2 would have no more",
        ),
        (  # which embeddings of three dimensions cannot be
            0.1,
            decision(3e-6, 0.3, (Reference("orthogonal frame", 0.5, 2e-6, 4),)),
            None,
            "reached",
            "allows 0.3, so the loss has done what it can",
        ),
        (
            0.01,
            decision(3e-6, 0.3, (Reference("simplex ETF", 0.0, 0.0, 2),)),
            None,
            "reached",
            "allows 0.3",
        ),
        (0.01, decision(2e-5, 0.05), None, "unfinished", "could still fall: not trained to"),
        (
            0.01,
            decision(2e-3, 0.05),
            GapSplit(1.0, 8.0, 1.0, ""),
            "unfinished",
            "80% of it by angles between class means: not trained to the end, kept from it, or "
            "trained by another loss or sampler; it allows 0.05 (an orthogonal frame would have no "
            "more)",
        ),
        (0.01, decision(1e-6, math.nan, (), "too many"), None, "measured", "not known: too many"),
    ],
)
def test_every_case(distance, found, split, case, words):
    verdict = verdict_of(RECIPE, distance, Loss, found, split, None)
    assert verdict.case == case
    assert words in verdict.sentence
    assert verdict.sentence.endswith(".")


def test_without_an_objective_there_is_a_distance_only():
    verdict = verdict_of(RECIPE, 0.3, None, None, None, None)
    assert verdict.case == "measured"
    assert verdict.sentence.endswith("; the objective was not evaluated.")


def test_an_optimum_that_is_not_certified_is_never_called_one():
    recipe = Recipe("supcon", "all samples at once", "sphere 1", 0.2, "real", "inaccurate")
    verdict = verdict_of(recipe, 0.02, Loss, decision(3e-6, 0.027), None, None)
    assert "NOT certified" in verdict.sentence
    assert "certified optimum" not in verdict.sentence


@pytest.mark.parametrize("name", COMPARED)
def test_every_loss_has_a_verdict_in_table_and_json(name):
    loss = LOSSES[name]
    problem = screlax.UFM(SIZES, Sphere(1.0), TEMPERATURE, loss=loss)
    solution = solve_relaxation(problem)
    y = labels_of(problem.class_sizes)
    rows = np.random.default_rng(0).standard_normal((len(y), 5))
    found = compare(rows, y, solution)
    record = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert record["verdict"]["sentence"] == found.verdict.sentence
    assert str(loss) in record["recipe"]["loss"] or loss.differs_by_class
    assert found.table().startswith("verdict      These features are ")
    assert found.recipe.averaged_over == "all samples at once"


@pytest.mark.parametrize(
    "batches",
    [
        RandomBatches(6),
        WeightedBatches(6),
        ClassBatches(3, 2),
        ClassBatches(3, 2, "cap"),
        PoissonBatches(0.4),
    ],
    ids=str,
)
def test_every_sampler_has_a_verdict_that_names_it(batches):
    solution = solve_relaxation(SIZES, Sphere(1.0), temperature=TEMPERATURE, batches=batches)
    y = labels_of(SIZES)
    found = compare(np.random.default_rng(0).standard_normal((16, 5)), y, solution, draws=20)
    assert str(batches) in found.verdict.sentence
    assert found.recipe.averaged_over.startswith("the expectation over mini-batches")
    assert found.drawn.draws == 20
    json.dumps(found.to_dict(), allow_nan=False)


def test_of_several_optima_all_but_the_nearest_say_which_is_nearer():
    solutions = [solved(0.2), solved(0.2, batches=RandomBatches(32)), solved(1.0)]
    rows = solutions[1].prototypes(12)[LABELS]
    first, *others = compare(rows, LABELS, solutions, search=False)
    assert first.recipe.loss == "supcon in shuffle:size=32"
    assert "also given" not in first.verdict.sentence
    for other in others:
        assert other.verdict.sentence.endswith(
            f"The optimum of {first.recipe}, also given, is nearer: {first.gram_distance:.2g}."
        )
