"""The command line, in process: every command and option, exit codes, files, messages."""

import json
import math
import re
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from problems import CASE

from screlax import UFM, Ridge, Solution, Sphere, __version__, solve_relaxation
from screlax.cli import main
from screlax.cli.table import geometry_record
from screlax.errors import SolverFailedError
from screlax.gram.curve import SlackVectorGram
from screlax.io.tables import json_text
from screlax.solution.orbit_geometry import orbit_geometry
from screlax.tasks.progress import progress

LONG_TAILED = CASE["long-tailed/ridge"]
RIDGE = ("--ridge", "0.3", "--temperature", "0.7")
CLARABEL = ("--solver", "Clarabel", "--tol", "1e-6")


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "counts.csv").write_text("15\n8\n4\n2\n")
    (tmp_path / "labels.txt").write_text("\n".join("aaaabbbccd"))


def run(capsys, *arguments: str) -> tuple[int, str, str]:
    """Return exit code, standard output and standard error."""
    code = main(arguments)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def solve_json(capsys, *arguments: str) -> dict:
    code, out, err = run(capsys, "solve", *arguments, "--json")
    assert (code, err) == (0, "")
    return json.loads(out)


def assert_bad_input(capsys, *arguments: str) -> str:
    """Run with bad input and return the message."""
    code, out, err = run(capsys, *arguments)
    assert code == 2
    assert out == ""
    assert err.startswith("screlax: error: ")
    assert err.count("\n") == 1
    return err


# ----------------------------------------------------------------- solve


def test_table_of_a_small_problem(capsys):
    code, out, err = run(capsys, "solve", "--counts", "counts.csv", *RIDGE, *CLARABEL)
    assert (code, err) == (0, "")
    assert "k=4 classes, n=29 samples, m=4 distinct sizes (2 to 15)" in out
    assert "loss supcon, real features, ridge 0.3, temperature 0.7" in out
    assert "status       optimal (certified relative gap" in out
    assert f"value        {LONG_TAILED.optimum:.6f}"[:20] in out
    assert "solver       CLARABEL (requested)" in out
    assert "level        orbits" in out
    assert "rank         3" in out
    rows = out.splitlines()[-4:]
    assert [row.split()[:2] for row in rows] == [["0", "15"], ["1", "8"], ["2", "4"], ["3", "2"]]


def test_json_holds_the_whole_result(capsys):
    record = solve_json(capsys, "--counts", "counts.csv", *RIDGE, *CLARABEL)
    assert record["status"] == "optimal"
    assert record["value"] == pytest.approx(LONG_TAILED.optimum, rel=1e-6)
    assert record["mean_value"] == pytest.approx(LONG_TAILED.optimum / 29, rel=1e-6)
    assert record["certificate"]["lower"] <= LONG_TAILED.optimum <= record["certificate"]["upper"]
    assert record["problem"] == {
        **{"classes": 4, "samples": 29, "embeddings": 29, "anchors": 29, "distinct_sizes": 4},
        **{
            "loss": "supcon",
            "loss_options": {"name": "supcon"},
            "features": "real",
            "control": "ridge",
            "numbers": [0.3],
            "parameter": 0.3,
            "temperature": 0.7,
        },
    }
    assert record["geometry"]["size"] == [15, 8, 4, 2]
    assert record["geometry"]["classes"] == [1, 1, 1, 1]
    assert record["geometry"]["cosine_largest"][0] == 1.0
    assert record["written"] == []
    assert record["tol"] == 1e-6
    assert set(record["seconds"]) == {"model", "solve", "certify", "total"}


@pytest.mark.parametrize("control", ["ridge", "ball", "sphere", "budget"])
def test_every_control(capsys, control):
    case = next(
        case
        for case in CASE.values()
        if case.name.startswith("long-tailed") and case.control.name == control
    )
    record = solve_json(
        capsys,
        *("--counts", "counts.csv", f"--{control}", str(case.control.parameter)),
        *("--temperature", str(case.temperature), *CLARABEL),
    )
    assert record["value"] == pytest.approx(case.optimum, rel=1e-6)
    assert record["problem"]["control"] == control


