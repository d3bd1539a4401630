"""The process behind `limited`: does what comes on standard input, one call at a time."""

import os
import pickle
import signal
import sys
import threading

from .frames import receive, send
from .orphans import end_with
from .worker import single_threaded

_IDLE = 5.0
"""Seconds without a call after which it ends."""


def main() -> None:
    """Serve the process whose number is the argument."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a solver prints is no reply
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the other side is interrupted, and kills
    end_with(int(sys.argv[1]))
    while True:
        idle = threading.Timer(_IDLE, os._exit, [0])
        idle.daemon = True
        idle.start()
        call = receive(sys.stdin.buffer)
        idle.cancel()
        if call is None:
            return
        function, given = pickle.loads(call)  # imports all that it needs: seconds, perhaps
        send(replies, b"started")
        with single_threaded():
            found = function(given)
        send(replies, pickle.dumps(found))
