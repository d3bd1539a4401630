"""The parts of `benchmarks/classifier_network.py`; most need torch."""

import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import screlax

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.network.cells import PROFILES
from benchmarks.network.classifier_cells import CONTROLS, LOADERS, ClassifierCell, design
from tests.test_network_benchmark import TORCH, made_up_images

SIZES = PROFILES["step"].copy()
LABELS = np.repeat(np.arange(10), SIZES)


def test_the_design_has_every_cell_once_and_only_what_can_be_trained():
    cells = list(design(["digits"], [0, 1]))
    assert len({cell.key for cell in cells}) == len(cells) == 2 * 3 * (2 * 2 * 3 + 1 + 2)
    for cell in cells:
        assert CONTROLS[cell.control].is_penalty or not cell.relu
        assert cell.sampler in LOADERS
        assert cell.problem.features.are_nonnegative == cell.relu


def test_the_controls_merge_the_rare_classes_where_the_theory_says():
    """Classes of one size merge from λ_H λ_W on: 6 in the step profile."""
    for name, control in CONTROLS.items():
        if control.is_penalty:
            assert math.prod(control.numbers) == pytest.approx(float(name.split()[1]))
            solution = screlax.solve_relaxation(SIZES, control, loss="cross-entropy", tol=1e-6)
            rare = solution.classifier_gram[5:, 5:]
            merged = rare[0, 1] > (1 - 1e-6) * rare[0, 0]
            assert merged == (math.prod(control.numbers) > SIZES[-1])


def drawn(seed=0):
    torch = pytest.importorskip("torch", reason=TORCH)
    rng = np.random.default_rng(seed)
    features, weights = rng.standard_normal((len(LABELS), 7)), rng.standard_normal((10, 7))
    return torch.from_numpy(features), torch.from_numpy(weights)


def test_decays_are_those_of_compare():
    torch = pytest.importorskip("torch", reason=TORCH)
    from benchmarks.network.classifier_training import objective

    pair, control = drawn(), CONTROLS["decay 3"]
    labels, counts = torch.from_numpy(LABELS), torch.from_numpy(SIZES)
    solution = screlax.solve_relaxation(SIZES, control, loss="cross-entropy", tol=1e-6)
    value = objective(control, pair, labels, counts).item() * len(LABELS)
    found = screlax.compare(pair[0], LABELS, solution, classifier=pair[1], search=False)
    assert found.loss.value == pytest.approx(value, rel=1e-12)
    parts = np.array_split(np.random.default_rng(0).permutation(len(LABELS)), 5)
    batches = [
        objective(control, (pair[0][part], pair[1]), labels[part], counts).item() for part in parts
    ]
    assert np.mean(batches) * len(LABELS) == pytest.approx(value, rel=1e-12)


def test_controls_that_fix_norms_are_part_of_the_network():
    torch = pytest.importorskip("torch", reason=TORCH)
    from benchmarks.network.classifier_training import TERMS, objective

    (features, weights), counts = drawn(), torch.from_numpy(SIZES)
    labels = torch.from_numpy(LABELS)
    for name in ("layer-peeled", "normalized"):
        control = CONTROLS[name]
        place, _ = TERMS[control.name]
        rows, classifier = place((features, weights), control.numbers, labels, counts)
        scores = (rows @ classifier.T).numpy()
        loss = np.log(np.exp(scores).sum(axis=1)) - scores[np.arange(len(LABELS)), LABELS]
        value = objective(control, (features, 3 * weights), labels, counts).item()
        assert value == pytest.approx(loss.mean(), rel=1e-12)
        squares = (rows**2).sum(axis=1).numpy()
        if name == "normalized":
            np.testing.assert_allclose(squares, 8.0**2)  # the scale is with the features
        else:
            means = [squares[c == LABELS].mean() for c in range(10)]
            bound = control.features, control.classifier
            at = np.mean(means), (classifier**2).sum(axis=1).mean().item()
            assert at == pytest.approx(bound, rel=1e-12)