def test_labels_name_the_classes(capsys):
    code, out, _ = run(capsys, "solve", "--labels", "labels.txt", "--sphere", "1", *CLARABEL)
    assert code == 0
    rows = [row.split()[:2] for row in out.splitlines()[-4:]]
    assert rows == [["a", "4"], ["b", "3"], ["c", "2"], ["d", "1"]]


def test_profile_by_name(capsys):
    record = solve_json(capsys, "--profile", "cifar10-step:10", "--ridge", "100", *CLARABEL)
    assert record["problem"]["classes"] == 10
    assert record["problem"]["distinct_sizes"] == 2


@pytest.mark.parametrize("level", ["samples", "classes", "orbits"])
def test_every_level(capsys, level):
    record = solve_json(capsys, "--counts", "counts.csv", *RIDGE, *CLARABEL, "--level", level)
    assert record["level"] == record["certificate"]["level"] == level
    assert record["value"] == pytest.approx(LONG_TAILED.optimum, rel=1e-6)


def test_many_classes_are_summarised_by_size(capsys, tmp_path):
    (tmp_path / "many.txt").write_text("\n".join(map(str, range(2, 32))))
    code, out, _ = run(capsys, "solve", "--counts", "many.txt", "--ridge", "100")
    assert code == 0
    rows = [row.split()[0] for row in out.splitlines()[-7:]]
    assert rows == ["largest", "90%", "75%", "median", "25%", "10%", "smallest"]
    sizes = [int(row.split()[1]) for row in out.splitlines()[-7:]]
    assert (sizes[0], sizes[3], sizes[-1]) == (31, 17, 2)
    assert sizes == sorted(sizes, reverse=True)


def test_options_reach_the_solver(capsys):
    arguments = ("--counts", "counts.csv", *RIDGE, *CLARABEL, "--option", "max_iter=2")
    code, out, err = run(capsys, "solve", *arguments, "--json")
    assert code == 1
    record = json.loads(out)
    assert (record["status"], record["iterations"]) == ("inaccurate", 2)
    assert err.startswith("screlax: warning: not proved optimal: certified relative gap")
    assert err.count("\n") == 1


def test_options_may_be_repeated_and_are_numbers_or_text(capsys):
    options = ("--option", "max_iter=60", "--option", "tol_feas=1e-9")
    options += ("--option", "direct_solve_method=qdldl")
    solve_json(capsys, "--counts", "counts.csv", *RIDGE, *CLARABEL, *options)


def test_tolerance_decides(capsys):
    arguments = ("solve", "--counts", "counts.csv", *RIDGE, *CLARABEL, "--option", "max_iter=2")
    assert run(capsys, *arguments, "--tol", "0.99")[0] == 0
    assert run(capsys, *arguments, "--tol", "1e-9")[0] == 1


def test_time_limit(capsys):
    arguments = ("solve", "--counts", "counts.csv", *RIDGE, *CLARABEL, "--time-limit")
    assert run(capsys, *arguments, "1e-9")[0] == 1
    assert run(capsys, *arguments, "60")[0] == 0


def test_solver_prints_only_when_asked(capfd):
    arguments = ["solve", "--counts", "counts.csv", *RIDGE, *CLARABEL, "--json"]
    assert main(arguments) == 0
    json.loads(capfd.readouterr().out)
    assert main([*arguments, "--verbose"]) == 0
    captured = capfd.readouterr()
    assert "Clarabel.rs" in captured.err  # not among the JSON
    json.loads(captured.out)


def test_pairs_of_size_and_number_of_classes(capsys, tmp_path):
    (tmp_path / "pairs.csv").write_text("size,multiplicity\n20,1000000000\n3,5\n")
    record = solve_json(capsys, "--pairs", "pairs.csv", "--sphere", "1", "--temperature", "0.1")
    assert record["problem"]["classes"] == 10**9 + 5
    assert record["geometry"]["size"] == [20, 3]
    assert record["geometry"]["classes"] == [10**9, 5]


