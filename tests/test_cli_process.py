"""The command line as a process: encodings, pipes, interruptions, files of arguments."""

import ast
import itertools
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from screlax import UFM, Sphere, survey_landscape
from screlax.cli import main
from screlax.cli.commands import build_parser
from screlax.cli.interruption import ending_at_once
from screlax.errors import InvalidInputError

SOLVE = ("solve", "--profile", "step:4,8,2", "--ridge", "0.1")
COMMANDS = sorted(next(iter(build_parser()._subparsers._group_actions)).choices)


def start(*arguments: str, **options) -> subprocess.Popen:
    environment = {**os.environ, **options.pop("environment", {})}
    return subprocess.Popen(
        [sys.executable, "-m", "screlax", *arguments],
        stderr=subprocess.PIPE,
        env=environment,
        **{"stdout": subprocess.PIPE, **options},
    )


# ----------------------------------------------------------------- what is loaded


LOADED = """
import contextlib, sys
from screlax.cli import main

with contextlib.suppress(SystemExit):
    main({arguments!r})
print(sorted(sys.modules), file=sys.stderr)
"""


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], [], ["nonsense"]], ids=str)
def test_what_names_no_command_loads_no_library(arguments):
    script = LOADED.format(arguments=arguments)
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    loaded = ast.literal_eval(found.stderr.splitlines()[-1])
    assert not {"numpy", "scipy", "cvxpy", "matplotlib"} & set(loaded)
    assert not [name for name in loaded if name.endswith("_command")]


def test_a_command_loads_no_other():
    script = LOADED.format(arguments=["profiles"])
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    loaded = ast.literal_eval(found.stderr.splitlines()[-1])
    commands = [name for name in loaded if name.endswith("_command")]
    assert commands == ["screlax.cli.profiles_command"]


# ----------------------------------------------------------------- encodings


HELP = [["--help"], *([command, "--help"] for command in COMMANDS)]
PRINTED = """
import contextlib, io, itertools, sys
from screlax.cli import main

wrong = []
for encoding, arguments in itertools.product({encodings!r}, {all!r}):
    sys.stdout = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    with contextlib.suppress(SystemExit):
        main(arguments)
    sys.stdout.flush()
    if not sys.stdout.buffer.getvalue():
        wrong.append((encoding, arguments))
sys.exit(f"nothing printed by {{wrong}}" if wrong else 0)
"""


def test_everything_is_printed_in_every_encoding():
    path = ["path", "--profile", "step:4,8,2", "--ridge", "1", "--points", "3"]
    encodings = ["ascii", "cp1252", "latin-1"]
    script = PRINTED.format(all=[*HELP, [*SOLVE], path], encodings=encodings)
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (found.returncode, found.stderr) == (0, "")


def test_signs_that_an_encoding_lacks_are_spelt_in_ascii():
    process = start(*SOLVE, environment={"PYTHONIOENCODING": "ascii:strict"})
    out, err = process.communicate()
    assert (process.returncode, err) == (0, b"")
    assert b"<= optimum <=" in out
    assert b"|h|" in out


def test_half_a_surrogate_pair_is_printed(tmp_path):
    (tmp_path / "labels.json").write_text(json.dumps(["\ud800", "a", "\ud800", "a", "a"]))
    for extra in ((), ("--json",)):
        process = start("solve", "--labels", "labels.json", "--ridge", "0.1", *extra, cwd=tmp_path)
        out, err = process.communicate()
        assert (process.returncode, err) == (0, b"")
        assert out


def test_messages_are_printed_in_every_encoding():
    environment = {"PYTHONIOENCODING": "ascii:strict"}
    process = start("solve", "--profile", "λ≤", "--ridge", "1", environment=environment)
    _, err = process.communicate()
    assert process.returncode == 2
    assert b"lambda<=" in err


# ----------------------------------------------------------------- pipes


