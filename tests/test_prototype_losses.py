"""Losses with prototypes and queues: values by definition, and where prototypes are."""

import json

import numpy as np
import pytest
from scipy import optimize

from screlax import (
    UFM,
    Ball,
    Budget,
    Ridge,
    Solution,
    Sphere,
    contrastive_loss,
    plots,
    recover_embeddings,
    solve_relaxation,
)
from screlax.cli import main
from screlax.errors import InvalidInputError
from screlax.losses import Prototypes, Queue, SupCon

CONTROLS = [Ridge(0.3), Ball(1.0), Sphere(1.0), Budget(1.0)]
every_control = pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.name)


def free(count=1, **options):
    return Prototypes(count, tied=False, loss_terms=False, **options)


def objective(vectors, labels, count, temperature, weights=None):
    """The loss of samples (n, d) and prototypes (Σ count, d) below them, from its definition."""
    n = len(labels)
    owner = np.concatenate([labels, np.repeat(np.arange(len(count)), count)])
    logits = vectors[:n] @ vectors.T / temperature
    total = 0.0
    for i in range(n):
        others = np.delete(np.arange(len(owner)), i)
        positives = others[owner[others] == labels[i]]
        top = logits[i, others].max()
        row = top + np.log(np.exp(logits[i, others] - top).sum()) - logits[i, positives].mean()
        total += row * (1 if weights is None else weights[labels[i]])
    return total


def points_of(solution, count):
    """Embeddings of all samples, collapsed, and of all prototypes."""
    classes = solution.problem.classes
    top = [solution.class_gram, solution.class_prototype_gram]
    matrix = np.block([top, [solution.class_prototype_gram.T, solution.prototype_gram]])
    vectors = recover_embeddings(matrix, tolerance=1e-12).vectors
    labels = np.repeat(np.arange(classes), np.asarray(solution.problem.class_sizes))
    owner = np.repeat(np.arange(classes), count)
    return np.vstack([vectors[:classes][labels], vectors[classes:][owner]]), labels


@every_control
@pytest.mark.parametrize("count", [[1, 1, 1, 1], [3, 1, 2, 5]])
def test_value_of_free_prototypes_is_their_definition(control, count):
    loss = free(count, class_weights=[1.0, 2.0, 0.5, 1.0])
    solution = solve_relaxation([9, 3, 5, 1], control, loss=loss, temperature=0.6)
    assert solution.status == "optimal"
    assert solution.collapses
    vectors, labels = points_of(solution, count)
    found = objective(vectors, labels, count, 0.6, [1.0, 2.0, 0.5, 1.0])
    if isinstance(control, Ridge):
        found += control.strength / 2 * float((vectors**2).sum())
    assert found == pytest.approx(solution.value, rel=1e-7)


@pytest.mark.parametrize("control", [Ridge(0.5), Sphere(1.0)], ids=lambda control: control.name)
def test_no_embeddings_are_better_and_descent_ends_there(control):
    """Samples and prototypes as variables, by L-BFGS from random starts."""
    sizes, count, temperature, dim = [4, 2, 2], [2, 1, 1], 0.7, 5
    solution = solve_relaxation(sizes, control, loss=free(count), temperature=temperature)
    assert solution.status == "optimal"
    labels = np.repeat(np.arange(3), sizes)

    def value(flat):
        vectors = flat.reshape(-1, dim)
        if isinstance(control, Sphere):
            vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
            return objective(vectors, labels, count, temperature)
        penalty = control.strength / 2 * float((vectors**2).sum())
        return objective(vectors, labels, count, temperature) + penalty

    rng = np.random.default_rng(0)
    best = np.inf
    for _ in range(3):
        start = rng.standard_normal((len(labels) + sum(count)) * dim)
        found = optimize.minimize(value, start, method="L-BFGS-B", options={"maxfun": 40_000})
        assert found.fun >= solution.lower - 1e-9
        best = min(best, found.fun)
    assert best == pytest.approx(solution.value, rel=1e-5)


def test_free_prototypes_are_not_the_class_means_under_imbalance():
    def apart(sizes):
        solution = solve_relaxation(sizes, Sphere(1.0), loss=free(), temperature=0.5)
        cross = solution.class_prototype_gram
        return np.diagonal(solution.class_gram + solution.prototype_gram - cross - cross.T)

    assert (apart([50, 5, 2]) > 1e-6).all()
    np.testing.assert_allclose(apart([5, 5, 5]), 0, atol=1e-7)


@every_control
def test_prototypes_with_loss_terms_coincide_with_their_class_tied_or_not(control):
    free_value = solve_relaxation([9, 3, 2], control, loss=Prototypes(2, tied=False)).value
    solution = solve_relaxation([9, 3, 2], control, loss=Prototypes(2))
    assert free_value == solution.value
    np.testing.assert_array_equal(solution.prototype_gram, solution.class_gram)
    np.testing.assert_array_equal(solution.class_prototype_gram, solution.class_gram)


@pytest.mark.parametrize("sizes", [[9, 3, 2], [4, 4, 4]])
@pytest.mark.parametrize("control", [Ball(1.0), Sphere(1.0)], ids=lambda control: control.name)
def test_free_prototypes_are_no_worse_than_tied_ones(sizes, control):
    tied = solve_relaxation(sizes, control, loss=Prototypes(2, loss_terms=False))
    assert solve_relaxation(sizes, control, loss=free(2)).value <= tied.value * (1 + 1e-9)