@pytest.mark.parametrize(("solver", "tol"), [("auto", 1e-9), ("Clarabel", 1e-6), ("SCS", 1e-6)])
def test_default_tolerance_is_that_of_the_solver(capsys, solver, tol):
    record = solve_json(capsys, "--counts", "counts.csv", *RIDGE, "--solver", solver)
    assert record["tol"] == tol
    assert record["status"] == "optimal"


def test_gaps_beyond_double_precision_have_no_digits(capsys):
    _, out, _ = run(capsys, "solve", "--counts", "counts.csv", "--ridge", "100")
    assert re.search("certified relative gap < [1-9][.][0-9]e-1[56], tolerance 1e-09,", out)


def test_json_has_no_numbers_that_are_none():
    record = {"a": [math.nan, 1.0, (math.inf,)], "b": {"c": -math.inf, "d": 2, "e": None}}
    assert json.loads(json_text(record)) == {
        "a": [None, 1.0, [None]],
        "b": {"c": None, "d": 2, "e": None},
    }


def test_json_of_an_unproved_solution_is_valid(capsys, monkeypatch):
    solution = solve_relaxation(LONG_TAILED.problem)
    unproved = replace(solution.certificate, gap=math.inf, lower=-math.inf)
    solution = replace(solution, certificate=unproved)
    monkeypatch.setattr("screlax.cli.solve_command.solve_relaxation", lambda *_, **__: solution)
    code, out, _ = run(capsys, "solve", *GOOD, "--json")
    assert code == 1
    assert "Infinity" not in out
    assert json.loads(out)["certificate"]["relative_gap"] is None


# ----------------------------------------------------------------- files


def test_solution_and_embeddings_are_written(capsys, tmp_path):
    record = solve_json(
        capsys,
        *("--counts", "counts.csv", *RIDGE, *CLARABEL),
        *("--out", "x.npz", "--embeddings", "x.npy", "--dim", "5"),
    )
    assert record["written"] == ["x.npz", "x.npy"]
    assert record["embeddings"] == {"dim": 5, "rank": 3, "value_lost": 0.0}
    solution = Solution.load("x.npz")
    assert solution.value == record["value"]
    vectors = np.load("x.npy")
    assert vectors.shape == (4, 5)
    assert vectors @ vectors.T == pytest.approx(solution.class_gram, abs=1e-4)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("counts.csv", "labels.txt", "x.npy", "x.npz")
    ]


def test_written_files_are_listed_in_the_table(capsys):
    arguments = ("--counts", "counts.csv", *RIDGE, *CLARABEL, "--out", "x.npz", "--dim", "3")
    _, out, _ = run(capsys, "solve", *arguments)
    assert "embeddings   4×3, rank 3, objective lost by truncation 0" in out
    assert "written      x.npz" in out


def test_truncated_embeddings(capsys):
    arguments = ("--counts", "counts.csv", *RIDGE, *CLARABEL, "--dim", "1", "--embeddings", "x.npy")
    record = solve_json(capsys, *arguments, "--truncate")
    assert record["embeddings"]["value_lost"] > 0
    assert np.load("x.npy").shape == (4, 1)


def test_dimension_below_the_rank_keeps_the_solution(capsys, tmp_path):
    arguments = ("--counts", "counts.csv", *RIDGE, *CLARABEL, "--dim", "1")
    message = assert_bad_input(
        capsys, "solve", *arguments, "--out", "x.npz", "--embeddings", "y.npy"
    )
    assert "below the rank 3" in message
    assert Solution.load("x.npz").status == "optimal"
    assert not (tmp_path / "y.npy").exists()


def test_inaccurate_solution_is_written_too(capsys):
    arguments = ("--counts", "counts.csv", *RIDGE, *CLARABEL, "--option", "max_iter=2")
    assert run(capsys, "solve", *arguments, "--out", "x.npz")[0] == 1
    assert Solution.load("x.npz").status == "inaccurate"


# ----------------------------------------------------------------- bad input to solve

