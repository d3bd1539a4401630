"""A sign of life on standard error for whatever takes longer than a moment."""

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator

from ..io.shown import one_line

_FIRST_SIGN = 1.5

_silent = False
"""Whether there are no signs of life at all."""


@contextlib.contextmanager
def silence(wanted: bool) -> Iterator[None]:
    """Give no signs of life meanwhile, if that is wanted."""
    global _silent
    before, _silent = _silent, _silent or wanted
    try:
        yield
    finally:
        _silent = before


def is_silent() -> bool:
    """Whether signs of life are not wanted."""
    return _silent


@contextlib.contextmanager
def progress(what: str | Callable[[], str]) -> Iterator[None]:
    """Show `what` and the seconds elapsed: a live line on a terminal, a line now and then else.

    A callable is asked again each time.
    """
    if _silent:
        yield
        return
    finished = threading.Event()
    reporter = threading.Thread(target=_report, args=(what, finished), daemon=True)
    reporter.start()
    try:
        yield
    finally:
        finished.set()
        reporter.join()


def _report(what: str | Callable[[], str], finished: threading.Event) -> None:
    start, pause = time.monotonic(), _FIRST_SIGN
    live, shown = sys.stderr.isatty(), False
    while not finished.wait(pause):
        said = one_line(what if isinstance(what, str) else what())
        message = f"{said} … {time.monotonic() - start:.0f} s"
        shorter = "\033[K"  # than the message before, perhaps
        print(f"\r{message}{shorter}" if live else f"{message}\n", end="", file=sys.stderr)
        sys.stderr.flush()
        pause = 1.0 if live else min(2 * pause, 60.0)
        shown = True
    if live and shown:
        print("\r\033[K", end="", file=sys.stderr, flush=True)
