"""Every command of benchmarks/README.md runs at its smallest size, from any working directory."""

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from forked import LIBRARIES, Forks

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
    "attack.py": "--kinds constraints",  # test_attack.py makes all kinds of attacks
    "conic.py": "--time-limit 1",
    "constraints.py": "--problems 1",
    "bench": "--quick --set balanced --method native",
    "landscape": "--starts 1",
}
"""What makes a command small that `--quick` leaves long, or that does not know it."""


@pytest.fixture(scope="module")
def forks(tmp_path_factory):
    found = Forks(tmp_path_factory.mktemp("forks"), *LIBRARIES)
    yield found
    found.end()


@pytest.fixture(scope="module")
def forks_of_the_package(tmp_path_factory):
    """Refuse in no time; that scripts find the package is seen where they are run."""
    needs_no_extra = ("screlax.solve.solve", "screlax.plots", "screlax.bench.provenance")
    folder = tmp_path_factory.mktemp("forks")
    found = Forks(folder, *LIBRARIES, *needs_no_extra, path=str(ROOT))
    yield found
    found.end()


@pytest.fixture
def run(forks, tmp_path):
    """Run a script in another folder; the package is found by what the script does itself."""
    return lambda name, *arguments: forks.run(
        ROOT / "benchmarks" / name, *arguments, folder=tmp_path
    )


@pytest.fixture
def refuse(forks_of_the_package, tmp_path):
    """Run a script that refuses what it is given: what it says, after it has done nothing."""

    def refuse(name, *arguments, without=""):
        script, before = ROOT / "benchmarks" / name, set(tmp_path.iterdir())
        done = forks_of_the_package.run(script, *arguments, folder=tmp_path, without=without)
        if not without and "is not installed" in done.stderr:
            pytest.skip(done.stderr.strip())
        assert (done.returncode, done.stdout) == (2, "")
        assert set(tmp_path.iterdir()) == before
        assert done.stderr.startswith(f"{name}: ")
        assert done.stderr.count("\n") == 1
        return done.stderr.removeprefix(f"{name}: ")

    return refuse


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
def test_a_script_runs_small(command, run):
    done = run(*words(command), "--quick")
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
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        screlax, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
    )
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
def test_a_picture_without_a_folder_is_refused_before_any_work(command, refuse):
    said = refuse(*command.split(), "absent/picture.png")
    assert said == "no folder absent to write picture.png in\n"


@pytest.mark.parametrize("name", ["native.py", "conic.py"])
@pytest.mark.parametrize(
    ("folder", "message"),
    [
        ("absent", "no folder"),
        ("empty", "no .csv file in"),
        ("bad", "'many' is no"),
    ],
)
def test_counts_that_cannot_be_read_are_said_in_a_line(name, folder, message, refuse, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "counts.csv").write_text("30\nmany\n5\n")
    assert message in refuse(name, "--counts-dir", folder)


def test_counts_of_a_folder_take_the_place_of_the_profiles(run, tmp_path):
    (tmp_path / "my own.csv").write_text("30\n20\n5\n")
    done = run("conic.py", "--counts-dir", ".", "--time-limit", "1")
    assert done.returncode == 0, done.stderr
    assert "| my own (k=3, m=3) |" in done.stdout
    assert "covtype" not in done.stdout


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
def test_a_missing_extra_is_said_in_a_line(command, module, extra, refuse):
    said = refuse(*command.split(), without=module)
    assert said == f"needs {module}, which is not installed: pip install '{ROOT}[{extra}]'\n"