GOOD = ("--counts", "counts.csv", "--ridge", "0.3")
BAD_SOLVE = {
    "no source": (("--ridge", "1"), "no source of class sizes was given; choose exactly one"),
    "two sources": ((*GOOD, "--profile", "cifar10-lt"), "--counts and --profile were given"),
    "no control": (("--counts", "counts.csv"), "no control was given; choose exactly one control"),
    "two controls": ((*GOOD, "--ball", "1"), "--ridge and --ball were given"),
    "missing file": (("--counts", "none.csv", "--ridge", "1"), "none.csv"),
    "text as counts": (("--counts", "labels.txt", "--ridge", "1"), "labels.txt"),
    "unknown profile": (("--profile", "cifar11", "--ridge", "1"), "cifar11"),
    "zero control": (("--counts", "counts.csv", "--ridge", "0"), "positive and finite"),
    "nan control": (("--counts", "counts.csv", "--ball", "nan"), "positive and finite"),
    "temperature": ((*GOOD, "--temperature", "-1"), "temperature must be positive"),
    "tolerance": ((*GOOD, "--tol", "0"), "tol must be positive and finite"),
    "tolerance nan": ((*GOOD, "--tol", "nan"), "tol must be positive and finite"),
    "time limit": (
        (*GOOD, "--time-limit", "-3"),
        "must be positive and finite seconds",
    ),
    "unknown solver": ((*GOOD, "--solver", "banana"), "'banana' is unknown"),
    "incapable solver": ((*GOOD, "--solver", "OSQP"), "does not take semidefinite"),
    "closed form": ((*GOOD, "--solver", "closed-form"), "cannot take this problem"),
    "unknown level": ((*GOOD, "--level", "sample"), "level must be"),
    "no value": ((*GOOD, "--option", "max_iter"), "--option takes KEY=VALUE, got 'max_iter'"),
    "no key": ((*GOOD, "--option", "=3"), "--option takes KEY=VALUE"),
    "no identifier": ((*GOOD, "--option", "max-iter=3"), "--option takes KEY=VALUE"),
    "unknown option": ((*GOOD, *CLARABEL, "--option", "banana=3"), "does not take the options"),
    "dimension": ((*GOOD, "--dim", "0"), "--dim must be at least 1, got 0"),
    "suffix of out": ((*GOOD, "--out", "x.npy"), "x.npy must end in .npz"),
    "suffix of embeddings": ((*GOOD, "--embeddings", "x.npz"), "x.npz must end in .npy"),
    "folder of out": ((*GOOD, "--out", "no/x.npz"), "no is not a folder"),
    "too large": (
        ("--profile", "cifar10-lt", "--ridge", "1", "--level", "samples", *CLARABEL),
        "GB of memory",
    ),
}


@pytest.mark.parametrize(("arguments", "message"), BAD_SOLVE.values(), ids=BAD_SOLVE)
def test_bad_input_to_solve(capsys, arguments, message):
    assert message in assert_bad_input(capsys, "solve", *arguments)


@pytest.mark.parametrize("option", ["tol=1e-3", "verbose=True", "time_limit=3", "problem=1"])
def test_option_named_like_an_argument_is_bad_input(capsys, option):
    message = assert_bad_input(capsys, "solve", *GOOD, "--option", option)
    flag = option.partition("=")[0].replace("_", "-")
    assert ("--counts" if flag == "problem" else f"use --{flag}") in message


@pytest.mark.parametrize("option", ["--out", "--embeddings"])
def test_folder_in_the_way_is_bad_input(capsys, tmp_path, option):
    name = "x.npz" if option == "--out" else "x.npy"
    (tmp_path / name).mkdir()
    assert_bad_input(capsys, "solve", *GOOD, *CLARABEL, option, name)


@pytest.mark.parametrize(
    "arguments",
    [
        *([], ["banana"], ["solve", "--banana"], ["solve", "--ridge", "x"], ["certify"]),
        *(["solve", "--dim", "1.5"], ["solve", "extra"], ["certify", "x.npz", "--tol", "x"]),
    ],
)
def test_usage_errors_exit_with_two(capsys, arguments):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "usage: screlax" in captured.err


