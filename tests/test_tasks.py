"""Tasks: workers end with the process that started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SLOW_SWEEP = """
import screlax
points = screlax.grid({"slow": range(5, 60)}, sphere=1.0, temperature=[0.5, 0.6, 0.7, 0.8],
                      solver="SCS", tol=1e-14)
screlax.sweep(points, n_jobs=2)
"""
SLOW_LANDSCAPE = """
import screlax
problem = screlax.UFM(list(range(5, 70)), screlax.Sphere(1.0), 0.5)
screlax.survey_landscape(problem, [40], starts=400, level="samples", n_jobs=2)
"""
SLOW_BENCH = """
from screlax.bench import problem_sets
from screlax.bench.work import BenchWork, Case
from screlax.bench.methods import all_methods
method = next(method for method in all_methods() if method.name == "descent gradient")
case = max((c for c in problem_sets(quick=False) if not method.why_not(c.problem)),
           key=lambda c: c.problem.classes)
BenchWork(200.0).run(Case(case, method, 1e-15))
"""
SLOW_PROCESS = """
import multiprocessing
from screlax.tasks.orphans import end_with_parent
def work():
    end_with_parent()
    while True: pass
process = multiprocessing.get_context("fork").Process(target=work)
process.start()
process.join()
"""


def processes() -> dict[int, list[int]]:
    """Return the children of every process; zombies, which compute nothing, left out."""
    children: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        if fields[0] != "Z":
            children.setdefault(int(fields[1]), []).append(int(status.parent.name))
    return children


def seconds_of(pid: int) -> float:
    """Return the processor time of a process, 0 once it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def alive(pids: list[int]) -> list[int]:
    there = {pid for children in processes().values() for pid in children}
    return [pid for pid in pids if pid in there]


def wait_until(true, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.parametrize(
    ("script", "busy"),
    [
        (SLOW_SWEEP, 2),
        (SLOW_LANDSCAPE, 2),
        (SLOW_BENCH, 1),
        (SLOW_PROCESS, 1),
    ],
    ids=["sweep", "landscape", "bench", "process"],
)
def test_workers_end_with_a_killed_parent(tmp_path, script, busy):
    """Killed, the parent says nothing; its workers would compute for minutes."""
    script = script.replace("FOLDER", repr(str(tmp_path)))
    parent = subprocess.Popen([sys.executable, "-W", "ignore", "-c", script])
    workers: list[int] = []

    def computing() -> bool:
        workers[:] = processes().get(parent.pid, [])
        return sum(seconds_of(pid) > 3.0 for pid in workers) >= busy

    try:
        assert wait_until(computing, 120), "the workers never computed"
        assert parent.poll() is None
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        assert wait_until(lambda: not alive(workers), 20), "workers outlive their parent"
    finally:
        parent.kill()
        parent.wait()
        for pid in alive(workers):
            os.kill(pid, signal.SIGKILL)
