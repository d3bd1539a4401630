"""Finished points on disk: found again, never believed when damaged, never lost to a kill."""

import json
import math
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from screlax import Sphere, SweepPoint, grid, sweep
from screlax.errors import InvalidInputError, StoreWarning
from screlax.sweeps import SweepInterrupted
from screlax.sweeps import work as work_module
from screlax.sweeps.work import SweepWork
from screlax.tasks.store import Store, checksum

POINTS = grid("exponential:6,100", imbalance=[2, 10], sphere=[0.5, 1.0], temperature=[0.2, 1.0])


def files(folder):
    return sorted(folder.glob("??/*.json"))


def test_a_second_sweep_solves_nothing(tmp_path, monkeypatch):
    first = sweep(POINTS, cache=tmp_path)
    assert len(files(tmp_path)) == len(POINTS)
    monkeypatch.setattr(work_module, "evaluate", lambda point: pytest.fail("solved twice"))
    second = sweep(POINTS, cache=tmp_path)
    assert second.values_equal(first)
    assert second["seconds"] == first["seconds"]


def test_an_interrupted_sweep_goes_on_where_it_was(tmp_path, monkeypatch):
    def stop(report):
        if report.done == 3:
            raise KeyboardInterrupt

    with pytest.raises(SweepInterrupted, match=str(tmp_path)):
        sweep(POINTS, cache=tmp_path, progress=stop)
    assert len(files(tmp_path)) == 3
    solved, original = [], work_module.evaluate
    monkeypatch.setattr(
        work_module, "evaluate", lambda point: (solved.append(point), original(point))[1]
    )
    reports = []
    table = sweep(POINTS, cache=tmp_path, progress=reports.append)
    assert solved == POINTS[3:]
    assert reports[0].found == 3
    assert table.values_equal(sweep(POINTS))


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: "",
        lambda text: "[1, 2]",
        lambda text: text.replace('"rank": 5', '"rank": 4'),
        lambda text: text.replace('"temperature": 0.2', '"temperature": 0.3'),
        lambda text: text.replace("screlax-sweep-2", "something else"),
    ],
    ids=["truncated", "empty", "another kind", "a number", "another point", "another format"],
)
def test_a_damaged_file_is_solved_again_with_a_warning(tmp_path, damage):
    table = sweep(POINTS, cache=tmp_path)
    victim = Store(tmp_path, SweepWork()).path(POINTS[0])
    text = victim.read_text()
    assert damage(text) != text
    victim.write_text(damage(text))
    with pytest.warns(StoreWarning, match="damaged"):
        again = sweep(POINTS, cache=tmp_path)
    assert again.values_equal(table)
    assert json.loads(victim.read_text())["record"]["rank"] == 5


@pytest.mark.parametrize(
    "forged",
    [
        *({"gap": "0"}, {"value": math.nan}, {"rank": 5.0}, {"status": "proved"}),
        *({"status": "failed"}, {"status": None}, {"norm": 1.0}),
    ],
    ids=str,
)
def test_a_record_that_is_no_row_is_solved_again_whatever_itschecksum(tmp_path, forged):
    table = sweep(POINTS[:1], cache=tmp_path)
    (path,) = files(tmp_path)
    content = json.loads(path.read_text())
    content["record"].update(forged)
    content["checksum"] = checksum(content["task"], content["record"])
    path.write_text(json.dumps(content))
    with pytest.warns(StoreWarning, match="damaged"):
        assert sweep(POINTS[:1], cache=tmp_path).values_equal(table)


def test_a_cache_of_an_earlier_version_is_solved_again_and_says_so(tmp_path):
    """Its gaps may have meant something else."""
    table = sweep(POINTS[:2], cache=tmp_path)
    for path, point in zip(files(tmp_path), POINTS[:2], strict=True):
        old = {
            "format": "screlax-sweep-1",
            "point": point.canonical(),
            "result": {},
            "checksum": "",
        }
        path.write_text(json.dumps(old))
    with pytest.warns(StoreWarning, match="another version's.*, and 1 more;.*again"):
        assert sweep(POINTS[:2], cache=tmp_path).values_equal(table)