# ----------------------------------------------------------------- failures and interruptions


def fail_with(monkeypatch, error: BaseException) -> None:
    def fail(*_args, **_kwargs):
        raise error

    monkeypatch.setattr("screlax.cli.solve_command.solve_relaxation", fail)


def test_failing_solver_exits_with_one(capsys, monkeypatch):
    fail_with(monkeypatch, SolverFailedError("no finite point"))
    assert run(capsys, "solve", *GOOD) == (1, "", "screlax: failed: no finite point\n")


def test_interruption_exits_with_130(capsys, monkeypatch):
    fail_with(monkeypatch, KeyboardInterrupt())
    code, out, err = run(capsys, "solve", *GOOD, "--out", "x.npz")
    assert (code, out) == (130, "")
    assert err == "screlax: interrupted; nothing was written\n"


@pytest.mark.parametrize("existing", [False, True])
def test_interruption_names_the_files_that_were_written(capsys, monkeypatch, tmp_path, existing):
    def interrupt(*_args, **_kwargs):
        raise KeyboardInterrupt

    if existing:
        (tmp_path / "x.npz").write_text("an older file")
        (tmp_path / "y.npy").write_text("an older file")
    monkeypatch.setattr(Solution, "embeddings", interrupt)
    code, _, err = run(capsys, "solve", *GOOD, "--out", "x.npz", "--embeddings", "y.npy")
    assert code == 130
    assert err == "screlax: interrupted; x.npz was written\n"


def test_error_after_saving_names_the_file(capsys):
    arguments = ("solve", *GOOD, "--out", "x.npz", "--embeddings", "y.npy", "--dim", "1")
    assert assert_bad_input(capsys, *arguments).endswith("; x.npz was written\n")


