"""Settings of the whole suite."""

import gc
import os

import pytest
from hypothesis import HealthCheck, settings

# Two test processes on two processors: threads of BLAS and torch would only wait for each other.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

settings.register_profile(
    "suite",
    deadline=None,
    derandomize=True,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("suite")


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Look for no garbage among all that is collected meanwhile: half a second at each search.

    It is not frozen afterwards: hypothesis asks the collector who refers to an object.
    """
    young, middle, old = gc.get_threshold()
    gc.set_threshold(young, middle, 1_000_000)
    try:
        return (yield)
    finally:
        gc.collect()
        gc.set_threshold(young, middle, old)


@pytest.fixture(autouse=True)
def no_sign_of_life(monkeypatch):
    """Keep progress lines out of standard error, however slow the machine is."""
    monkeypatch.setattr("screlax.tasks.progress._FIRST_SIGN", 3600.0)
