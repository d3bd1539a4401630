"""Tasks: what is on disk is what was computed or nothing, and workers end with their parent."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from screlax.errors import InvalidInputError, StoreWarning
from screlax.tasks.run import Tasks
from screlax.tasks.store import Store, packed, unpacked
from screlax.tasks.work import Work


class Roots(Work[int, float]):
    """Square roots, of which that of 13 brings bad luck."""

    mark = "roots-1"

    def __init__(self) -> None:
        self.done: list[int] = []

    def run(self, task):
        self.done.append(task)
        return task**0.5

    def failure(self, task, reason):
        return math.nan

    def place(self, task):
        return f"{task % 2}/{task}"

    def identity(self, task):
        return {"root of": task}

    def record(self, outcome):
        return None if outcome == 13**0.5 else {"root": outcome}

    def restore(self, task, record):
        return record["root"]


def test_what_is_kept_is_not_done_again_and_the_rest_is(tmp_path):
    first = Tasks(Roots(), [4, 9, 13, 4], tmp_path)
    assert (first.total, first.found) == (3, 0)
    assert list(first.in_turn()) == [2.0, 3.0, 13**0.5]
    again = Tasks(work := Roots(), [9, 13, 2], tmp_path)
    assert (again.total, again.found) == (3, 1)
    assert list(again.in_turn()) == [13**0.5, 2**0.5]
    assert work.done == [13, 2]
    assert again.outcomes == {9: 3.0, 13: 13**0.5, 2: 2**0.5}


def test_no_flipped_bit_no_cut_and_no_other_file_is_believed(tmp_path):
    store = Store(tmp_path, Roots())
    store.keep(2, 2**0.5)
    store.keep(4, 2.0)
    path = store.path(2)
    whole = path.read_bytes()
    damaged = [store.path(4).read_bytes(), b"", b"null", b"[" * 5000, b"\xff\xfe", b"9" * 5000]
    damaged += [whole[:length] for length in range(len(whole))]
    for position in range(len(whole)):
        for bit in range(8):
            flipped = bytearray(whole)
            flipped[position] ^= 1 << bit
            damaged.append(bytes(flipped))
    for data in damaged:
        path.write_bytes(data)
        assert store.find(2) is None, data
    path.write_bytes(damaged[0])
    with pytest.warns(StoreWarning, match="belongs to something else"):
        assert store.find_all([2, 4]) == {4: 2.0}


@pytest.mark.parametrize("target", ["folder", "device", "fifo", "large"])
def test_what_is_no_file_of_this_size_is_not_opened(tmp_path, target, monkeypatch):
    store = Store(tmp_path, Roots())
    store.keep(2, 1.0)
    path = store.path(2)
    path.unlink()
    if target == "folder":
        path.mkdir()
    elif target == "device":
        path.symlink_to("/dev/zero")
    elif target == "fifo":
        os.mkfifo(path)  # opening it would wait for a writer, for ever
    else:
        with path.open("wb") as sink:
            sink.truncate(1 << 40)
    monkeypatch.setattr(Path, "open", lambda *_: pytest.fail("opened"))
    with pytest.warns(StoreWarning, match="is no file of at most"):
        assert store.find_all([2]) == {}


def test_arrays_are_kept_to_the_last_bit():
    rng = np.random.default_rng(0)
    for shape in ((0,), (3,), (4, 2), (2, 0, 3)):
        array = rng.standard_normal(shape) * 10.0 ** rng.integers(-300, 300, shape)
        found = unpacked(json.loads(json.dumps(packed(array.T))))
        assert found.tobytes() == np.ascontiguousarray(array.T).tobytes()
        assert found.shape == array.T.shape
        assert found.flags.writeable
    with pytest.raises(ValueError, match="reshape"):
        unpacked({**packed(np.ones(3)), "shape": [4]})


@pytest.mark.parametrize("folder", [5, "\0", "/proc/none", __file__])
def test_a_store_that_cannot_be_is_refused(folder):
    with pytest.raises(InvalidInputError, match=r"store"):
        Store(folder, Roots())


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
from screlax.bench.methods import all_methods
from screlax.bench.rounds import pickled
from screlax.bench.server import serving
from screlax.bench.worker import Request
method = next(method for method in all_methods() if method.name == "SCS")
case = max((c for c in problem_sets(quick=False) if not method.why_not(c.problem)),
           key=lambda c: c.problem.class_sizes.orbits)
with serving(1) as server:
    server.ask(Request(pickled(case), "SCS", 1e-15, 200.0))
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


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.parametrize(
    ("script", "busy", "seconds"),
    [(SLOW_SWEEP, 2, 3.0), (SLOW_LANDSCAPE, 2, 3.0), (SLOW_BENCH, 1, 3.0), (SLOW_PROCESS, 1, 0.3)],
    ids=["sweep", "landscape", "bench", "process"],
)
def test_workers_end_with_a_killed_parent(script, busy, seconds):
    """Killed, the parent says nothing; its workers would compute for minutes.

    They are taken to compute after so many seconds of processor time, imports among them.
    """
    parent = subprocess.Popen([sys.executable, "-W", "ignore", "-c", script])
    workers: list[int] = []

    def computing() -> bool:
        workers[:] = processes().get(parent.pid, [])
        return sum(seconds_of(pid) > seconds for pid in workers) >= busy

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
