"""The same sweep on a real Dask scheduler with worker processes on this machine."""

import os
import signal

import joblib
import pytest
from sweep_points import endless, poison
from test_sweep_limit import wait_for_end

from screlax import grid, sweep

distributed = pytest.importorskip("distributed", reason="needs screlax[dask]")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

POINTS = grid(
    ["exponential:40,500", "step:30,200"],
    imbalance=[10, 20, 50],
    sphere=[0.5, 1.0, 1.5],
    temperature=[0.1, 0.3, 0.5, 1.0],
)


@pytest.fixture(scope="module")
def cluster_client():
    here = os.path.dirname(__file__)
    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address=":0",  # any free port; None would take 8787 all the same
            silence_logs=50,
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        client.run(lambda: __import__("sys").path.append(here))
        yield client


@pytest.fixture
def client(cluster_client):
    """Two workers; joblib does the work of a single one itself, and one may be restarting."""
    cluster_client.wait_for_workers(2, timeout=60)
    return cluster_client


@pytest.fixture(scope="module")
def serial():
    return sweep(POINTS)


def test_dask_and_serial_agree_bit_for_bit(client, serial, tmp_path):
    with joblib.parallel_config(backend="dask"):
        table = sweep(POINTS, cache=tmp_path)
    assert table.values_equal(serial)
    assert len(list(tmp_path.glob("??/*.json"))) == len(POINTS)


def test_a_worker_killed_in_mid_sweep_costs_nothing(client, serial, tmp_path):
    workers = client.run(os.getpid)
    victims = iter(list(workers.values())[:1])
    reports = []

    def kill_one(report):
        reports.append(report)
        if report.done == len(POINTS) // 4:
            os.kill(next(victims), signal.SIGKILL)

    with joblib.parallel_config(backend="dask"):
        table = sweep(POINTS, cache=tmp_path, progress=kill_one)
    assert next(victims, None) is None  # it was killed
    assert table.values_equal(serial)
    assert len(list(tmp_path.glob("??/*.json"))) == len(POINTS)
    assert [report.done for report in reports] == list(range(1, len(POINTS) + 1))


def test_a_point_over_its_time_limit_is_a_row_and_its_process_is_gone(client, serial, tmp_path):
    file = tmp_path / "pid"
    workers = client.run(os.getpid)
    with joblib.parallel_config(backend="dask"):
        table = sweep([*POINTS[:3], endless(file), *POINTS[3:6]], time_limit=5.0)
    assert table["status"] == ["optimal"] * 3 + ["time limit"] + ["optimal"] * 3
    assert table["value"][:3] == serial["value"][:3]
    wait_for_end(int(file.read_text()))
    assert client.run(os.getpid) == workers  # none of the workers had to die for it


def test_a_point_that_kills_every_worker_it_gets_is_a_row(client, serial):
    """The last one: on a busy machine a nanny gives up on a worker that is too slow to start."""
    with joblib.parallel_config(backend="dask"):
        table = sweep([*POINTS[:6], poison(), *POINTS[6:12]])
    assert table.counts == {"optimal": 12, "failed": 1}
    assert table["status"][6] == "failed"
    assert "the worker process dies on this point" in table["error"][6]
