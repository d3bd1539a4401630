"""Standard output and error that take every character, whatever their encoding."""

import codecs
import contextlib
import io
import os
import sys

_ASCII = {
    **{"≤": "<=", "≥": ">=", "≈": "~", "×": "x", "·": "*", "−": "-", "–": "-", "→": "->"},
    **{"λ": "lambda", "ρ": "rho", "τ": "tau", "Σ": "sum", "√": "sqrt", "∞": "inf"},
    **{"‖": "|", "²": "^2", "…": "...", "’": "'", "“": '"', "”": '"'},
}
"""What stands for a character of the field's notation where the encoding has none for it."""

_HANDLER = "screlax-ascii"


def prepare_streams() -> None:
    """Let both streams write in ASCII what their encoding lacks, and be there where closed."""
    codecs.register_error(_HANDLER, _in_ascii)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # the caller closed the descriptor
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_HANDLER)


def discard_output() -> None:
    """Close standard output, whose reader has gone, so that nothing is written to it at the end."""
    with contextlib.suppress(OSError):
        sys.stdout.close()


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    shown = (_ASCII.get(c) or c.encode("ascii", "backslashreplace").decode() for c in missing)
    return "".join(shown), error.end
