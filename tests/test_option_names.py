"""What a message calls an argument on the command line."""

import json
import re

import numpy as np
import pytest

import screlax
from screlax.cli import main
from screlax.cli.commands import parsed
from screlax.cli.option_names import in_option_names

SOLVE = parsed(["solve", "--counts", "3,2", "--sphere", "1", "--loss", "prototypes:per_class=2"])
BATCHED = parsed(["solve", "--counts", "3,2", "--sphere", "1", "--sampler", "shuffle:size=4"])
DIM = parsed(["solve", "--counts", "3,2", "--sphere", "1", "--dim", "1"])
COMPARE = parsed(["compare", "a.npz", "h.npy"])


@pytest.mark.parametrize(
    ("options", "python", "told"),
    [
        (SOLVE, "level='orbits' needs only 3", "--level orbits needs only 3"),
        (SOLVE, "use solver='native'", "use --solver native"),
        (SOLVE, "take features='real'", "take --features real"),
        (DIM, "use dim >= 5, or truncate=True", "use --dim >= 5, or --truncate"),
        (SOLVE, "take loss_terms=False", "take --loss prototypes:loss_terms=false"),
        (BATCHED, "by all (mean_over='all')", "by all (--sampler shuffle:mean_over=all)"),
        (SOLVE, "use form='psd'", "use --option form=psd"),
        (SOLVE, "time_limit=0.5 is", "--time-limit 0.5 is"),
        (COMPARE, "use loss='none'", "use --loss none"),
        (COMPARE, "(normalize=True here)", "(--normalize here)"),
        (COMPARE, "allow_pickle=True reads it", "--allow-pickle reads it"),
        (COMPARE, "give its weights as classifier=", "give its weights as --classifier"),
        (
            COMPARE,
            "with screlax.losses.CrossEntropy(bias=True),",
            "with --loss cross-entropy:bias=true,",
        ),
        (SOLVE, "and Sphere(radius_squared=1.0) is not", "and --sphere 1.0 is not"),
        (SOLVE, "WeightDecay(features=5e-04, classifier=0.7)", "--weight-decay 5e-04 0.7"),
        (SOLVE, "choose one of Ridge, Ball, Sphere", "choose one of --ridge, --ball, --sphere"),
        (COMPARE, "InFile(path, name), or --column NAME on the command line", "--column NAME"),
        (SOLVE, "(UFM.from_labels, or screlax solve --labels)", "(screlax solve --labels)"),
        # nothing else: text of losses and samplers, sentences, options of other commands
        (SOLVE, "loss supcon:views=2 of shuffle:size=16", "loss supcon:views=2 of shuffle:size=16"),
        (SOLVE, "--loss=x and 3 = 2, a==b", "--loss=x and 3 = 2, a==b"),
        (COMPARE, "take level='classes'", "take level='classes'"),
    ],
)
def test_arguments_by_their_option(options, python, told):
    assert in_option_names(python, options) == told


def test_a_refusal_of_a_command_names_its_option(capsys):
    command = ["solve", "--counts", "5,4,3", "--sphere", "1", "--dim", "1"]
    assert main(command) == 2
    told = capsys.readouterr().err
    assert "--truncate" in told
    assert "truncate=True" not in told


# ------------------------------------------------------------------- wrong command lines

