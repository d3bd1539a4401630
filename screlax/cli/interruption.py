"""Interruption (Ctrl-C) before a command has begun."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from typing import NoReturn

from .exit_codes import INTERRUPTED


@contextlib.contextmanager
def ending_at_once() -> Iterator[None]:
    """End the process on an interruption while nothing has begun that would have to be undone.

    A KeyboardInterrupt would not do: compiled modules that are being loaded turn it into errors of
    their own. A handler that the caller chose is left alone.
    """
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    ):
        yield
        return
    signal.signal(signal.SIGINT, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _end(*_: object) -> NoReturn:
    os.write(2, b"screlax: interrupted; nothing was written\n")
    os._exit(INTERRUPTED)
