"""The command line: one file a command; here what must work before anything else is loaded.

Exit codes: 0 certified, 1 not certified (or the solver failed), 2 bad input, 130 interrupted, 141
where the reader of the output has gone.
"""

import sys
from collections.abc import Sequence

from .exit_codes import BROKEN_PIPE, INTERRUPTED, NOT_CERTIFIED
from .interruption import ending_at_once
from .streams import discard_output, prepare_streams


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    try:
        with ending_at_once():
            prepare_streams()
            from .commands import run_command

        try:
            return run_command(arguments)
        finally:
            sys.stdout.flush()  # of --help too, which ends by SystemExit
    except KeyboardInterrupt:
        print("screlax: interrupted; nothing was written", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        discard_output()
        return BROKEN_PIPE
    except OSError:  # said above, where it came from a command; all there is to write is --help
        discard_output()
        return NOT_CERTIFIED
