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
    assert record == {"loss": expected, "samples": 40, "dim": 6}
    assert main(arguments) == 0
    plain = screlax.supcon_loss(np.load(files / "embeddings.npy"), list("ab" * 20))
    assert float(capsys.readouterr().out) == pytest.approx(plain, rel=1e-11)


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
