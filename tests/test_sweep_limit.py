"""Sweeps whose points may take so many seconds: a process that is killed, and what is kept."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sweep_points import endless, poison

from screlax import grid, sweep
from screlax.cli import main
from screlax.errors import InvalidInputError
from screlax.sweeps import work as work_module
from screlax.sweeps.config import read_sweep, read_time_limit
from screlax.tasks import limited

POINTS = grid([[6, 3, 2]], sphere=1.0, temperature=[0.2, 1.0])


def is_there(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_for_end(pid):
    for _ in range(600):
        if not is_there(pid):
            return
        time.sleep(0.05)
    raise AssertionError(f"process {pid} is still there")


@pytest.fixture
def no_process(monkeypatch):
    """Fail where a point is tried at all."""

    def fail(*given):
        raise AssertionError(f"tried with a limit of {given[-1]}")

    monkeypatch.setattr(work_module, "run_limited", fail)
    monkeypatch.setattr(work_module, "evaluate", fail)


def test_a_point_over_its_limit_is_a_row_and_the_rest_go_on(tmp_path):
    file, cache = tmp_path / "pid", tmp_path / "cache"
    points, reports = [POINTS[0], endless(file), POINTS[1]], []
    table = sweep(points, time_limit=1.5, cache=cache, progress=reports.append)
    assert table["status"] == ["optimal", "time limit", "optimal"]
    assert table["error"][1] == "stopped at its time limit of 1.5 s"
    assert (table["value"][1], table["gap"][1], table["seconds"][1]) == (None, None, 1.5)
    assert not table.all_optimal
    assert reports[-1].failed == 1
    assert table["value"][::2] == sweep(POINTS)["value"]
    assert not is_there(int(file.read_text()))
    assert not any(process._popen.poll() is None for process in limited._all)
    assert len(list(cache.glob("??/*.json"))) == 3


def kept(cache, limit):
    """Return points of which one was stopped at a limit."""
    work, point = work_module.SweepWork(limit), POINTS[0]
    from screlax.tasks.store import Store

    Store(cache, work).keep(point, work_module.out_of_time(limit))
    return [point]


@pytest.mark.parametrize("limit", [2.0, 1.0])
def test_what_was_stopped_is_not_tried_again(tmp_path, no_process, limit):
    table = sweep(kept(tmp_path, 2.0), time_limit=limit, cache=tmp_path)
    assert (table["status"], table["seconds"]) == (["time limit"], [2.0])


@pytest.mark.parametrize("limit", [2.5, None])
def test_more_time_is_a_new_try(tmp_path, no_process, limit):
    points = kept(tmp_path, 2.0)
    with pytest.raises(AssertionError, match="tried"):
        sweep(points, time_limit=limit, cache=tmp_path)


def test_an_interrupted_call_leaves_no_process(monkeypatch):
    def interrupt(self):
        raise KeyboardInterrupt

    limited._started(limited.pickle.dumps((abs, -1))).receive()
    process = limited._of_thread.process
    monkeypatch.setattr(limited._Process, "send", lambda self, message: True)
    monkeypatch.setattr(limited._Process, "receive", interrupt)
    with pytest.raises(KeyboardInterrupt):
        limited.run_limited(abs, -1, 60.0)
    assert process._popen.poll() is not None


@pytest.mark.parametrize("limit", [0, -1, float("nan"), "soon", True])
def test_a_limit_is_a_positive_number(limit):
    with pytest.raises(InvalidInputError, match="time_limit"):
        sweep(POINTS, time_limit=limit)


def test_a_limit_beyond_what_clocks_wait_for_is_waited_for(monkeypatch):
    seconds = []
    honest = limited.threading.Timer

    def timer(interval, function):
        seconds.append(interval)
        return honest(interval, function)

    monkeypatch.setattr(limited.threading, "Timer", timer)
    assert limited.run_limited(abs, -1, 1e300) == 1
    assert seconds == [limited.threading.TIMEOUT_MAX]
    limited.close_process()


CONFIG = """
time_limit = 30
[[grid]]
counts = { mine = "counts.csv" }
sphere = 1.0
"""


def test_the_limit_of_a_file_and_of_the_command(tmp_path, monkeypatch, capsys):
    (tmp_path / "counts.csv").write_text("6\n3\n2\n")
    file, limits = tmp_path / "sweep.toml", []
    file.write_text(CONFIG)

    def stop(function, point, limit):
        limits.append(limit)
        raise work_module.OverTimeError

    monkeypatch.setattr(work_module, "run_limited", stop)
    assert main(["sweep", str(file)]) == 1
    assert main(["sweep", str(file), "--time-limit", "2.5"]) == 1
    assert limits == [30.0, 2.5]
    assert "time limit: stopped at its time limit of 2.5 s" in capsys.readouterr().out
    file.write_text(CONFIG.replace("time_limit = 30\n[[grid]]", "[[grid]]\ntime_limit = 30"))
    with pytest.raises(InvalidInputError, match="time_limit is of the whole file"):
        read_sweep(file)
    file.write_text(CONFIG.replace("30", "-1"))
    with pytest.raises(InvalidInputError, match=r"sweep\.toml: time_limit"):
        read_time_limit(file)


def test_a_loss_without_batches_is_named_before_anything_runs():
    options = {"sphere": 1.0, "weight_decay": [(0.1, 1.0)], "batches": ["all", "shuffle:size=4"]}
    with pytest.raises(InvalidInputError, match="loss cross-entropy with batches shuffle:size=4"):
        grid([[6, 3, 2]], loss=["supcon", "cross-entropy"], **options)
    weights = "supcon:class_weights=[1,2]"
    with pytest.raises(InvalidInputError, match=r"point counts:6,3,2, .*loss supcon"):
        grid([[6, 3], [6, 3, 2]], sphere=1.0, loss=weights)


SCRIPT = """
import sys
sys.path.append({tests!r})
from sweep_points import endless
from screlax import sweep
if __name__ == "__main__":
    sweep([endless({file!r})], time_limit=600)
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_no_process_outlives_a_sweep_that_is_killed(tmp_path, how):
    file, script = tmp_path / "pid", tmp_path / "script.py"
    script.write_text(SCRIPT.format(tests=str(Path(__file__).parent), file=str(file)))
    with subprocess.Popen([sys.executable, script], stderr=subprocess.DEVNULL) as sweeping:
        while not (file.exists() and file.read_text()):
            time.sleep(0.05)
        sweeping.send_signal(how)
    wait_for_end(int(file.read_text()))


@pytest.mark.slow
def test_two_workers_are_limited_each_by_itself(tmp_path):
    files = [tmp_path / "one", tmp_path / "two"]
    points = [POINTS[0], *map(endless, files), poison(), POINTS[1]]
    table = sweep(points, time_limit=2.0, n_jobs=2)
    assert table["status"] == ["optimal", "time limit", "time limit", "failed", "optimal"]
    assert "the process dies" in table["error"][3]
    for file in files:
        wait_for_end(int(file.read_text()))
