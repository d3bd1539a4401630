"""Every command of benchmarks/README.md runs at its smallest size, from any working directory."""

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.evidence.tables import cells, places_of, table_at, tables_of, unmarked

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
pytestmark = pytest.mark.slow  # each test starts a process or more

SCRIPTS = sorted(set(re.findall(r"python benchmarks/(\w+\.py[^`\n]*)", TEXT)))
COMMANDS = sorted(set(re.findall(r"`screlax ((?:bench|landscape|profiles) [^`]*)`", TEXT)))
TABLES = {(place.command, place.number): table_at(TEXT, place) for place in places_of(TEXT)}
"""The measured tables of the page, by the command that prints them and their number."""

SMALLER = {
    "all.py": "--only losses_by_imbalance --results .",
    "attack.py": "--kinds comparisons",  # test_attack.py makes all kinds of attacks
    "conic.py": "--time-limit 1",
    "bench": "--quick --set balanced --method native",
    "landscape": "--starts 1",
}
"""What makes a command small that `--quick` leaves long, or that does not know it."""


def run(command, folder, **environment):
    """Run in another folder; the package is found by what the command does itself."""
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        command, cwd=folder, env=clean | environment, capture_output=True, text=True, timeout=300
    )


def plain(command):
    """Split a command, without its [optional] parts."""
    return shlex.split(re.sub(r"\[.*?\]", "", command))


def words(command):
    """Split a command and make it small; what it reads of the clone is found from any folder."""
    name, *arguments = plain(command)
    smaller = SMALLER.get(name, "").split()
    return [
        name,
        *(str(ROOT / a) if (ROOT / a).is_file() else a for a in arguments),
        *smaller,
    ]


def check_tables(command, printed):
    """Compare the headers of what was printed with those that the page has of this command."""
    found = tables_of(printed)
    assert found, printed
    known = " ".join(plain(command))
    for (other, number), table in TABLES.items():
        if other == known:
            assert found[number - 1].header == table.header, f"table {number} of {command}"


def check_suite(command, printed):
    """Compare the columns of a part of the suite, which names its sets and how many it is."""
    found = tables_of(printed)
    for (other, number), table in TABLES.items():
        if other == f"screlax {command}":
            columns, known = (
                {re.sub(r"\d+", "…", cell) for cell in cells(header)}
                for header in (found[number - 1].header, table.header)
            )
            assert columns <= known, f"table {number} of {command}"


@pytest.mark.parametrize("command", SCRIPTS)
def test_a_script_runs_small(command, tmp_path):
    name, *arguments = words(command)
    script = ROOT / "benchmarks" / name
    done = run([sys.executable, str(script), *arguments, "--quick"], tmp_path)
    missing = re.fullmatch(r".*needs (\w+), which is not installed: (.*)\n", done.stderr)
    if done.returncode == 2 and missing and importlib.util.find_spec(missing[1]) is None:
        pytest.skip(f"needs {missing[1]}: {missing[2]}")
    assert done.returncode == 0, done.stderr
    check_tables(command, done.stdout)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_runs_small(command, tmp_path):
    name, *arguments = words(command.partition(">")[0])
    (tmp_path / "FILE.csv").write_text("30\n20\n5\n")
    screlax = [sys.executable, "-m", "screlax", name, *arguments]
    done = run(screlax, tmp_path, PYTHONPATH=str(ROOT))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") > 5
    check_suite(command, done.stdout)


def test_every_table_says_what_prints_it():
    assert not unmarked(TEXT), (
        "tables without a mark: see 'A new table' at the top of benchmarks/README.md"
    )
    named = {" ".join(plain(command)) for command in SCRIPTS}
    named |= {f"screlax {command}" for command in COMMANDS}
    unknown = {command for command, _ in TABLES} - named
    assert not unknown, "the page must also say `python benchmarks/…` with exactly these arguments"


def test_every_script_is_named_with_its_command():
    started = {
        path.name
        for path in (ROOT / "benchmarks").glob("*.py")
        if '__name__ == "__main__"' in path.read_text(encoding="utf-8")
    }
    assert started == {command.split()[0] for command in SCRIPTS}


@pytest.mark.parametrize(
    "command", ["landscape.py --out", "native.py --plot", "trained_network.py --figure"]
)
def test_a_picture_without_a_folder_is_refused_before_any_work(command, tmp_path):
    name, option = command.split()
    script = ROOT / "benchmarks" / name
    done = run([sys.executable, str(script), option, "absent/picture.png"], tmp_path)
    if "is not installed" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"{name}: no folder absent to write picture.png in\n"


@pytest.mark.parametrize("name", ["native.py", "conic.py"])
@pytest.mark.parametrize(
    ("folder", "message"),
    [
        ("absent", "no folder"),
        ("empty", "no .csv file in"),
        ("bad", "'many' is no"),
    ],
)
def test_counts_that_cannot_be_read_are_said_in_a_line(name, folder, message, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "counts.csv").write_text("30\nmany\n5\n")
    script = ROOT / "benchmarks" / name
    done = run([sys.executable, str(script), "--counts-dir", folder], tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"{name}: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_counts_of_a_folder_take_the_place_of_the_profiles(tmp_path):
    (tmp_path / "my own.csv").write_text("30\n20\n5\n")
    script = ROOT / "benchmarks" / "conic.py"
    done = run([sys.executable, str(script), "--counts-dir", ".", "--time-limit", "1"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "| my own (k=3, m=3) |" in done.stdout
    assert "covtype" not in done.stdout


WITHOUT = """
import runpy, sys
from pathlib import Path
script, module, *arguments = sys.argv[1:]
sys.modules[module] = None
sys.path.insert(0, str(Path(script).parent))
sys.argv = [script, *arguments]
runpy.run_path(script, run_name="__main__")
"""
"""Runs a script as if a module were not installed."""


@pytest.mark.parametrize(
    ("command", "module", "extra"),
    [
        ("attack.py", "mpmath", "bench"),
        ("claims.py", "clarabel", "bench"),
        ("claims.py", "joblib", "bench"),
        ("conic.py", "clarabel", "bench"),
        ("gallery.py --out pictures", "matplotlib", "bench"),
        ("landscape.py --out gaps.png", "matplotlib", "bench"),
        ("landscape.py --out gaps.png", "joblib", "bench"),
        ("loss.py", "torch", "networks"),
        ("loss_dask.py", "distributed", "dask"),
        ("native.py", "clarabel", "bench"),
        ("native.py --skip-conic --plot growth.png", "matplotlib", "bench"),
        ("random_profiles.py", "clarabel", "bench"),
        ("sc_against_ce.py --out angles.png", "matplotlib", "bench"),
        ("sweep.py", "joblib", "bench"),
        ("classifier_network.py", "torch", "networks"),
        ("torch_loss.py", "torch", "networks"),
        ("trained_network.py", "torch", "networks"),
    ],
)
def test_a_missing_extra_is_said_in_a_line(command, module, extra, tmp_path):
    name, *arguments = command.split()
    script = ROOT / "benchmarks" / name
    done = run([sys.executable, "-c", WITHOUT, str(script), module, *arguments], tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"{name}: needs {module}, which is not installed: pip install '{ROOT}[{extra}]'\n"
    )
    assert not list(tmp_path.iterdir())
