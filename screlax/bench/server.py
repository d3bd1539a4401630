"""The calling side of the process that measures: asked for runs, ended when one takes too long."""

import json
import os
import pickle
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from ..errors import SolverFailedError
from ..extensions import loaded_modules
from ..io.shown import one_line
from .table import FAILED, TIMEOUT
from .worker import Request

GRACE = 10.0
"""Seconds beyond the limit for warm-up and certificate before a process is ended."""

_START = 120.0
"""Seconds that a process has to start."""


class Server:
    """A process that measures, another one after each that was ended or has crashed."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._process: subprocess.Popen[bytes] | None = None
        self._answers: queue.Queue[bytes | None] = queue.Queue()
        self._said: IO[bytes] | None = None
        self.provenance: dict[str, str] = {}
        self._start()

    def ask(self, request: Request) -> dict[str, Any]:
        """Return what a run adds to its row, whatever happens to the process."""
        if self._process is None:
            self._start()
        try:
            self._send(request)
            line = self._answers.get(timeout=request.limit + GRACE)
        except queue.Empty:
            self.end()
            reason = f"stopped, {GRACE:g} s after the limit of {request.limit:g} s"
            return {"outcome": TIMEOUT, "seconds": request.limit, "reason": reason}
        except OSError:  # the process is gone, which its end says better
            line = None
        if line is None:
            return {"outcome": FAILED, "reason": self._obituary()}
        return dict(json.loads(line))

    def end(self) -> None:
        """End the process, at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for stream in (self._process.stdin, self._process.stdout, self._said):
                if stream is not None:
                    stream.close()
            self._process = None

    def _start(self) -> None:
        self._answers = queue.Queue()
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 (as long as the process)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "screlax.bench.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
        )
        reader = threading.Thread(
            target=_read, args=(self._process.stdout, self._answers), daemon=True
        )
        reader.start()
        modules = loaded_modules()
        self._send({"parent": os.getpid(), "modules": modules, "threads": self._threads})
        try:
            line = self._answers.get(timeout=_START)
        except queue.Empty:
            line = None
        if line is None:
            raise SolverFailedError(f"the process that measures does not start: {self._obituary()}")
        self.provenance = json.loads(line)

    def _send(self, what: Any) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        pickle.dump(what, self._process.stdin)
        self._process.stdin.flush()

    def _obituary(self) -> str:
        """Return how the process ended and its last words; it is none any more."""
        assert self._process is not None
        assert self._said is not None
        code = self._process.poll()
        code = self._process.wait(_START) if code is None else code
        self._said.seek(0)
        lines = self._said.read().decode(errors="replace").strip().splitlines()
        self.end()
        return f"process ended with {code}: {one_line(lines[-1]) if lines else 'no message'}"


@contextmanager
def serving(threads: int) -> Iterator[Server]:
    """Yield a server for as long as it is needed, and leave no process afterwards."""
    server = Server(threads)
    try:
        yield server
    finally:
        server.end()


def _read(source: IO[bytes], answers: "queue.Queue[bytes | None]") -> None:
    """Put line after line into a queue, then None."""
    try:
        for line in source:
            answers.put(line)
    except ValueError:  # it was closed meanwhile
        pass
    answers.put(None)
