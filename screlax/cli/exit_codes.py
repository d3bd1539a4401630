"""Exit codes of every command."""

CERTIFIED = 0
NOT_CERTIFIED = 1
"""Also: the solver failed, or a file could not be written."""

BAD_INPUT = 2
INTERRUPTED = 130
BROKEN_PIPE = 141
"""Whoever read the output has gone, as with `head`: what a shell says of its own tools then."""