def test_a_cache_of_screlax_0_1_is_not_read_and_says_what_to_do(tmp_path):
    """The name is the one that screlax 0.1.0 gave this point."""
    old = tmp_path / "ef" / "efc6d82d2d711f5dacb91d998047886d.json"
    old.parent.mkdir()
    old.write_text("{}")
    with pytest.warns(StoreWarning, match=r"files of screlax 0\.1 for 1 of these.*can be deleted"):
        table = sweep(POINTS[:2], cache=tmp_path)
    assert table.all_optimal
    assert old.read_text() == "{}"


def test_failures_are_not_kept(tmp_path):
    sweep([SweepPoint("cifar10-lt", Sphere(1.0), solver="closed-form")], cache=tmp_path)
    assert not files(tmp_path)


def test_names_of_counts_do_not_matter_to_the_cache(tmp_path):
    sweep(grid({"one": [30, 5]}, sphere=1), cache=tmp_path)
    table = sweep(grid({"two": [30, 5]}, sphere=1), cache=tmp_path)
    assert table["profile"] == ["two"]
    assert len(files(tmp_path)) == 1


def test_abandoned_files_are_removed_and_young_ones_left(tmp_path):
    sweep(POINTS[:1], cache=tmp_path)
    folder = files(tmp_path)[0].parent
    old, young = folder / f".{'a' * 16}.partial", folder / f".{'b' * 16}.partial"
    for leftover in (old, young):
        leftover.write_text("{")
    os.utime(old, (time.time() - 1e5,) * 2)
    sweep(POINTS[:1], cache=tmp_path)
    assert not old.exists()
    assert young.exists()


def test_a_cache_that_cannot_be_is_refused_before_any_work(tmp_path, monkeypatch):
    monkeypatch.setattr(work_module, "evaluate", lambda point: pytest.fail("work was done"))
    blocker = tmp_path / "file"
    blocker.write_text("")
    with pytest.raises(InvalidInputError, match="cannot be made"):
        sweep(POINTS, cache=blocker / "below")


def test_a_write_that_fails_leaves_no_file(tmp_path, monkeypatch):
    cache = Store(tmp_path, SweepWork())
    monkeypatch.setattr(os, "replace", lambda *names: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(InvalidInputError, match=r"cannot write .*full"):
        cache.keep(POINTS[0], {"status": "optimal"})
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


CONFIG = """
profiles = ["exponential:60,500"]
imbalance = [10, 20, 40, 80]
sphere = [0.5, 1.0, 2.0]
temperature = { start = 0.1, stop = 1.0, points = 6 }
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs process groups")
def test_killed_three_times_at_random_and_resumed_is_the_same_table(tmp_path):
    config = tmp_path / "sweep.toml"
    config.write_text(CONFIG)
    cache, out = tmp_path / "cache", tmp_path / "table.csv"
    command = [sys.executable, "-m", "screlax", "sweep", str(config)]
    command += ["--cache", str(cache), "--out", str(out)]
    total, found, stop_at = 72, [], random.Random(0).sample(range(5, 60), 3)
    for count, jobs in zip(sorted(stop_at), "121", strict=True):
        process = subprocess.Popen(
            [*command, "--jobs", jobs],
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while len(files(cache)) < count and process.poll() is None:
            time.sleep(0.002)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        found.append({path: path.read_bytes() for path in files(cache)})
        assert not out.exists()
    assert len(found[0]) < total
    subprocess.run(command, check=True, capture_output=True)
    assert len(files(cache)) == total
    for earlier in found:  # nothing was lost, and nothing done twice
        assert all(path.read_bytes() == data for path, data in earlier.items())
    from screlax.sweeps.config import read_sweep

    points = read_sweep(config)
    resumed = sweep(points, cache=cache)
    assert resumed.values_equal(sweep(points))
