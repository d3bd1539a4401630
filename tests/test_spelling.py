"""Names that are nearly right: whoever is looked up in a registry is told what was meant."""

import numpy as np
import pytest

import screlax
from screlax.cli import main
from screlax.spelling import hint

SPHERE = screlax.Sphere(1.0)
PROBLEM = screlax.UFM([5, 4, 3], SPHERE)
ROWS, LABELS = np.eye(3)[[0, 0, 1, 1, 2]], [0, 0, 1, 1, 2]

NEARLY = {
    "cross-entropy": lambda: screlax.UFM([3, 2], SPHERE, loss="crossentropy"),
    "supcon": lambda: screlax.contrastive_loss(ROWS, LABELS, loss="SupCon"),
    "views": lambda: screlax.UFM([3, 2], SPHERE, loss="supcon:view=2"),
    "shuffle": lambda: screlax.UFM([3, 2], SPHERE, batches="shufle:size=2"),
    "size": lambda: screlax.UFM([3, 2], SPHERE, batches="shuffle:sise=2"),
    "CLARABEL": lambda: screlax.solve_relaxation(PROBLEM, solver="clarabell"),
    "native": lambda: screlax.solve_relaxation(PROBLEM, solver="natve"),
    "SCS": lambda: screlax.sweep(screlax.grid({"m": [3, 2]}, sphere=1.0, solver="scss")),
    "orbits": lambda: screlax.solve_relaxation(PROBLEM, level="orbit"),
    "classes": lambda: screlax.survey_landscape(PROBLEM, level="class"),
    "cifar10-lt": lambda: screlax.profile("cifar10lt:100"),
    "imagenet-lt": lambda: screlax.compare_losses("imagnet-lt", SPHERE),
    "nonnegative": lambda: screlax.UFM([3, 2], SPHERE, features="non-negative"),
    "weight-decay": lambda: screlax.fit_control(ROWS, LABELS, "weightdecay", temperature=1.0),
    "normalized": lambda: screlax.grid("cifar10-lt", normalised=1.0),
    "Sphere": lambda: screlax.UFM([3, 2], "sphere"),
    "lbfgs": lambda: screlax.solve_nonconvex(PROBLEM, 3, method="lbgfs"),
    "etf": lambda: screlax.design([5, 3], SPHERE, target="eft"),
    "temperature": lambda: screlax.design([5, 3], SPHERE, knobs=["temperatur"]),
    "verified": lambda: screlax.solve_relaxation([2, 2], SPHERE).recheck(certifier="verifed"),
    "mean": lambda: screlax.contrastive_loss(ROWS, LABELS, reduction="men"),
    "norms": lambda: screlax.plots.plot_path([], quantity="norm"),
    "dog": lambda: screlax.solve_relaxation(
        {"cat": 3, "dog": 2},
        SPHERE,
        constraints=[screlax.constraints.Linear({("cat", "dgo"): 1.0}, upper=0.0)],
    ),
}


@pytest.mark.parametrize("meant", NEARLY)
def test_what_was_meant_is_told(meant):
    with pytest.raises(screlax.ScrelaxError, match=rf"\(did you mean '{meant}'\?\)"):
        NEARLY[meant]()


def test_an_attribute_of_the_package_too():
    with pytest.raises(AttributeError, match="did you mean 'solve_relaxation'"):
        _ = screlax.solve_relaxtion


def test_an_array_of_a_file_too(tmp_path):
    np.savez(tmp_path / "run.npz", features=ROWS, labels=LABELS)
    with pytest.raises(screlax.ScrelaxError, match="did you mean 'labels'"):
        screlax.read_labels(screlax.geometry.InFile(tmp_path / "run.npz", "label"))


@pytest.mark.parametrize("given", ["banana", 3, None, ""])
def test_nothing_is_guessed_of_what_is_like_no_name(given):
    assert hint(given, ["supcon", "cross-entropy"]) == ""
    assert hint("supcom", [*map(str, range(20_000)), "supcon"]) == ""  # a pass over all of them


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("sovle --counts 3,2", "(did you mean 'solve'?)"),
        ("solve --counts 3,2 --weightdecay 1 1", "(did you mean '--weight-decay'?)"),
        ("compare a.npz h.npy --scale fre", "(did you mean 'free'?)"),
        ("solve --counts 3,2 --weight-decay 5e-4", "takes 2 numbers, FEATURES and CLASSIFIER"),
        ("path --counts 3,2 --layer-peeled 1", "takes 2 numbers, FEATURES and CLASSIFIER"),
    ],
)
def test_the_command_line_tells_it_too(capsys, line, told):
    with pytest.raises(SystemExit) as caught:
        main(line.split())
    assert caught.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert told in lines[1]
