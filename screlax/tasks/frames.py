"""Messages between two processes over pipes: a length, then so many bytes."""

import struct
from typing import Any

_LENGTH = struct.Struct("<Q")


def send(pipe: Any, message: bytes) -> None:
    """Write a message."""
    pipe.write(_LENGTH.pack(len(message)))
    pipe.write(message)
    pipe.flush()


def receive(pipe: Any) -> bytes | None:
    """Return the next message; None where the other side has ended, also in the middle of one."""
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    size = _LENGTH.unpack(head)[0]
    body: bytes = pipe.read(size)
    return body if len(body) == size else None
