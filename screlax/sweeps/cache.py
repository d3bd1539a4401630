"""Finished points on disk, one small file each, so that no interruption loses any of them.

A file appears under its name only when it is complete (written beside it, then renamed): a process
may be killed at any moment. It carries the point and a checksum; what does not fit both is not
believed. Failures are not kept, so that they are tried again.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import time
import warnings
from pathlib import Path
from typing import Any

from ..errors import InvalidInputError
from .evaluate import FAILED, Result
from .point import SweepPoint

_FORMAT = "screlax-sweep-1"
_PARTIAL = ".partial"
_ABANDONED = 3600.0
"""Seconds after which a half-written file must belong to a process that was killed."""


class CacheWarning(UserWarning):
    """A file of the cache is damaged; its point is solved again."""


class SweepCache:
    """A folder of finished points.

    Parameters
    ----------
    folder : str or Path
        Made if it does not exist. Several sweeps, also at the same time, may share it.

    Raises
    ------
    InvalidInputError
        If it is no folder, or cannot be made or written to.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder).absolute()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InvalidInputError(
                f"cache folder {self.folder} cannot be made: {error.strerror}; name another"
            ) from None
        if not os.access(self.folder, os.W_OK | os.X_OK):
            raise InvalidInputError(
                f"cache folder {self.folder} cannot be written to; name another"
            )

    def path(self, point: SweepPoint) -> Path:
        """Return where the result of a point is kept."""
        key = point.key()
        return self.folder / key[:2] / f"{key}.json"

    def load(self, point: SweepPoint) -> Result | None:
        """Return the result of a point, or None; a damaged file is None with a `CacheWarning`."""
        path = self.path(point)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            _warn_of_damage(path, error.strerror or str(error))
            return None
        try:
            return _result(data, point)
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            _warn_of_damage(path, str(error))
            return None

    def save(self, point: SweepPoint, result: Result) -> None:
        """Keep the result of a point, unless it failed."""
        if result["status"] == FAILED:
            return
        canonical = point.canonical()
        content = {
            "format": _FORMAT,
            "point": canonical,
            "result": result,
            "checksum": _checksum(canonical, result),
        }
        path = self.path(point)
        path.parent.mkdir(exist_ok=True)
        temporary = path.with_name(f".{secrets.token_hex(8)}{_PARTIAL}")
        # no fsync: what a failure of the machine leaves empty does not pass for a result
        try:
            temporary.write_text(json.dumps(content), encoding="utf-8")
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise

    def remove_abandoned(self) -> None:
        """Delete the half-written files that killed processes left behind."""
        now = time.time()
        for leftover in self.folder.glob(f"??/.*{_PARTIAL}"):
            try:
                if now - leftover.stat().st_mtime > _ABANDONED:
                    leftover.unlink()
            except FileNotFoundError:  # another sweep was faster
                continue


def _checksum(point: Any, result: Any) -> str:
    return hashlib.sha256(json.dumps([point, result], sort_keys=True).encode()).hexdigest()


def _result(data: bytes, point: SweepPoint) -> Result:
    """Return what a file says of a point, or raise one of many errors."""
    content = json.loads(data)
    if content["format"] != _FORMAT or content["point"] != point.canonical():
        raise ValueError("it belongs to another point")
    if content["checksum"] != _checksum(content["point"], content["result"]):
        raise ValueError("its checksum is wrong")
    return dict(content["result"])


def _warn_of_damage(path: Path, reason: str) -> None:
    warnings.warn(
        f"{path} is damaged ({reason}); its point is solved again", CacheWarning, stacklevel=4
    )
