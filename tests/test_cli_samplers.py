"""What the command line says of samplers and files that do not fit a command."""

import numpy as np
import pytest

import screlax
from screlax.cli import main

PROBLEM = ("--counts", "counts.csv", "--sphere", "1")
MEANS = "shuffle:size=4,mean_over=anchors"
"""Of whose expected losses there is no proof against rounding."""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "counts.csv").write_text("9\n6\n3\n")
    (tmp_path / "batches.txt").write_text("0 1 9\n2 3 15\n")
    screlax.solve_relaxation([9, 6, 3], screlax.Sphere(1.0)).save(tmp_path / "whole.npz")
    np.save(tmp_path / "embeddings.npy", np.ones((18, 2)))
    np.save(tmp_path / "labels.npy", np.repeat([0, 1, 2], [9, 6, 3]))


def refusal(capsys, *arguments):
    assert main(arguments) == 2
    return capsys.readouterr().err


@pytest.mark.parametrize("sampler", ["shuffle", "weighted"])
def test_a_missing_size_is_asked_for_by_its_option(sampler, capsys):
    assert "needs the size too: --batch-size" in refusal(
        capsys, "solve", *PROBLEM, "--sampler", sampler
    )


@pytest.mark.parametrize(
    "sampler", ["fixed:batches.txt", "poisson:rate=0.5", "classes:classes=2,samples=2"]
)
def test_a_size_beside_a_sampler_that_has_its_own_is_refused(sampler, capsys):
    said = refusal(capsys, "solve", *PROBLEM, "--sampler", sampler, "--batch-size", "4")
    assert "leave out --batch-size" in said


@pytest.mark.parametrize("more", [("--batch-size", "4"), ("--sampler", "fixed:batches.txt")])
def test_a_loss_of_embeddings_is_none_of_batches(more, capsys):
    said = refusal(capsys, "loss", "embeddings.npy", "--labels", "labels.npy", *more)
    assert "leave out --batch-size and --sampler" in said


def test_a_saved_solution_in_the_place_of_embeddings_is_named(capsys):
    said = refusal(capsys, "compare", "whole.npz", "whole.npz", "--labels", "labels.npy")
    assert "whole.npz is a saved solution" in said


def test_a_refused_proof_names_no_argument_of_python(capsys):
    pytest.importorskip("flint")
    said = refusal(capsys, "solve", *PROBLEM, "--sampler", MEANS, "--rigorous")
    assert "leave out --rigorous" in said


@pytest.mark.parametrize(
    "sampler", ["shuffle:size=4", "fixed:batches.txt", "poisson:rate=0.3", "weighted:size=4"]
)
def test_the_mean_of_a_solution_is_of_the_kind_of_the_floor(sampler, capsys, tmp_path):
    (tmp_path / "counts.csv").write_text("9\n6\n1\n")  # the single sample is never an anchor
    assert main(("solve", *PROBLEM, "--sampler", sampler)) == 0
    line = next(one for one in capsys.readouterr().out.splitlines() if one.startswith("value"))
    mean, unit = line.split("summed over anchors, ")[1].split(" per ")
    assert main(("floor", *PROBLEM, "--sampler", sampler)) == 0
    floor, _, rest = capsys.readouterr().out.split("cannot be below ")[1].partition(" per ")
    assert rest.startswith(f"{unit} (proved")
    assert float(mean) == pytest.approx(float(floor), rel=1e-8)
