"""What is no problem, solution, table or path is refused in words, by every public function."""

import contextlib
import inspect

import numpy as np
import pytest

import screlax
from screlax import Sphere, geometry, plots
from screlax.errors import InvalidInputError, ScrelaxError
from screlax.report import write_report

WRONG = [None, "", [], {}, 3, object()]
SOLUTION = screlax.solve_relaxation([3, 2], Sphere(1.0), temperature=0.5)
LABELS = [0, 0, 0, 1, 1]
OTHERS = {
    "classifier": 1.0,
    "level": "orbits",
    "class_sizes": [3, 2],
    "control": Sphere(1.0),
    "dim": 2,
    "dims": [1],
    "embeddings": np.eye(2),
    "imbalance": 2.0,
    "count": 5,
    "labels": LABELS,
    "largest": 4,
    "multiplicities": [1],
    "optimal_gram": np.eye(2),
    "path": "p.html",
    "per_class": 3,
    "size": 3,
    "number": np.array([0, 1]),
    "second": np.eye(2),
    "smallest": 2,
    "statistics": geometry.class_statistics(np.eye(2), [0, 1]),
    "weights": np.eye(2),
    "solution": SOLUTION,
    "temperature": 0.5,
}
"""What the first argument may need beside it."""

RESULTS = {
    *("BatchFloor", "Certificate", "CollapseThreshold", "Comparison", "ConeProgram", "ControlFit"),
    *("Design", "Determinacy", "Embeddings", "LossComparison", "LossGradient", "MaxMarginLimit"),
    *("CentredMetrics", "ClassStatistics", "ClassifierMetrics", "CollapseMetrics", "FrameMetrics"),
    *("DualityMetrics", "PenaltyGradient", "SizeGroups"),
    *("MinorityCollapse", "NonconvexResult", "SecondOrder", "Solution", "SweepPoint", "Landscape"),
}
"""Made by functions: what they hold is not checked once more."""


def public():
    for name in sorted({*screlax.__all__} - RESULTS):
        one = getattr(screlax, name)
        if not (isinstance(one, type) and issubclass(one, Exception)):
            yield name, one
    for name in plots.__all__:
        yield f"plots.{name}", getattr(plots, name)
    for name in sorted({*geometry.__all__} - RESULTS):
        yield f"geometry.{name}", getattr(geometry, name)
    yield "report.write_report", write_report


def call(function, given):
    """Call with this as first argument, and what else has to be there."""
    needed = [
        one
        for one in list(inspect.signature(function).parameters.values())[1:]
        if one.default is one.empty and one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)
    ]
    return function(given, **{one.name: OTHERS[one.name] for one in needed})


PUBLIC = dict(public())


@pytest.mark.parametrize("name", PUBLIC)
def test_a_wrong_first_argument_is_refused_in_words(name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for given in WRONG:
        with contextlib.suppress(ScrelaxError):
            call(PUBLIC[name], given)


MINE = screlax.compare(SOLUTION.prototypes(2)[LABELS], LABELS, SOLUTION)
REFUSED = {
    "a mapping from name to Comparison": lambda: write_report(SOLUTION, "p.html", [MINE]),
    r"comparisons\['mine'\] must be a screlax Comparison": lambda: write_report(
        SOLUTION, "p.html", {"mine": [3]}
    ),
    r"comparisons\['mine'\] must be a sequence": lambda: write_report(
        SOLUTION, "p.html", {"mine": None}
    ),
    "p.html: it is a folder": lambda: write_report(SOLUTION, "folder/p.html"),
    r"solution\[1\] must be a screlax Solution": lambda: write_report([SOLUTION, 3], "p.html"),
    r"solutions\[1\] must be a screlax Solution": lambda: screlax.path_table([SOLUTION, 3]),
    r"p.npz: it is a folder": lambda: SOLUTION.save("folder/p.npz"),
    "p.csv: it is a folder": lambda: screlax.SweepTable([]).write("folder/p.csv"),
    "p.cbf: it is a folder": lambda: screlax.export_conic(SOLUTION.problem, "folder/p.cbf"),
    "p.png: it is a folder": lambda: plots.save_figure(
        plots.plot_norms(SOLUTION).figure, "folder/p.png"
    ),
}


@pytest.mark.parametrize("told", REFUSED)
def test_what_is_in_a_list_or_the_name_of_a_folder_is_refused(told, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for suffix in ("html", "npz", "csv", "cbf", "png"):
        (tmp_path / "folder" / f"p.{suffix}").mkdir(parents=True)
    with pytest.raises(InvalidInputError, match=told):
        REFUSED[told]()


@pytest.mark.parametrize("path", [None, 3, object(), []])
@pytest.mark.parametrize(
    "write",
    [
        SOLUTION.save,
        screlax.SweepTable([]).write,
        screlax.Solution.load,
        lambda path: write_report(SOLUTION, path),
        lambda path: screlax.export_conic(SOLUTION.problem, path),
        lambda path: plots.save_figure(plots.plot_norms(SOLUTION).figure, path),
    ],
    ids=["save", "write", "load", "report", "export", "figure"],
)
def test_what_is_no_path_is_refused(write, path):
    with pytest.raises(InvalidInputError, match="a path must be text or a Path, got"):
        write(path)
