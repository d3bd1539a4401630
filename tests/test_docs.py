"""The reference of the public names is one command, and builds without a warning."""

import subprocess
import sys

import pytest

import screlax


def test_the_reference_builds_without_warnings_and_has_every_name(tmp_path):
    pytest.importorskip("pdoc", reason="needs pdoc: pip install '.[docs]'")
    command = ["-W", "error", "-m", "pdoc", "--math", "-d", "numpy", "screlax", "-o"]
    built = subprocess.run(
        [sys.executable, *command, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    assert "warn" not in built.stderr.lower()
    page = (tmp_path / "screlax.html").read_text(encoding="utf-8")
    missing = [name for name in screlax.__all__ if f'id="{name}"' not in page]
    assert not missing
