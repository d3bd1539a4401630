"""The public names: all there, each in one place, and none loaded before it is asked for."""

import ast
import importlib
import inspect
import subprocess
import sys
from dataclasses import is_dataclass
from pathlib import Path

import pytest

import screlax


def test_every_public_name_can_be_had():
    for name in screlax.__all__:
        assert getattr(screlax, name).__doc__, name
    assert {*screlax.__all__, "geometry", "plots", "__version__"} <= set(dir(screlax))


def test_type_checkers_see_the_same_names_in_the_same_places():
    tree = ast.parse(Path(screlax.__file__).read_text(encoding="utf-8"))
    seen = {
        alias.asname: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level == 1 and node.module != "version"
        for alias in node.names
    }
    assert seen == screlax._HOME


@pytest.mark.parametrize("door", ["batches", "geometry", "losses", "plots"])
def test_public_modules_are_there_without_importing_them(door):
    code = f"import screlax; print(screlax.{door}.__all__)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == str(importlib.import_module(f"screlax.{door}").__all__)


def test_signatures_are_as_they_are_written():
    for module in (screlax, screlax.geometry, screlax.plots):
        things = [getattr(module, name) for name in module.__all__]
        for thing in things:
            if inspect.isfunction(thing) or is_dataclass(thing):
                # else help() shows a union of numpy's private types
                assert "_typing" not in str(inspect.signature(thing)), thing


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'solve_relaxtion'"):
        screlax.solve_relaxtion  # noqa: B018


def test_importing_loads_no_library():
    code = (
        "import sys, screlax; "
        "print([name for name in ('numpy', 'scipy', 'cvxpy', 'matplotlib', 'torch') "
        "if name in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
