"""A loss is one thing for embeddings and for Gram matrices: the same object, the same value."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import screlax
from screlax import contrastive_loss, losses
from screlax.errors import InvalidInputError
from screlax.gram.cells import CellGram, Level
from screlax.problem.losses.registry import LOSSES, check_loss
from screlax.problem.program import build_program

SIZES = [6, 4, 4, 3, 2]

FAMILY = {
    "supcon": losses.SupCon(),
    "supcon, views": losses.SupCon(views=3),
    "supcon, weights": losses.SupCon(class_weights=[1, 2, 0, 1, 3]),
    "supcon, balanced": losses.SupCon(views=2, class_weights="balanced"),
    "negatives only": losses.NegativesOnly(),
    "negatives only, views and weights": losses.NegativesOnly(
        views=2, class_weights=[1, 2, 0.5, 1, 3]
    ),
    "class-averaged": losses.ClassAveraged(),
    "class-averaged, classes": losses.ClassAveraged(
        anchors="classes", class_weights=[1, 2, 1, 1, 3]
    ),
    "prototypes": losses.Prototypes(2),
    "prototypes, as many as said": losses.Prototypes([1, 0, 3, 2, 1]),
    "prototypes without terms": losses.Prototypes(2, loss_terms=False),
    "prototypes, balanced": losses.Prototypes(2, class_weights="balanced"),
    "queue": losses.Queue(5),
    "queue, weights": losses.Queue([1, 0, 3, 2, 1], class_weights=[1, 2, 1, 1, 3]),
    "soft targets": losses.SoftTargets(epsilon=0.1),
    "label smoothing": losses.SoftTargets(smoothing=0.1, class_weights=[1, 2, 1, 1, 3]),
    "soft targets, matrix": losses.SoftTargets(0.6 * np.eye(5) + 0.08),
    "instance mix": losses.InstanceMix(0.3),
    "instance mix, weights": losses.InstanceMix(0.3, views=3, class_weights=[1, 2, 1, 1, 3]),
    "self-supervised": losses.SelfSupervised(),
    "row softmax": losses.RowSoftmax([1, 2, 3, 4, 5], [1, 0, 2, 1, 1], [3, 1, 4, 1, 5]),
    "row softmax, targets": losses.RowSoftmax(1, 2, 3, targets=0.6 * np.eye(5) + 0.08),
}


def test_every_loss_there_is_is_tested_here():
    assert {type(loss) for loss in FAMILY.values()} == {
        kind
        for kind in LOSSES.values()
        if kind.__module__.startswith("screlax.") and not kind.has_classifier
    }


def both_levels(loss, sizes, seed=0, temperature=0.3):
    """The loss of coinciding embeddings, as a sum and as a mean, and of their class means."""
    rng = np.random.default_rng(seed)
    means = rng.standard_normal((len(sizes), 4))
    labels = np.repeat(np.arange(len(sizes)), sizes)
    embeddings = means[labels]
    if loss.view_count > 1:
        embeddings = np.repeat(embeddings[:, None], loss.view_count, axis=1)
    options = {"loss": loss, "temperature": temperature}
    found = contrastive_loss(embeddings, labels, reduction="sum", **options)
    mean = contrastive_loss(embeddings, labels, **options)
    problem = screlax.UFM(sizes, screlax.Sphere(1.0), temperature, loss=loss)
    gram = CellGram.from_matrix(means @ means.T / temperature)
    value = build_program(problem, Level.CLASSES).loss.value(gram)
    return found, mean, value, value / problem.anchors


@pytest.mark.parametrize("name", FAMILY)
def test_coinciding_embeddings_have_the_loss_of_their_class_means(name):
    found, mean, value, mean_value = both_levels(FAMILY[name], SIZES)
    assert found == pytest.approx(value, rel=1e-13)
    assert mean == pytest.approx(mean_value, rel=1e-13)


def test_free_prototypes_are_keys():
    rng = np.random.default_rng(2)
    means, prototypes = rng.standard_normal((2, 5, 4))
    labels, of_keys = np.repeat(np.arange(5), SIZES), np.repeat(np.arange(5), 3)
    loss = losses.Prototypes(3, tied=False, loss_terms=False, class_weights=[1, 2, 1, 1, 3])
    found = contrastive_loss(
        means[labels],
        labels,
        loss=loss,
        keys=prototypes[of_keys],
        key_labels=of_keys,
        temperature=0.3,
    )
    problem = screlax.UFM(SIZES, screlax.Sphere(1.0), 0.3, loss=loss)
    points = np.concatenate([means, prototypes])
    gram = CellGram.from_matrix(points @ points.T / 0.3)
    value = build_program(problem, Level.CLASSES).loss.value(gram)
    assert found == pytest.approx(value / problem.anchors, rel=1e-13)
    with pytest.raises(InvalidInputError, match="give them as keys"):
        contrastive_loss(means[labels], labels, loss=loss)


ALONE = [
    name
    for name, loss in FAMILY.items()
    if loss.view_count == 1 and not isinstance(loss, losses.Prototypes | losses.Queue)
]
"""Those for which a sample is one embedding."""


@pytest.mark.parametrize("name", ALONE)
def test_the_gram_matrix_of_samples_has_the_loss_of_the_samples(name):
    """Embeddings of a class that do not coincide: the relaxation's program over samples."""
    rng = np.random.default_rng(1)
    labels = rng.permutation(np.repeat(np.arange(5), SIZES))
    embeddings = rng.standard_normal((len(labels), 4))
    loss, gram = FAMILY[name], embeddings @ embeddings.T
    found = contrastive_loss(embeddings, labels, loss=loss, temperature=0.3)
    expected = screlax.gram_loss(gram, labels, temperature=0.3, loss=loss)
    assert found == pytest.approx(expected, rel=1e-13)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["supcon", "negatives-only", "class-averaged", "class-averaged:anchors=classes",
                     "prototypes", "soft-targets:epsilon=0.2", "instance-mix:alpha=0.1"]),
    st.lists(st.integers(1, 9), min_size=3, max_size=6).filter(lambda sizes: max(sizes) > 1),
    st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_so_they_have_with_classes_of_one_sample(loss, sizes, seed):
    found, _, value, _ = both_levels(check_loss(loss), sizes, seed)
    assert found == pytest.approx(value, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("name", [name for name, loss in FAMILY.items() if loss.collapses])
def test_an_optimum_found_has_the_value_that_its_embeddings_have(name):
    loss = FAMILY[name]
    problem = screlax.UFM(SIZES, screlax.Sphere(1.0), 0.5, loss=loss)
    solution = screlax.solve_relaxation(problem)
    means = np.linalg.cholesky(solution.class_gram + 1e-13 * np.eye(5))
    labels = np.repeat(np.arange(5), SIZES)
    embeddings = means[labels]
    if loss.view_count > 1:
        embeddings = np.repeat(embeddings[:, None], loss.view_count, axis=1)
    found = contrastive_loss(embeddings, labels, loss=loss, temperature=0.5)
    assert found == pytest.approx(solution.mean_value, rel=1e-9, abs=1e-9)
