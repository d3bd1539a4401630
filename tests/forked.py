"""Scripts in processes of their own that need not load again what takes longest to load.

A server loads some modules once and forks for each script, which loads all others itself.
"""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

LIBRARIES = ["numpy", "scipy.stats", "cvxpy", *(["torch"] if find_spec("torch") else [])]

SERVER = """
import importlib, json, os, runpy, signal, sys

for name in sys.argv[1:]:
    importlib.import_module(name)
for line in sys.stdin:
    script, arguments, folder, hidden, *streams = json.loads(line)
    if not (child := os.fork()):
        break
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
else:
    sys.exit()

signal.alarm(300)
for number, name in enumerate([os.devnull, *streams]):
    os.dup2(os.open(name, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND), number)
os.chdir(folder)
if hidden:
    for name in [hidden, *(name for name in sys.modules if name.startswith(f"{hidden}."))]:
        sys.modules[name] = None
sys.path[0] = os.path.dirname(script)
sys.argv = [script, *arguments]
runpy.run_path(script, run_name="__main__")
"""
"""Only a fork leaves the loop; it ends as its script does: exit code, traceback, exit handlers."""


class Forks:
    """Runs scripts one after the other, and the server until `end`."""

    def __init__(self, folder: Path, *modules: str, path: str = "") -> None:
        if not hasattr(os, "fork"):
            pytest.skip("needs a system that forks")
        command = [sys.executable, "-c", SERVER, *modules]
        environment = os.environ | {"PYTHONPATH": path}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self._server = subprocess.Popen(command, cwd=folder, env=environment, text=True, **pipes)
        self._streams = [folder / "stdout.txt", folder / "stderr.txt"]

    def run(
        self, script: Path, *arguments: str, folder: Path, without: str = ""
    ) -> subprocess.CompletedProcess:
        """Run a script in a folder, if wanted as if a module were not installed."""
        asked = [str(script), arguments, str(folder), without, *map(str, self._streams)]
        self._server.stdin.write(json.dumps(asked) + "\n")
        self._server.stdin.flush()
        code = int(self._server.stdout.readline())
        said = (stream.read_text(encoding="utf-8") for stream in self._streams)
        return subprocess.CompletedProcess([script.name, *arguments], code, *said)

    def end(self) -> None:
        self._server.communicate()
