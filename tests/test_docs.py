"""The reference of the public names is one command, and builds without a warning."""

import importlib
import subprocess
import sys

import pytest

PUBLIC = ["screlax", *(f"screlax.{door}" for door in
          ("losses", "batches", "constraints", "geometry", "plots"))]  # fmt: skip
"""What the command takes: the package alone would leave its public modules out."""


def test_the_reference_builds_without_warnings_and_has_every_name(tmp_path):
    pytest.importorskip("pdoc", reason="needs pdoc: pip install '.[docs]'")
    options = ["--math", "-d", "numpy", "--no-show-source"]  # sources take time here
    command = ["-W", "error", "-m", "pdoc", *options, *PUBLIC, "-o", str(tmp_path)]
    built = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    assert "warn" not in built.stderr.lower()
    for module in PUBLIC:
        page = (tmp_path / f"{module.replace('.', '/')}.html").read_text(encoding="utf-8")
        names = importlib.import_module(module).__all__
        missing = [name for name in names if f'id="{name}"' not in page]
        assert not missing, module