@every_control
def test_free_prototypes_agree_with_clarabel_and_at_every_level(control):
    problem = UFM([6, 3, 3], control, 0.5, loss=free([1, 2, 1]))
    solution = solve_relaxation(problem)
    reference = solve_relaxation(problem, solver="Clarabel", level="classes", tol=1e-6)
    assert reference.value == pytest.approx(solution.value, rel=1e-7)
    if solution.collapses:
        assert solution.recheck(level="samples").proves(1e-8)


def test_solutions_with_free_prototypes_are_stored_and_shown(tmp_path, capsys):
    labels = ["b"] * 9 + ["a"] * 3 + ["c"] * 3
    problem = UFM.from_labels(labels, Sphere(1.0), 0.5, loss=free({"a": 1, "b": 2, "c": 3}))
    solution = solve_relaxation(problem)
    loaded = Solution.load(solution.save(tmp_path / "free.npz"))
    np.testing.assert_array_equal(loaded.prototype_gram, solution.prototype_gram)
    assert loaded.problem == problem
    assert solution.class_gram.shape == (3, 3)
    assert solution.embeddings().vectors.shape[0] == 3
    assert solution.sample_gram(["a", "b"]).shape == (2, 2)
    assert len(solution.eigenvalues) == 3
    plots.plot_gram(solution)
    plots.plot_norms(solution)
    loss = "prototypes:tied=false,loss_terms=false,per_class=2"
    counts = tmp_path / "counts.txt"
    counts.write_text("9\n3\n3\n")
    arguments = ["solve", "--counts", str(counts), "--sphere", "1", "--loss", loss, "--json"]
    assert main(arguments) == 0
    assert json.loads(capsys.readouterr().out)["status"] == "optimal"


def test_pairs_of_sizes_come_apart():
    problem = UFM.from_pairs([9, 4], [1, 3], Sphere(1.0), loss=free([2, 1]))
    listed = UFM([9, 4, 4, 4], Sphere(1.0), loss=free([2, 1, 1, 1]))
    assert list(problem.points) == list(listed.points) == [9, 4, 4, 4, 2, 1, 1, 1]
    assert solve_relaxation(problem).value == pytest.approx(solve_relaxation(listed).value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"per_class": 0}, "at least 1"),
        ({"per_class": [1, 0]}, "at least 1"),
        ({"tied": "no"}, "tied must be true or false"),
    ],
)
def test_wrong_options_of_free_prototypes_are_refused(options, message):
    with pytest.raises(InvalidInputError, match=message):
        Prototypes(**{"tied": False, "loss_terms": False, **options})


# ----------------------------------------------------------------- queues


def test_a_queue_without_keys_is_supcon():
    for control in CONTROLS:
        queue = solve_relaxation([9, 3, 1], control, loss=Queue(0))
        plain = solve_relaxation([9, 3, 1], control, loss=SupCon())
        assert queue.value == pytest.approx(plain.value, rel=1e-12)


@every_control
def test_value_of_a_queue_is_the_loss_with_class_means_as_keys(control):
    sizes, keys = [9, 3, 1], [4, 2, 3]
    loss = Queue(keys)
    solution = solve_relaxation(sizes, control, loss=loss, temperature=0.7)
    assert solution.status == "optimal"
    means = solution.embeddings().vectors
    labels, key_labels = np.repeat(range(3), sizes), np.repeat(range(3), keys)
    found = contrastive_loss(
        means[labels],
        labels,
        loss=SupCon(),
        temperature=0.7,
        keys=means[key_labels],
        key_labels=key_labels,
        reduction="sum",
    )
    if isinstance(control, Ridge):
        found += control.strength / 2 * float((means[labels] ** 2).sum())
    assert found == pytest.approx(solution.value, rel=1e-10)


def test_keys_are_no_embeddings_that_a_budget_counts():
    problem = UFM([9, 3, 1], Budget(1.0), loss=Queue(100))
    assert list(problem.points) == [9, 3, 1]
    assert problem.anchors == 13  # with keys the single sample has positives


def test_keys_without_gradient_are_refused():
    for make in (
        lambda: Queue(5, gradient=False),
        lambda: UFM([5, 3], Sphere(1.0), loss="queue:keys_per_class=5,gradient=false"),
    ):
        with pytest.raises(InvalidInputError, match="an equilibrium, not a minimiser"):
            make()


# ----------------------------------------------------------------- no term at all


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        ("row-softmax:anchor_mass=1,own_weight=0,pair_weight=0", "the logarithm of nothing"),
        ("supcon:class_weights=0", "weight zero"),
    ],
)
def test_losses_without_terms_are_refused(loss, message):
    with pytest.raises(InvalidInputError, match=message):
        UFM([5, 3], Sphere(1.0), loss=loss)


def test_class_means_as_prototypes_add_no_embeddings():
    """Then a class of one sample has no anchor, and classes of one size stay one orbit."""
    problem = UFM.from_pairs([5, 3, 1], [10**6, 2, 7], Sphere(1.0), loss=Prototypes())
    assert problem.points.orbits == 3
    found = Prototypes().of_embeddings().class_terms(problem.class_sizes)
    expected = SupCon().class_terms(problem.class_sizes)
    for name in ("anchors", "own", "pair", "embeddings"):
        assert np.array_equal(getattr(found, name), getattr(expected, name))