def test_full_disk_exits_with_one(capsys, monkeypatch):
    def fail(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", fail)
    code, out, err = run(capsys, "solve", *GOOD, "--out", "x.npz")
    assert (code, out) == (1, "")
    assert err == "screlax: failed: [Errno 28] No space left on device\n"


# ----------------------------------------------------------------- certify


@pytest.fixture
def saved(tmp_path):
    solution = solve_relaxation(LONG_TAILED.problem, solver="Clarabel", tol=1e-6)
    return str(solution.save(tmp_path / "saved.npz"))


def test_certify_proves_a_saved_solution(capsys, saved):
    code, out, err = run(capsys, "certify", saved)
    assert (code, err) == (0, "")
    assert "k=4 classes" in out
    assert "status       optimal" in out
    assert "certified at level orbits" in out


@pytest.mark.parametrize("level", ["samples", "classes", "orbits"])
def test_certify_at_every_level(capsys, saved, level):
    code, out, _ = run(capsys, "certify", saved, "--level", level, "--json")
    record = json.loads(out)
    assert (code, record["status"], record["level"]) == (0, "optimal", level)
    assert record["upper"] == pytest.approx(LONG_TAILED.optimum, rel=1e-6)
    assert record["tol"] == 1e-6


def test_certify_to_another_tolerance(capsys, saved):
    code, out, _ = run(capsys, "certify", saved, "--tol", "1e-15", "--json")
    assert (code, json.loads(out)["status"]) == (1, "inaccurate")
    assert run(capsys, "certify", saved, "--tol", "0.1")[0] == 0


def test_a_file_cannot_choose_its_own_tolerance(capsys, saved):
    with np.load(saved) as stored:
        held = {name: stored[name] for name in stored.files}
    record = {**json.loads(str(held["record"])), "tol": 1e3}
    np.savez(saved, **{**held, "record": np.array(json.dumps(record))})
    code, out, _ = run(capsys, "certify", saved)
    assert code == 0
    assert "tolerance    1e-06 (that of the file, but at most 1e-06)" in out
    code, out, _ = run(capsys, "certify", saved, "--tol", "1e-300")
    assert code == 1
    assert "status       inaccurate" in out
    assert "tolerance    1e-300 (--tol)" in out


def tampered(saved, factor: float) -> None:
    """Multiply the Gram matrix of a saved solution."""
    with np.load(saved) as stored:
        held = {name: stored[name] for name in stored.files}
    scaled = {name: factor * held[name] for name in ("own", "pair_upper")}
    np.savez(saved, **{**held, **scaled})


def test_numbers_that_overflow_are_no_solution(capsys, saved):
    with np.load(saved) as stored:
        largest = np.abs(stored["pair_upper"]).max()
    tampered(saved, 1e308 / largest)
    code, out, err = run(capsys, "certify", saved)
    assert (code, out) == (2, "")
    assert "damaged" in err
    assert err.count("\n") == 1


def test_certify_at_the_automatic_level(capsys, saved):
    code, out, _ = run(capsys, "certify", saved, "--level", "auto", "--json")
    assert (code, json.loads(out)["level"]) == (0, "orbits")


def test_a_tampered_file_is_refused_and_says_by_how_much(capsys, saved):
    tampered(saved, 1.1)
    code, out, err = run(capsys, "certify", saved)
    assert (code, out) == (2, "")
    assert "it claims that the upper bound is" in err
    assert "and its numbers say" in err


BAD_CERTIFY = {
    "missing": (("none.npz",), "cannot read none.npz"),
    "text": (("counts.csv",), "not a screlax solution"),
    "level": (("saved.npz", "--level", "sample"), "level must be"),
    "tolerance": (("saved.npz", "--tol", "0"), "--tol must be positive"),
    "tolerance nan": (("saved.npz", "--tol", "nan"), "--tol must be positive"),
}


@pytest.mark.usefixtures("saved")
@pytest.mark.parametrize(("arguments", "message"), BAD_CERTIFY.values(), ids=BAD_CERTIFY)
def test_bad_input_to_certify(capsys, arguments, message):
    assert message in assert_bad_input(capsys, "certify", *arguments)


def test_certify_of_a_single_array(capsys, tmp_path):
    np.save(tmp_path / "x.npy", np.ones(3))
    assert_bad_input(capsys, "certify", "x.npy")


def test_certify_with_an_infinite_tolerance(capsys, saved):
    assert_bad_input(capsys, "certify", saved, "--tol", "inf")


# ----------------------------------------------------------------- help and version


def test_version(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"screlax {__version__}\n"


@pytest.mark.parametrize(
    ("command", "mentions"),
    [
        ([], ["solve", "certify"]),
        (["solve"], ["--counts", "--ridge", "--out", "examples:", "--option"]),
        (["certify"], ["FILE.npz", "--level"]),
    ],
)
def test_help(capsys, command, mentions):
    with pytest.raises(SystemExit) as caught:
        main([*command, "--help"])
    assert caught.value.code == 0
    out = capsys.readouterr().out
    assert all(text in out for text in mentions)


def test_module_can_be_run():
    done = subprocess.run(
        [sys.executable, "-m", "screlax", "solve", "--counts", "counts.csv", "--ridge", "100"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert "status       optimal" in done.stdout
    assert done.stderr == ""


# ----------------------------------------------------------------- progress


def test_progress_shows_a_sign_of_life(capsys, monkeypatch):
    monkeypatch.setattr("screlax.tasks.progress._FIRST_SIGN", 0.02)
    with progress("counting sheep"):
        time.sleep(0.12)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("counting sheep … 0 s\n")


def test_quiet_gives_no_signs_of_life(capsys, monkeypatch):
    monkeypatch.setattr("screlax.tasks.progress._FIRST_SIGN", 0.001)
    solve = ("solve", *GOOD, *CLARABEL, "--level", "samples")
    for arguments in (("--quiet", *solve), (*solve, "--quiet")):
        code, out, err = run(capsys, *arguments)
        assert (code, err) == (0, "")
        assert "status       optimal" in out
    with progress("afterwards"):
        time.sleep(0.1)
    assert "afterwards" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore::screlax.InaccurateWarning")
def test_quiet_leaves_warnings(capsys):
    code, _, err = run(
        capsys, "solve", *GOOD, "--solver", "SCS", "--option", "max_iters=5", "--quiet"
    )
    assert code == 1
    assert "warning: not proved optimal" in err


def test_progress_is_live_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr("screlax.tasks.progress._FIRST_SIGN", 0.02)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with progress("counting sheep"):
        time.sleep(0.12)
    assert capsys.readouterr().err == "\rcounting sheep … 0 s\033[K\r\033[K"


def test_progress_keeps_quiet_about_short_work(capsys):
    with progress("nothing"):
        pass
    assert capsys.readouterr().err == ""


def test_progress_ends_with_an_error(capsys, monkeypatch):
    monkeypatch.setattr("screlax.tasks.progress._FIRST_SIGN", 0.02)
    with pytest.raises(RuntimeError, match="boom"), progress("working"):
        raise RuntimeError("boom")
    capsys.readouterr()  # a sign or two, where the machine is slow
    time.sleep(0.1)
    assert capsys.readouterr().err == ""


def test_slow_solve_reports_on_standard_error(capsys, monkeypatch):
    monkeypatch.setattr("screlax.tasks.progress._FIRST_SIGN", 0.001)
    code, out, err = run(capsys, "solve", *GOOD, *CLARABEL, "--level", "samples", "--json")
    assert code == 0
    assert "solving 4 classes (Clarabel) … 0 s" in err
    json.loads(out)


# ----------------------------------------------------------------- geometry


def test_geometry_of_an_example():
    case = CASE["unsorted/ridge"]
    solution = solve_relaxation(case.problem, solver="Clarabel", tol=1e-8)
    gram, geometry = solution.class_gram, orbit_geometry(solution.problem, solution.orbit_gram)
    norm = np.sqrt(np.diagonal(gram))
    cosine = gram / np.outer(norm, norm)
    for orbit, size in enumerate(solution.problem.class_sizes.distinct):
        c = case.sizes.index(size)
        others = np.delete(cosine[c], c)
        assert geometry["norm"][orbit] == pytest.approx(norm[c])
        assert geometry["cosine_mean"][orbit] == pytest.approx(others.mean())
        assert geometry["cosine_nearest"][orbit] == pytest.approx(others.max())
        expected = 1.0 if size == 9 else cosine[c, 1]
        assert geometry["cosine_largest"][orbit] == pytest.approx(expected)


@pytest.mark.parametrize("control", [Sphere(1.0), Ridge(0.1)])
def test_geometry_of_some_rows_is_that_of_all(control):
    problem = UFM([9, 7, 7, 4, 2], control, 0.5)
    slack_vector = solve_relaxation(problem, solver="slack-vector").orbit_gram
    wanted = np.array([3, 0])
    expected = orbit_geometry(problem, slack_vector.dense())
    for gram in (slack_vector, slack_vector.dense()):
        for name, column in orbit_geometry(problem, gram, wanted).items():
            assert column == pytest.approx(expected[name][wanted], rel=1e-12)


def test_geometry_of_very_many_sizes_is_that_of_quantiles(monkeypatch):
    problem = UFM(np.arange(2, 2203), Sphere(1.0), 0.1)
    solution = solve_relaxation(problem)
    monkeypatch.setattr(SlackVectorGram, "dense", pytest.fail)
    record = geometry_record(solution)
    assert not record["all_sizes"]
    assert record["quantile"] == [1.0, 0.9, 0.75, 0.5, 0.25, 0.1, 0.0]
    assert record["size"][0] == 2202
    assert record["size"][-1] == 2
    assert {len(column) for name, column in record.items() if name != "all_sizes"} == {7}
    assert geometry_record(solve_relaxation([4, 3, 3], control=Ridge(0.1)))["all_sizes"]


def test_cosines_of_zero_embeddings_are_null_in_json(capsys):
    record = solve_json(capsys, "--counts", "counts.csv", "--ridge", "100")
    assert record["geometry"]["norm"] == [0.0] * 4
    assert record["geometry"]["cosine_mean"] == [None] * 4
    assert record["geometry"]["cosine_nearest"] == [None] * 4
