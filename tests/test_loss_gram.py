"""The loss of a Gram matrix, and that there is one definition."""

from __future__ import annotations

import numpy as np
import pytest
from loss_reference import dense_loss, unit

import screlax
from screlax.errors import InvalidInputError
from screlax.samples import gram_loss, supcon_loss


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_a_sample_gram_gives_what_its_embeddings_give(reduction):
    rng = np.random.default_rng(0)
    H, y = unit(rng, 30, 5), np.append(rng.integers(0, 6, 29), 77)
    value = gram_loss(H @ H.T, y, temperature=0.2, reduction=reduction)
    expected = supcon_loss(H, y, temperature=0.2, reduction=reduction)
    assert value == pytest.approx(expected, rel=1e-12)
    assert gram_loss(H @ H.T, y, reduction="sum") == pytest.approx(dense_loss(H, y)[0].sum())


def test_a_class_gram_gives_what_collapsed_embeddings_give():
    means = unit(np.random.default_rng(1), 4, 6)
    sizes = [5, 1, 3, 2]
    y = np.repeat(np.arange(4), sizes)
    value = gram_loss(means @ means.T, class_sizes=sizes)
    assert value == pytest.approx(supcon_loss(means[y], y), rel=1e-12)


def test_the_optimum_of_the_relaxation_has_its_value():
    solution = screlax.solve_relaxation([20, 5, 5], control=screlax.Sphere(1.0), temperature=0.5)
    value = gram_loss(solution.class_gram, class_sizes=[20, 5, 5], temperature=0.5, reduction="sum")
    assert value == pytest.approx(solution.value, rel=1e-9)
    y = np.repeat(np.arange(3), [20, 5, 5])
    means = solution.embeddings().vectors
    assert supcon_loss(means[y], y, temperature=0.5) == pytest.approx(solution.mean_value)


def test_string_labels():
    assert gram_loss(np.eye(4), ["b", "a", "b", "a"], temperature=1.0) == pytest.approx(np.log(3))


REFUSED = [
    ("either labels or class_sizes", {}),
    ("either labels or class_sizes", {"labels": [0, 0, 1], "class_sizes": [2, 1]}),
    ("gram has 3 rows but there are 4 labels", {"labels": [0, 0, 1, 1]}),
    ("gram has 3 rows but there are 2 classes", {"class_sizes": [2, 2]}),
    ("square matrix", {"gram": np.ones((3, 2)), "labels": [0, 0, 1]}),
    ("complex", {"gram": np.eye(3, dtype=complex), "labels": [0, 0, 1]}),
    ("gram[1, 2] is nan", {"gram": [[1, 0, 0], [0, 1, np.nan], [0, 0, 1]], "labels": [0, 0, 1]}),
    ("not symmetric: entry (0, 1)", {"gram": np.triu(np.ones((3, 3))), "labels": [0, 0, 1]}),
    ("reduction must be one of", {"labels": [0, 0, 1], "reduction": "none"}),
    ("temperature must be positive", {"labels": [0, 0, 1], "temperature": 0}),
]


@pytest.mark.parametrize(("message", "change"), REFUSED)
def test_bad_input_is_refused(message, change):
    arguments = {"gram": np.eye(3), **change}
    with pytest.raises(InvalidInputError) as caught:
        gram_loss(arguments.pop("gram"), **arguments)
    assert message in str(caught.value)