@pytest.mark.parametrize("arguments", [["--help"], SOLVE, [*SOLVE, "--json"]], ids=str)
def test_a_reader_that_has_gone_is_not_a_missing_certificate(arguments):
    reading, writing = os.pipe()
    process = start(*arguments, stdout=writing)
    os.close(writing)
    os.close(reading)
    assert process.communicate()[1] == b""
    assert process.returncode in (0, 141)  # argparse ignores it, where it notices


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
def test_a_full_disk_behind_standard_output_is_a_failure():
    with open("/dev/full", "w", encoding="utf-8") as full:
        process = start(*SOLVE, stdout=full)
        err = process.communicate()[1].decode()
    assert process.returncode == 1
    assert err.startswith("screlax: failed: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("solver", ["SCS", "Clarabel"])
def test_the_log_of_a_solver_stays_out_of_json(solver):
    process = start(*SOLVE, "--solver", solver, "--json", "--verbose")
    out, err = process.communicate()
    assert json.loads(out)["status"] == "optimal"
    assert b"iter" in err


# ----------------------------------------------------------------- interruptions


INTERRUPTED = """
import os, signal, sys

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
from screlax.cli import main
sys.exit(main({arguments!r}))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("module", ["argparse", "numpy", "scipy.linalg", "screlax.cli.table"])
def test_an_interruption_while_loading_leaves_no_traceback(module):
    script = INTERRUPTED.format(module=module, arguments=[*SOLVE])
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (found.returncode, found.stdout) == (130, "")
    assert found.stderr == "screlax: interrupted; nothing was written\n"


def test_the_callers_way_with_interruptions_is_kept():
    def own(*_):
        return None

    before = signal.signal(signal.SIGINT, own)
    try:
        with ending_at_once():
            assert signal.getsignal(signal.SIGINT) is own
        assert signal.getsignal(signal.SIGINT) is own
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with ending_at_once():
            assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


# ----------------------------------------------------------------- files of arguments


def bad_input(capsys, *arguments: str) -> str:
    code, captured = main(arguments), capsys.readouterr()
    assert (code, captured.out) == (2, "")
    assert captured.err.startswith("screlax: error: ")
    assert captured.err.count("\n") == 1
    return captured.err


def test_arguments_come_from_files(capsys, tmp_path):
    (tmp_path / "control.txt").write_text("--ridge\n0.1\n")
    file = tmp_path / "all.txt"
    file.write_text(f"solve\n--profile\nstep:4,8,2\n\n@{tmp_path / 'control.txt'}\n--json\n")
    assert main([f"@{file}"]) == 0
    assert json.loads(capsys.readouterr().out)["problem"]["parameter"] == 0.1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"--json\n@arguments.txt\n", "includes itself"),
        (b"--json\n@other.txt\n", "includes itself"),
        (b"--profile\n\xff\xfe\n", "not UTF-8 text (byte 10 is 0xff)"),
        (b"--profile\na\0b\n", "null characters"),
        (b"@missing.txt\n", "cannot be read: No such file"),
        (b"x\n" * 20_000, "more than 10,000 arguments"),
        (b"x" * (1 << 21), "longer than"),
    ],
)
def test_what_is_wrong_with_a_file_of_arguments_is_said(
    capsys, tmp_path, monkeypatch, content, message
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "arguments.txt").write_bytes(content)
    (tmp_path / "other.txt").write_text("@arguments.txt\n")
    assert message in bad_input(capsys, "solve", "@arguments.txt")


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="no endless device")
def test_an_endless_file_of_arguments_is_refused(capsys):
    assert "longer than" in bad_input(capsys, "solve", "@/dev/zero")


@pytest.mark.parametrize("option", ["--dim=--", "--counts=--", "--tol=--", "--embeddings=--"])
def test_two_dashes_are_no_value(capsys, option):
    assert "'--' is not a value" in bad_input(capsys, *SOLVE, option)


# ----------------------------------------------------------------- sizes that cannot be


LANDSCAPE = ("landscape", "--profile", "step:4,8,2", "--sphere", "1")
IMPOSSIBLE = [
    (("path", *SOLVE[1:], "--points", "1000000000000"), "points must be a whole number from 2"),
    ((*LANDSCAPE, "--dims", "1-1000000000000"), "dimensions"),
    ((*LANDSCAPE, "--dims", "1-900000", "--starts", "2"), "1,800,000 descents"),
    ((*LANDSCAPE, "--starts", "1000000000000"), "descents"),
    ((*LANDSCAPE, "--dims", "1000000000000", "--starts", "1"), "GB of memory"),
    ((*LANDSCAPE, "--jobs", "99999999999999999999"), "--jobs, unless it is -1, must be"),
    (
        ("loss", "x.npy", "--labels", "y.txt", "--jobs", "99999999999999999999"),
        "--jobs, unless it is -1, must be",
    ),
    (
        ("sweep", "sweep.toml", "--jobs", "99999999999999999999"),
        "--jobs, unless it is -1, must be",
    ),
    (("sweep", "range.toml"), "sphere: points must be a whole number from 2"),
    (("sweep", "grid.toml"), "100,000,000,000,000 points of a grid"),
    ((*SOLVE, "--dim", "1000000000000"), "GB of memory"),
    ((*SOLVE, "--solver", "SCS", "--option", f"max_iters={10**20}"), "does not take the options"),
    (("solve", "--profile", "step:4,8,2", "--sphere", "1e308"), "beyond double precision"),
    ((*SOLVE, "--temperature", "5e-324"), "beyond double precision"),
]


@pytest.mark.parametrize(("arguments", "message"), IMPOSSIBLE)
def test_sizes_that_cannot_be_are_refused(capsys, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", np.eye(4))
    (tmp_path / "y.txt").write_text("0\n0\n1\n1\n")
    of = 'profiles = ["step:4,8,2"]\n'
    many = "{ start = 1, stop = 2, points = 10000 }"
    (tmp_path / "sweep.toml").write_text(of + "sphere = 1.0\n")
    (tmp_path / "range.toml").write_text(of + f"sphere = {many.replace('10000', str(10**12))}\n")
    axes = (f"{name} = {many}\n" for name in ("sphere", "temperature", "imbalance"))
    grid = 'profiles = ["step:4,8"]\n' + "".join(axes) + f"seeds = {list(range(100))}\n"
    (tmp_path / "grid.toml").write_text(grid)
    assert message in bad_input(capsys, *arguments)


def test_an_iterator_without_end_is_refused():
    problem = UFM([8, 8, 2], Sphere(1.0))
    with pytest.raises(InvalidInputError, match="dimensions"):
        survey_landscape(problem, itertools.count(1), starts=1)
