"""`screlax loss`, completion scripts, and arguments from a file."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

import screlax
from screlax.cli import main


@pytest.fixture
def files(tmp_path):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "embeddings.npy", rng.standard_normal((40, 6)))
    (tmp_path / "labels.txt").write_text("\n".join("ab"[i % 2] for i in range(40)))
    return tmp_path


def test_the_loss_is_that_of_the_function(files, capsys):
    arguments = ["loss", str(files / "embeddings.npy"), "--labels", str(files / "labels.txt")]
    options = ["--temperature", "0.5", "--normalize", "--reduction", "sum", "--negatives-only"]
    assert main([*arguments, *options, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    expected = screlax.supcon_loss(
        np.load(files / "embeddings.npy"),
        list("ab" * 20),
        temperature=0.5,
        normalize=True,
        reduction="sum",
        negatives_only=True,
    )
    assert record == {"loss": expected, "of": "negatives-only", "samples": 40, "dim": 6}
    assert main(arguments) == 0
    plain = screlax.supcon_loss(np.load(files / "embeddings.npy"), list("ab" * 20))
    assert float(capsys.readouterr().out) == pytest.approx(plain, rel=1e-11)


LOSSES = ["class-averaged:anchors=classes", "soft-targets:epsilon=0.1", "prototypes:per_class=2"]


@pytest.mark.parametrize("loss", LOSSES)
def test_any_loss_can_be_asked_for_and_is_named(loss, files, capsys):
    arguments = ["loss", str(files / "embeddings.npy"), "--labels", str(files / "labels.txt")]
    expected = screlax.contrastive_loss(
        np.load(files / "embeddings.npy"), list("ab" * 20), loss=loss
    )
    assert main([*arguments, "--loss", loss]) == 0
    value, name = capsys.readouterr().out.split()
    assert float(value) == pytest.approx(expected, rel=1e-11)
    assert name == loss
    assert main([*arguments, "--loss", loss, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["loss"], record["of"]) == (expected, loss)


def test_views_weights_keys_and_samples_without_a_class(files, capsys):
    rng = np.random.default_rng(1)
    H, K = rng.standard_normal((40, 2, 6)), rng.standard_normal((5, 6))
    np.save(files / "views.npy", H)
    np.save(files / "keys.npy", K)
    np.save(files / "labels.npy", np.arange(40) % 4 - 1)
    np.save(files / "key_labels.npy", np.arange(5) % 3)
    (files / "weights.csv").write_text("0,1\n1,2\n2,0.5\n")
    arguments = ["loss", files / "views.npy", "--labels", files / "labels.npy", "--views", 2,
                 "--keys", files / "keys.npy", "--key-labels", files / "key_labels.npy",
                 "--class-weights", files / "weights.csv", "--ignore", "-1", "--json"]  # fmt: skip
    weights = {0: 1.0, 1: 2.0, 2: 0.5}
    for ignored in ("left out", "negatives"):
        assert main([*map(str, arguments), "--ignored", ignored]) == 0
        expected = screlax.contrastive_loss(
            H,
            np.arange(40) % 4 - 1,
            loss=screlax.losses.SupCon(views=2, class_weights=weights),
            keys=K,
            key_labels=np.arange(5) % 3,
            ignore=-1,
            ignored=ignored,
        )
        record = json.loads(capsys.readouterr().out)
        assert record["loss"] == expected
        assert record["samples"] == 40


def test_options_that_contradict_each_other(files, capsys):
    arguments = ["loss", str(files / "embeddings.npy"), "--labels", str(files / "labels.txt")]
    assert main([*arguments, "--negatives-only", "--loss", "prototypes"]) == 2
    assert "leave out one" in capsys.readouterr().err
    assert main([*arguments, "--keys", "keys.npy"]) == 2
    assert (
        "keys.npy holds embeddings alone; give the label of each: --key-labels"
        in capsys.readouterr().err
    )


def test_bad_input(files, capsys):
    arguments = ["loss", str(files / "embeddings.npy"), "--labels", str(files / "labels.txt")]
    assert main([*arguments, "--temperature", "0"]) == 2
    assert "temperature" in capsys.readouterr().err
    (files / "labels.txt").write_text("a\nb")
    assert main(arguments) == 2
    assert "40 embeddings but 2 labels" in capsys.readouterr().err


def test_arguments_from_a_file(files, capsys):
    lines = ["loss", files / "embeddings.npy", "--labels", files / "labels.txt"]
    (files / "arguments.txt").write_text("\n".join(map(str, lines)))
    assert main([f"@{files / 'arguments.txt'}"]) == 0
    assert float(capsys.readouterr().out) > 0


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_completion(shell, capsys):
    pytest.importorskip("shtab", reason="shtab is not installed")
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "landscape" in script
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=script, text=True, check=True)


def test_completion_says_what_it_needs(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert main(["completion", "bash"]) == 2
    assert "screlax[completion]" in capsys.readouterr().err
