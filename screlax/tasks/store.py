"""Finished tasks on disk, one small file each, so that no interruption loses any of them.

One rule for all: a file appears under its name only when it is complete, since a process may be
killed at any moment. It says which task it is of and carries a checksum of that and of its record;
what does not fit is not believed, and its task is done again.

The checksum is no signature: it finds damage, and edits by hand, not somebody who computes it anew.
What a reader shows as proved is therefore computed again wherever that costs little (`restore`).
"""

import base64
import hashlib
import json
import os
import time
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Generic

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInputError, ScrelaxError, StoreWarning
from ..io.atomic import atomic_file
from .work import Outcome, Task, Work

Folder = str | os.PathLike[str]
"""The path of a folder."""

_PARTIAL = f".{'?' * 16}.partial"
_ABANDONED = 3600.0
"""Seconds after which a half-written file must belong to a process that was killed."""

_MALFORMED = (
    *(ArithmeticError, AttributeError, LookupError, OSError, RecursionError),
    *(ScrelaxError, TypeError, ValueError),
)
"""What reading and restoring raise on bytes of any kind."""


class Store(Generic[Task, Outcome]):
    """A folder of finished tasks, which several runs may share, also at the same time."""

    def __init__(self, folder: Folder, work: Work[Task, Outcome]) -> None:
        self.folder, self.work = store_folder(folder), work

    def path(self, task: Task) -> Path:
        """Return where the outcome of a task is kept."""
        return self.folder / f"{self.work.place(task)}.json"

    def find(self, task: Task) -> Outcome | None:
        """Return the outcome of a task, or None where there is none that can be believed."""
        try:
            outcome = self._read(task)
        except _MALFORMED:
            return None
        return outcome if self.work.stands(outcome) else None

    def find_all(self, tasks: Iterable[Task]) -> dict[Task, Outcome]:
        """Return the outcomes there are; a `StoreWarning` tells of those not believed."""
        found, damaged, former = {}, [], 0
        for task in tasks:
            try:
                outcome = self._read(task)
                if self.work.stands(outcome):
                    found[task] = outcome
            except FileNotFoundError:
                name = self.work.former(task)
                former += name is not None and (self.folder / name).exists()
            except _MALFORMED as error:
                damaged.append(f"{self.path(task)} is damaged ({error or type(error).__name__})")
        if damaged:
            others = f", and {len(damaged) - 1:,} more" if len(damaged) > 1 else ""
            again = "; what they held" if others else "; what it held"
            warnings.warn(f"{damaged[0]}{others}{again} is computed again", StoreWarning, 3)
        if former:
            warnings.warn(
                f"{self.folder} holds files of screlax 0.1 for {former:,} of these, whose numbers "
                "mean something else; they are computed again, and those files can be deleted",
                StoreWarning,
                3,
            )
        return found

    def keep(self, task: Task, outcome: Outcome) -> None:
        """Write the outcome of a task, unless it is one to be tried again."""
        record = self.work.record(outcome)
        if record is None:
            return
        identity, path = self.work.identity(task), self.path(task)
        content = {
            "format": self.work.mark,
            "task": identity,
            "record": record,
            "checksum": checksum(identity, record),
        }
        path.parent.mkdir(exist_ok=True)
        # no wait for the disk: what a failure of the machine leaves behind does not pass for a file
        with atomic_file(path, durable=False) as sink:
            sink.write(json.dumps(content).encode())

    def remove_abandoned(self) -> None:
        """Delete the half-written files that killed processes left behind."""
        now = time.time()
        for pattern in (_PARTIAL, f"*/{_PARTIAL}"):
            for leftover in self.folder.glob(pattern):
                try:
                    if now - leftover.stat().st_mtime > _ABANDONED:
                        leftover.unlink()
                except FileNotFoundError:  # another run was faster
                    continue

    def _read(self, task: Task) -> Outcome:
        path, identity = self.path(task), self.work.identity(task)
        most = self.work.most_bytes(task) + 2 * len(json.dumps(identity))
        size = path.stat().st_size
        if not path.is_file() or size > most:  # a device has no end
            raise ValueError(f"it is no file of at most {most:,} bytes")
        with path.open("rb") as source:
            content = json.loads(source.read(most))
        if content["format"] != self.work.mark:
            raise ValueError(f"it is no {self.work.mark!r} but another version's")
        if _text(content["task"]) != _text(identity):
            raise ValueError("it belongs to something else")
        if content["checksum"] != checksum(identity, content["record"]):
            raise ValueError("its checksum is wrong")
        return self.work.restore(task, content["record"])


def store_folder(given: Folder) -> Path:
    """Return the folder of a store, made if it does not exist; refuse what cannot be one."""
    try:
        folder = Path(given).absolute()
        folder.mkdir(parents=True, exist_ok=True)
    except TypeError:
        raise InvalidInputError(f"a store must be the path of a folder, got {given!r}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InvalidInputError(
            f"the store {given} cannot be made ({reason}); name another folder"
        ) from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InvalidInputError(f"the store {folder} cannot be written to; name another folder")
    return folder


def packed(array: NDArray[np.float64]) -> dict[str, Any]:
    """Return an array as JSON has it, every bit of it."""
    data = np.ascontiguousarray(array, dtype="<f8").tobytes()
    return {"shape": list(array.shape), "float64": base64.b64encode(data).decode()}


def unpacked(record: dict[str, Any]) -> NDArray[np.float64]:
    """Return the array of a record that `packed` made."""
    data = base64.b64decode(record["float64"], validate=True)
    return np.frombuffer(data, dtype="<f8").reshape(record["shape"]).astype(float)


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def checksum(identity: Any, record: Any) -> str:
    """Return what a file of this task and record carries."""
    return hashlib.sha256(_text([identity, record]).encode()).hexdigest()
