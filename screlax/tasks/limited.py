"""One call in a process that can be killed: solvers in C cannot be interrupted from Python.

The process is kept for the next call, since to start one takes as long as a small problem. It ends
by itself when it is idle for a while, and when its parent is gone, however that ended.
"""

from __future__ import annotations

import atexit
import os
import pickle
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from typing import TypeVar

from .frames import receive, send

Given = TypeVar("Given")
Found = TypeVar("Found")

_START = "from screlax.tasks.limited_process import main; main()"


class OverTimeError(Exception):
    """The call took longer than it may, and its process was killed."""


class ProcessDiedError(Exception):
    """The process ended in the middle of the call."""


def run_limited(function: Callable[[Given], Found], given: Given, seconds: float) -> Found:
    """Call a function elsewhere for so many seconds at most, counted from when it is loaded there.

    Raises
    ------
    OverTimeError
        If it is not back in time; its process is gone by then.
    ProcessDiedError
        If its process is, by itself or for want of memory, or cannot load it.
    """
    from joblib.externals.loky.backend.reduction import dumps  # a script's own classes, too

    message = bytes(dumps((function, given)))
    process = _started(message)
    expired = threading.Event()

    def stop() -> None:
        expired.set()
        process.close()

    timer = threading.Timer(min(seconds, threading.TIMEOUT_MAX), stop)  # no clock waits longer
    timer.start()
    try:
        found = process.receive()
    except BaseException:
        process.close()
        raise
    finally:
        timer.cancel()
    if found is None:
        process.close()
        raise OverTimeError if expired.is_set() else ProcessDiedError
    outcome: Found = pickle.loads(found)
    return outcome


def close_process() -> None:
    """End the process of this thread, if it has one."""
    process = getattr(_of_thread, "process", None)
    if process is not None:
        process.close()


class _Process:
    """A process that waits for calls, and the pipes to it."""

    def __init__(self) -> None:
        path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
        self._popen = subprocess.Popen(
            [sys.executable, "-c", _START, str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
        )
        # whoever ends by itself must not stay behind as a zombie
        threading.Thread(target=self._popen.wait, daemon=True).start()
        _all.add(self)

    def send(self, message: bytes) -> bool:
        """Send a call; return whether it was taken up."""
        assert self._popen.stdin is not None
        try:
            send(self._popen.stdin, message)
        except (OSError, ValueError):
            return False
        return self.receive() is not None

    def receive(self) -> bytes | None:
        """Return what comes back; None when the process has ended."""
        assert self._popen.stdout is not None
        return receive(self._popen.stdout)

    def close(self) -> None:
        """Kill it; the pipes are closed when nobody reads them any more."""
        self._popen.kill()
        self._popen.wait()

    def __del__(self) -> None:
        self.close()
        for pipe in (self._popen.stdin, self._popen.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:  # what was not sent cannot be
                    continue


_of_thread = threading.local()
_all: weakref.WeakSet[_Process] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    for process in list(_all):
        process.close()


def _started(message: bytes) -> _Process:
    """Return a process that has taken up the call: that of this thread, or a new one."""
    for _ in range(2):  # the first may have ended while it was idle
        process: _Process = getattr(_of_thread, "process", None) or _Process()
        _of_thread.process = process
        if process.send(message):
            return process
        process.close()
        del _of_thread.process
    raise ProcessDiedError
