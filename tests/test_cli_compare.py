"""`screlax compare` as a user runs it."""

import json

import numpy as np
import pytest

import screlax
from screlax.cli import main


@pytest.fixture
def files(tmp_path):
    labels = np.repeat([0, 1, 2], [9, 6, 3])
    solution = screlax.solve_relaxation([9, 6, 3], control=screlax.Sphere(1.0), temperature=0.5)
    solution.save(tmp_path / "solution.npz")
    rng = np.random.default_rng(0)
    H = solution.embeddings(4).vectors[labels] + 0.1 * rng.standard_normal((18, 4))
    np.save(tmp_path / "embeddings.npy", H.astype(np.float32))
    np.save(tmp_path / "labels.npy", labels)
    return tmp_path


def arguments(folder, *more):
    names = ("solution.npz", "embeddings.npy")
    files = [str(folder / name) for name in names]
    return ["compare", *files, "--labels", str(folder / "labels.npy"), *more]


def test_a_table(files, capsys):
    assert main(arguments(files)) == 0
    out = capsys.readouterr().out
    assert "18 samples, 3 classes, dimension 4" in out
    assert "Procrustes" in out


def test_json_and_python_agree(files, capsys):
    assert main(arguments(files, "--json", "--scale", "fixed")) == 0
    record = json.loads(capsys.readouterr().out)
    found = screlax.compare(
        files / "embeddings.npy",
        files / "labels.npy",
        screlax.Solution.load(files / "solution.npz"),
        scale="fixed",
    )
    assert record["gram_distance"] == found.gram_distance
    assert record["residual"] == found.residual
    assert record["loss"]["relative_gap"] == found.loss.relative_gap


def test_a_picture(files, capsys):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    assert main(arguments(files, "--plot", str(files / "picture.png"))) == 0
    assert (files / "picture.png").read_bytes().startswith(b"\x89PNG")
    assert main(arguments(files, "--plot", str(files / "picture.txt"))) == 2


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("solution.npz", None, "no such file"),
        ("embeddings.npy", None, "no such file"),
        ("labels.npy", None, "no such file"),
        ("labels.npy", np.zeros(18, int), "no sample has label 1"),
        ("labels.npy", np.arange(18), "label 3 is no class"),
        ("labels.npy", np.zeros(17, int), "17"),
        ("embeddings.npy", np.zeros((18, 0)), "at least one|empty"),
    ],
)
def test_bad_files(files, capsys, name, content, message):
    (files / name).unlink()
    if content is not None:
        np.save(files / name, content)
    assert main(arguments(files)) == 2
    error = capsys.readouterr().err
    assert error.startswith("screlax: error: ")
    import re

    assert re.search(message, error.lower())


def test_a_file_that_is_no_solution(files, capsys):
    np.savez(files / "solution.npz", x=np.ones(3))
    assert main(arguments(files)) == 2
    assert "solution" in capsys.readouterr().err


