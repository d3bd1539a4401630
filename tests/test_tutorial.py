"""The tutorial notebook runs from beginning to end, and its stored cells are what it has."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"
STORED = json.loads((FOLDER / "tutorial.ipynb").read_text(encoding="utf-8"))


def runner(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.delitem(sys.modules, "script", raising=False)
    spec = importlib.util.spec_from_file_location("run_notebook", FOLDER / "run_notebook.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def kinds(notebook):
    return [
        [sorted(output.get("data", [output["output_type"]])) for output in cell.get("outputs", [])]
        for cell in notebook["cells"]
    ]


@pytest.mark.slow
def test_every_cell_runs_and_shows_what_is_stored(monkeypatch):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    found = runner(monkeypatch).run(json.loads(json.dumps(STORED)))
    assert kinds(found) == kinds(STORED)
    shown = [kind for outputs in kinds(found) for kinds_of_one in outputs for kind in kinds_of_one]
    assert shown.count("image/png") == 4
    assert shown.count("text/html") >= 6


def test_a_cell_that_fails_is_named(monkeypatch):
    cells = [{"cell_type": "code", "source": [source]} for source in ("x = 1\n", "x / 0\n")]
    with pytest.raises(ZeroDivisionError) as caught:
        runner(monkeypatch).run({"cells": cells})
    assert caught.value.__notes__ == ["in code cell 2"]