def at_optimum(cell):
    """Return a network that changes nothing, of images that are the optimum of the cell."""
    torch = pytest.importorskip("torch", reason=TORCH)
    from benchmarks.network.classifier_training import TrainedClassifier

    solution = screlax.solve_relaxation(cell.problem, tol=1e-6)
    features, weights = solution.embeddings().vectors, solution.classifiers().vectors
    tensors = torch.from_numpy(weights), torch.from_numpy(features[LABELS])
    return TrainedClassifier(cell, torch.nn.Identity(), *tensors, LABELS)


@pytest.mark.filterwarnings("ignore::screlax.errors.InaccurateWarning")
@pytest.mark.parametrize("relu", [False, True])
def test_at_the_optimum_a_network_has_no_distance_and_no_excess(relu):
    pytest.importorskip("torch", reason=TORCH)
    from benchmarks.network.classifier_measures import measure

    found = measure(at_optimum(ClassifierCell("digits", relu=relu)))
    distances = found.means, found.classifier, found.joint, found.logits
    assert max(distances) < 1e-6
    assert 0 <= found.excess < 1e-6
    assert found.rare_cosine == pytest.approx(found.optimal_rare_cosine, abs=1e-6)
    assert found.self_duality == pytest.approx(found.optimal_self_duality, abs=1e-6) or relu
    assert (found.accuracy, found.dead) == (1.0, 0)


@pytest.mark.filterwarnings("ignore::screlax.errors.InaccurateWarning")
@pytest.mark.slow
@pytest.mark.parametrize("relu", [False, True])
def test_a_short_training_goes_towards_the_optimum(relu):
    pytest.importorskip("torch", reason=TORCH)
    from benchmarks.network.classifier_measures import measure
    from benchmarks.network.classifier_training import train

    cell = ClassifierCell("digits", relu=relu)
    images = made_up_images(PROFILES[cell.profile])
    short, longer = (measure(train(cell, images, steps)) for steps in (60, 300))
    assert longer.joint < min(0.75 * short.joint, 0.35)
    assert 0 < longer.excess < 0.5 * short.excess
    assert longer.accuracy == 1


def test_training_depends_on_its_seed_alone():
    torch = pytest.importorskip("torch", reason=TORCH)
    from benchmarks.network.classifier_training import train

    state, cell = torch.get_rng_state(), ClassifierCell("digits", sampler="shuffle")
    found = [
        train(one, made_up_images(PROFILES["step"]), 10).classifier
        for one in (cell, cell, replace(cell, seed=1))
    ]
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])
    assert torch.equal(state, torch.get_rng_state())


def made_up_result(cell, **measured):
    from benchmarks.network.classifier_measures import ClassifierMeasurement
    from benchmarks.network.results import Result

    names = ClassifierMeasurement.__dataclass_fields__
    return Result(cell, 100, 1.5, ClassifierMeasurement(**(dict.fromkeys(names, 0.01) | measured)))


def test_results_are_read_as_they_were_written(tmp_path):
    pytest.importorskip("torch", reason=TORCH)
    from benchmarks.network import results

    path = tmp_path / "networks.jsonl"
    found = [
        made_up_result(ClassifierCell("digits"), spread=math.inf),
        made_up_result(ClassifierCell("mnist")),
    ]
    results.write(found, path)
    assert list(results.read(path, results.CLASSIFIER).values()) == found


def test_the_report_counts_who_arrived_and_shows_the_farthest_seed():
    pytest.importorskip("torch", reason=TORCH)
    from benchmarks.network.classifier_report import report, verdict

    cell = ClassifierCell("digits", control="decay 12")
    found = [
        made_up_result(cell),
        made_up_result(replace(cell, seed=1), joint=0.03, excess=0.02),
        made_up_result(replace(cell, relu=True), spread=math.inf),
    ]
    text = report(found)
    assert "2 of 3 networks are within 0.02" in text
    assert (
        "| digits | step | full | decay 12 | 2 | 0.0100 | 0.0100 | 0.0300 | 0.0100 | 2.0e-02 |"
        in text
    )
    assert "| digits | step | full | decay 12, ReLU | 1 |" in text
    assert not verdict(found)
    assert verdict(found[:1])
