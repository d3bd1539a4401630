"""The geometry followed from training loops: which batches, which numbers, which epochs."""

import subprocess
import sys
import types

import numpy as np
import pytest

import screlax
from screlax.errors import InvalidInputError
from screlax.geometry import GeometryCallback, class_statistics, collapse_metrics

NAMES = ["cat", "dog", "fox"]


def batch(seed, n=12):
    rows = np.random.default_rng(seed).standard_normal((n, 5)) + 1
    return rows, np.array(NAMES)[np.arange(n) % 3]


def tracker():
    return screlax.GeometryTracker(classes=NAMES)


def test_scalars_are_the_numbers_of_the_last_epoch():
    one = tracker()
    with pytest.raises(InvalidInputError, match="call end_epoch first"):
        one.scalars()
    for seed in range(2):
        one.update(*batch(seed))
        one.end_epoch(loss=np.float32(seed), note="text", missing=None, frozen=True)
    expected = collapse_metrics(class_statistics(*batch(1))).columns()
    expected |= {"epoch": 2.0, "samples": 12.0, "loss": 1.0, "frozen": 1.0}
    found = one.scalars("train/")
    assert found == pytest.approx({f"train/{name}": value for name, value in expected.items()})
    assert {type(value) for value in found.values()} == {float}


def test_every_second_epoch_is_measured_and_logged():
    logged = []
    callback = GeometryCallback(tracker(), log=lambda *row: logged.append(row), every=2)
    rows = []
    for seed in range(5):
        callback.batch_end(*batch(seed))
        rows.append(callback.epoch_end(loss=seed))
    assert [row.get("geometry/loss") for row in rows] == [0, None, 2, None, 4]
    assert [(row["geometry/loss"], epoch) for row, epoch in logged] == [(0, 1), (2, 3), (4, 5)]
    assert [row["samples"] for row in callback.tracker.history] == [12, 12, 12]


@pytest.mark.parametrize("every", [0, 1.5, "two"])
def test_every_is_a_whole_number(every):
    with pytest.raises(InvalidInputError, match="every must be a whole number"):
        GeometryCallback(tracker(), every=every)


class Module:
    """A module of Lightning, as far as a callback knows it."""

    def __init__(self):
        self.logged = []

    def log_dict(self, row):
        self.logged.append(row)


@pytest.fixture
def lightning(monkeypatch):
    """Return the callback over Lightning's own base class, or over a stand-in where it is not."""
    pytest.importorskip("torch", reason="needs torch: pip install 'screlax[torch]'")
    stand_in = types.ModuleType("pytorch_lightning")
    stand_in.Callback = type("Callback", (), {})
    monkeypatch.setitem(sys.modules, "pytorch_lightning", stand_in)
    monkeypatch.setitem(sys.modules, "lightning", None)
    monkeypatch.setitem(sys.modules, "lightning.pytorch", None)
    monkeypatch.delitem(sys.modules, "screlax.training.lightning", raising=False)
    yield screlax.torch.LightningGeometry
    sys.modules.pop("screlax.training.lightning", None)


def trained(callback, module, epochs):
    for seed in epochs:
        rows, labels = batch(seed)
        outputs = {"loss": 0.0, "embeddings": rows, "labels": labels}
        callback.on_train_batch_end(None, module, outputs, (rows, labels), 0)
        callback.on_train_epoch_end(None, module)


def test_lightning_logs_the_epochs_measured_and_goes_on_from_a_checkpoint(lightning):
    whole, module = lightning(tracker(), every=2), Module()
    trained(whole, module, range(4))
    assert [row["geometry/epoch"] for row in module.logged] == [1, 2]
    first = lightning(tracker(), every=2)
    trained(first, Module(), range(1))
    again = lightning(tracker(), every=2)
    again.load_state_dict(first.state_dict())
    trained(again, Module(), range(1, 4))
    assert again.geometry.tracker.history == whole.geometry.tracker.history
    assert lightning(tracker(), prefix="test/").state_key != whole.state_key


def test_lightning_finds_labels_in_the_batch_or_says_what_to_return(lightning):
    rows, labels = batch(0)
    callback = lightning(tracker())
    callback.on_train_batch_end(None, None, {"embeddings": rows}, [rows, labels], 0)
    own = lightning(tracker(), batch=lambda outputs, given: (outputs, given["y"]))
    own.on_train_batch_end(None, None, rows, {"y": labels}, 0)
    for one in (callback, own):
        np.testing.assert_array_equal(one.geometry.tracker.statistics.counts, [4, 4, 4])
    for outputs, given in ((0.5, (rows, labels)), ({"embeddings": rows}, rows)):
        with pytest.raises(InvalidInputError, match="training_step must return a dict"):
            callback.on_train_batch_end(None, None, outputs, given, 0)


def test_without_lightning_its_callback_is_refused_and_all_else_is_there():
    pytest.importorskip("torch", reason="needs torch: pip install 'screlax[torch]'")
    code = (
        "import sys\n"
        "sys.modules['lightning'] = sys.modules['pytorch_lightning'] = None\n"
        "import screlax\n"
        "screlax.torch.GeometryCallback\n"
        "try:\n    screlax.torch.LightningGeometry\n"
        "except screlax.errors.MissingExtraError as error:\n    print(error)\n"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install lightning" in shown.stdout
