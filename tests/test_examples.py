"""Examples in docstrings run by themselves, every public name has one, and texts name what is."""

import doctest
import importlib
import inspect
import pkgutil
import pydoc
import re
from itertools import chain
from pathlib import Path

import pytest

import screlax
from screlax import geometry, plots
from screlax.errors import MissingExtraError

CLASSES = ["UFM", "Solution", "Comparison", "SweepTable", "Landscape", "NonconvexResult",
           "GeometryTracker", "CvxpyProgram", "Design"]  # fmt: skip
"""Classes whose public methods need an example each."""


def _examples(module: str) -> list[doctest.DocTest]:
    try:
        imported = importlib.import_module(module)
    except MissingExtraError:
        return []  # run where torch is installed
    found = doctest.DocTestFinder().find(imported, module)
    return [test for test in found if test.examples]


MODULES = [one.name for one in pkgutil.walk_packages(screlax.__path__, "screlax.")]
EXAMPLES = list(chain(*(_examples(name) for name in ["screlax", *MODULES] if "__" not in name)))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_an_example_runs_as_it_is_written(example, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    example.globs = {}  # a reader has only what the example itself imports
    said: list[str] = []
    doctest.DocTestRunner().run(example, out=said.append)
    assert not said, "".join(said)


def _public() -> dict[str, object]:
    """Return every public name, without the methods of classes."""
    names = {name: getattr(screlax, name) for name in screlax.__all__}
    for module in (plots, geometry):
        names |= {f"{module.__name__}.{name}": getattr(module, name) for name in module.__all__}
    return names


def _methods(name: str) -> list[str]:
    """Return the methods that a class of ours defines, none of those that only refuse."""
    members = inspect.getmembers(getattr(screlax, name))
    return [
        key
        for key, one in members
        if inspect.ismethod(one) or (inspect.isfunction(one) and one.__name__[0] != "_")
    ]


def _lines(one: object) -> list[str]:
    """Return the lines of code in the examples of a docstring."""
    return [
        line for line in (inspect.getdoc(one) or "").splitlines() if line[:4] in (">>> ", "... ")
    ]


def test_every_public_name_has_an_example():
    missing = [name for name, one in _public().items() if not _lines(one)]
    assert not missing


@pytest.mark.parametrize("name", CLASSES)
def test_every_method_is_called_in_an_example_of_its_own_or_of_its_class(name):
    of_class = getattr(screlax, name)
    missing = [
        key
        for key in _methods(name)
        if not any(f".{key}(" in line for line in _lines(getattr(of_class, key)) + _lines(of_class))
    ]
    assert not missing


def _is_there(name: str) -> bool:
    """Whether a dotted name is a module, even one whose extra is missing, or something in one."""
    try:
        return pydoc.locate(name) is not None
    except pydoc.ErrorDuringImport as error:
        if issubclass(error.exc, MissingExtraError):
            return True
        raise


def test_modules_and_files_that_texts_name_are_there():
    root = Path(__file__).parent.parent
    texts = [*root.glob("screlax/**/*.py"), *root.glob("*.md"), *root.glob("benchmarks/*.md")]
    named = [
        (text.parent, name)
        for text in texts
        for name in re.findall(r"`([\w./]+)`", text.read_text(encoding="utf-8"))
    ]
    modules = {name for _, name in named if name.startswith("screlax.")}
    assert [name for name in modules if not _is_there(name)] == []
    files = {(room, name) for room, name in named if name.endswith(".py")}
    assert [name for room, name in files if not (room / name).is_file()] == []