SIZES = "--counts 4,3,2 --sphere 1"
WRONG = {
    f"solve {SIZES} --temperature 0": "--temperature must be positive",
    f"solve {SIZES} --tol -1": "--tol must be positive",
    f"solve {SIZES} --time-limit -1": "--time-limit must be positive and finite seconds",
    f"solve {SIZES} --level orbit": "--level must be auto",
    f"solve {SIZES} --views 0": "--views must be a whole number",
    f"solve {SIZES} --loss supcon:views=0": ": views must be a whole number",
    f"solve {SIZES} --dim 1 --embeddings e.npy": "use --dim >= 2, or --truncate",
    f"solve {SIZES} --sampler shuffle:size=4,mean_over=anchors --rigorous": "leave out --rigorous",
    f"solve {SIZES} --weights-column w": "--class-weights FILE",
    "solve --counts 4,3,2 --sphere 0": "--sphere must be positive",
    "solve --counts 4,3,2 --ridge -1": "--ridge must be positive",
    "solve --counts 4,3,2 --loss cross-entropy --weight-decay 0 1": "--weight-decay FEATURES must",
    "solve --counts 4,3,2 --ridge 1 --sphere 1": "--ridge and --sphere were given",
    "solve --counts 4,3,2 --weight-decay 1 1": "choose one of --ridge",
    f"path {SIZES} --points 0": "--points must be a whole number",
    f"path {SIZES} --values 1,x": "--values takes numbers",
    f"path {SIZES} --values 1,-1": "--values must be positive",
    f"path {SIZES} --temperatures 0": "--temperatures must be positive",
    f"path {SIZES} --batch-sizes 2 --temperatures 1": "--temperatures or --batch-sizes, not both",
    "sweep s.toml --jobs 5000": "--jobs, unless it is -1, must be",
    f"losses {SIZES} --temperature 0": "--temperature must be positive",
    f"losses {SIZES} --imbalance x": "--imbalance takes numbers",
    f"collapse {SIZES} --constraints c.json": "take the problem without --constraints",
    f"design {SIZES} --temperatures 1": "--temperatures must be the smallest and the largest",
    f"design {SIZES} --temperatures 1,x": "--temperatures takes numbers",
    f"design {SIZES} --tolerance 0": "--tolerance must be positive",
    f"floor {SIZES} --batch-size 4 --draws 0": "--draws must be a whole number",
    f"floor {SIZES} --batch-size 4 --seed -1": "--seed must be a whole number",
    f"landscape {SIZES} --dims x": "--dims takes dimensions",
    f"landscape {SIZES} --dims 2 --starts 0": "--starts must be a whole number",
    f"landscape {SIZES} --dims 2 --jobs 0": "--jobs, unless it is -1, must be",
    f"export {SIZES} --level nosuch --out p.cbf": "--level must be auto",
    "certify o.npz --tol 0": "--tol must be positive",
    "certify ce.npz --level samples": "use --level classes",
    "compare o.npz h.npy": "--labels FILE",
    "compare o.npz run.npz --classifier-array fc": "--classifier FILE",
    "compare oc.npz run.npz --loss class-means --normalize": "problem without --constraints",
    "compare b.npz run.npz --seed -1 --normalize": "--seed must be a whole number",
    "loss h.npy --labels y.txt --temperature 0": "--temperature must be positive",
    "loss h.npy --labels y.txt --jobs 0": "--jobs, unless it is -1, must be",
    "loss h.npy --labels y.txt --contrast-with keys": "--keys FILE",
    "loss h.npy --labels y.txt --keys h.npy": "--key-labels FILE",
    "report o.npz h.npy -o r.html": "--labels FILE",
    f"losses {SIZES} --views 0": "--views must be a whole number from 1",
    # what would change nothing
    f"path {SIZES} --values 1 --points 5": "--points 5 has no effect beside --values",
    f"path {SIZES} --temperatures 1 --points 5": "--points 5 has no effect beside --temperatures",
    f"path {SIZES} --batch-sizes 4 --vary radius": "--vary radius has no effect beside --batch",
    f"path {SIZES} --cold": "--cold has no effect without --solver SCS",
    f"solve {SIZES} --truncate": "--truncate has no effect without --dim",
    f"solve {SIZES} --style one-column": "--style has no effect without --plot",
    f"solve {SIZES} --column a": "--column has no effect on --counts",
    "solve --profile step:4,8,2 --sphere 1 --column a": "--column has no effect on --profile",
    "certify o.npz --rigorous --certifier double": "--certifier has no effect beside --rigorous",
    "report o.npz --normalize -o r.html": "--normalize has no effect without a file of embeddings",
    "loss h.npy --labels y.txt --reduction sum --mean-over all": "--mean-over all has no effect",
    "loss h.npy --labels y.txt --ignored negatives": "--ignored has no effect without --ignore",
    f"design {SIZES} --array a": "--array has no effect on --target etf",
    f"design {SIZES} --knob class_weights --temperatures 1,2": "has no effect without knob temper",
    "compare o.npz run.npz --draws 5": "--draws has no effect on optima of no mini-batches",
    "compare o.npz run.npz --seed 3": "--seed has no effect on optima of no mini-batches",
    "compare b.npz run.npz --loss none --draws 5": "--draws has no effect on --loss none",
    "bench --list --json": "--json has no effect on --list",
}
"""Command lines that are wrong, one command after another, and what they are told."""

_OF_PYTHON = re.compile(r"(?<![\w:,.=-])[a-z_]+=\w|n_jobs|time_limit|_constraints|\bstrengths\b")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wrong")
    rows = np.random.default_rng(0).standard_normal((9, 4))
    labels = [0] * 4 + [1] * 3 + [2] * 2
    np.save(folder / "h.npy", rows)
    np.savetxt(folder / "y.txt", labels, fmt="%d")
    np.savez(folder / "run.npz", features=rows, labels=labels)
    bound = [{"terms": [[0, 1, 1.0]], "upper": -0.6}]
    (folder / "c.json").write_text(json.dumps(bound))
    (folder / "s.toml").write_text('profiles=["cifar10-lt"]\nimbalance=10\nsphere=1\n')
    sphere = screlax.Sphere(1.0)
    for name, control, kind in (
        ("o", sphere, {}),
        ("b", sphere, {"batches": "shuffle:size=4"}),
        ("oc", sphere, {"constraints": bound}),
        ("ce", screlax.WeightDecay(1.0, 1.0), {"loss": "cross-entropy"}),
    ):
        screlax.solve_relaxation([4, 3, 2], control, **kind).save(folder / f"{name}.npz")
    return folder


@pytest.mark.parametrize("line", WRONG)
def test_wrong_command_lines_are_told_of_options(line, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    assert main(line.split()) == 2
    told = capsys.readouterr().err
    assert WRONG[line] in told
    assert not _OF_PYTHON.search(told.partition("error:")[2].replace("supcon:views=", ""))