def test_labels_of_a_counts_file_reach_the_comparison(tmp_path, capsys):
    """In whatever order: embeddings that are optimal for their labels are found to be."""
    (tmp_path / "counts.csv").write_text("class,count\n3,10\n0,50\n1,12\n2,40\n")
    solution = str(tmp_path / "solution.npz")
    command = [
        "solve",
        "--counts",
        str(tmp_path / "counts.csv"),
        "--sphere",
        "1",
        "--out",
        solution,
    ]
    assert main(command) == 0
    problem = screlax.UFM([50, 12, 40, 10], screlax.Sphere(1.0), 1.0)
    labels = np.repeat([0, 1, 2, 3], [50, 12, 40, 10])
    best = screlax.solve_relaxation(problem).embeddings().vectors[labels]
    np.save(tmp_path / "embeddings.npy", best)
    np.save(tmp_path / "labels.npy", labels)
    capsys.readouterr()
    files = [solution, str(tmp_path / "embeddings.npy"), "--labels", str(tmp_path / "labels.npy")]
    assert main(["compare", *files, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["gram_distance"] < 1e-9
    assert record["same_counts"]


@pytest.fixture
def several(files):
    for name, batches in (("batches", "shuffle:size=8"), ("poisson", "poisson:rate=0.5")):
        solution = screlax.solve_relaxation(
            [9, 6, 3], screlax.Sphere(1.0), temperature=0.5, batches=batches
        )
        solution.save(files / f"{name}.npz")
    return [word for name in ("batches", "poisson") for word in
            ("--solution", str(files / f"{name}.npz"))]  # fmt: skip


def test_several_optima_are_ranked(files, several, capsys):
    assert main(arguments(files, *several, "--draws", "20")) == 0
    ranking, rest = capsys.readouterr().out.split("\n\n", 1)
    header, *rows = ranking.splitlines()
    columns = "distance relative excess of its own loss verdict optimum of"
    assert " ".join(header.split()) == columns
    distances = [float(row.split()[0]) for row in rows]
    assert distances == sorted(distances)
    assert len(rows) == 3
    assert "(sphere 1, τ = 0.5)" in rows[0]
    assert all(("at class means" in row) == ("supcon in " in row) for row in rows)
    assert rest.startswith("verdict      These features are ")


def test_several_optima_as_json_are_a_list(files, several, capsys):
    options = ("--json", "--draws", "20", "--seed", "4", "--no-search")
    assert main(arguments(files, *several, *options)) == 0
    records = json.loads(capsys.readouterr().out)
    found = screlax.compare(
        files / "embeddings.npy",
        files / "labels.npy",
        [
            screlax.Solution.load(files / name)
            for name in ("solution.npz", "batches.npz", "poisson.npz")
        ],
        draws=20,
        seed=4,
        search=False,
    )
    assert [record["verdict"] for record in records] == [
        {"case": one.verdict.case, "sentence": one.verdict.sentence} for one in found
    ]
    drawn = {record["recipe"]["loss"]: record["drawn"] for record in records}
    assert drawn["supcon"] is None
    assert drawn["supcon in shuffle:size=8"]["draws"] == 20
    assert drawn["supcon in shuffle:size=8"]["seed"] == 4


def test_the_table_says_which_loss_and_of_what(files, capsys):
    assert main(arguments(files)) == 0
    out = capsys.readouterr().out
    assert "verdict      These features are " in out
    assert (
        "optimum      of supcon (sphere 1, τ = 0.5): all samples at once; features of any sign"
        in out
    )
    for title in ("split", "decides", "references"):
        assert f"\n{title} " in out


def test_bounds_of_batches_are_said_to_be_of_an_expectation(files, several, capsys):
    for command in ("certify", "compare"):
        rest = arguments(files)[2:] if command == "compare" else []
        assert main([command, str(files / "batches.npz"), *rest]) == 0
        said = "loss supcon in shuffle:size=8 (the expectation over mini-batches, not a single one)"
        assert said in capsys.readouterr().out


def test_shards_are_one_below_the_other(files, capsys):
    pytest.importorskip("dask", reason="needs dask: pip install 'screlax[dask]'")
    rows, folder = np.load(files / "embeddings.npy"), files / "shards"
    folder.mkdir()
    shards = [folder / "rows0.npy", folder / "rows1.npy"]
    for file, part in zip(shards, (slice(0, 5), slice(5, 18)), strict=True):
        np.save(file, rows[part])
    found = []
    for given in ([files / "embeddings.npy"], shards, [folder]):
        names = [str(files / "solution.npz"), *map(str, given)]
        assert main(["compare", *names, "--labels", str(files / "labels.npy"), "--json"]) == 0
        found.append(json.loads(capsys.readouterr().out))
    for one in found[1:]:
        assert one["gram_distance"] == pytest.approx(found[0]["gram_distance"], rel=1e-5)
        assert one["loss"]["value"] == pytest.approx(found[0]["loss"]["value"], rel=1e-12)
    assert main(["compare", str(files / "solution.npz"), *map(str, shards)]) == 2
    assert "give the label of each: --labels" in capsys.readouterr().err
