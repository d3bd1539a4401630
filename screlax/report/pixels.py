"""A matrix of colours as the bytes of a PNG, in the signed colours of the pictures."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from ..plots.colours import SIGNED, UNDEFINED

COLOURS = 255
"""Colours of the scale: the palette has one more, for what has no number."""


def png(pixels: NDArray[np.uint8]) -> bytes:
    """Return a PNG of numbers of colours, the last of them for nothing (W3C, PNG, 2003)."""
    height, width = pixels.shape
    rows = np.zeros((height, width + 1), dtype=np.uint8)  # filter type 0 before every row
    rows[:, 1:] = pixels
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    parts = {b"IHDR": header, b"PLTE": _palette(), b"IDAT": zlib.compress(rows.tobytes(), 9)}
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in [*parts.items(), (b"IEND", b"")]
    )


def _palette() -> bytes:
    """Return the colours of the pictures, evenly between those listed, and the grey of nothing."""
    listed = np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in SIGNED])
    at = np.linspace(0, len(SIGNED) - 1, COLOURS)
    columns = [np.interp(at, np.arange(len(SIGNED)), listed[:, one]) for one in range(3)]
    colours = np.rint(np.stack(columns, axis=1)).astype(np.uint8)
    return bytes(colours.tobytes()) + bytes.fromhex(UNDEFINED[1:])
