"""Cone programs as files: text in the Conic Benchmark Format, and arrays."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .cone_program import ConeProgram

_Cones = dict[str, int | list[int]]

_Place = tuple[int, ...]
"""Where a row of SCS goes: (row,) among the scalar ones, or (block, row, column)."""


def npz_bytes(program: ConeProgram) -> bytes:
    """Return the arrays of a program as an .npz file, A as scipy stores it."""
    sink, matrix = io.BytesIO(), program.A
    np.savez_compressed(
        sink,
        format=np.array(b"csc"),
        shape=np.array(matrix.shape),
        data=matrix.data,
        indices=matrix.indices,
        indptr=matrix.indptr,
        b=program.b,
        c=program.c,
        offset=np.array(program.offset),
        cones=np.array(json.dumps(program.cones)),
        gram_entries=program.gram_entries,
        spread_entries=program.spread_entries,
    )
    return sink.getvalue()


def cbf_text(program: ConeProgram) -> str:
    """Return a program in the Conic Benchmark Format, version 3.

    Rows are those of s = b − A x. The format has (w, v, u) for an exponential cone
    w ≥ v exp(u/v), and the lower triangle of a semidefinite block as it is.
    """
    cost = program.c.tolist()
    lines = [
        "# screlax: minimise over x; the rows of CON and PSDCON are b - A x",
        *("VER", "3", "", "OBJSENSE", "MIN", ""),
        *("VAR", f"{len(cost)} 1", f"F {len(cost)}", ""),
        *_block("PSDCON", map(str, _orders(program.cones, "s"))),
        *_cones(program.cones),
        *_block("OBJACOORD", (f"{j} {number!r}" for j, number in enumerate(cost) if number)),
        *("OBJBCOORD", repr(program.offset), ""),
        *_coefficients(program),
    ]
    return "\n".join(lines) + "\n"


def _orders(cones: _Cones, name: str) -> list[int]:
    """Return the orders of a kind of cone; of one that is only counted, its number."""
    found = cones.get(name, [])
    return found if isinstance(found, list) else [found]


def _block(name: str, entries: Iterable[str]) -> list[str]:
    """Return a keyword, the number of its lines, and those; nothing where there are none."""
    lines = list(entries)
    return [name, str(len(lines)), *lines, ""] if lines else []


def _cones(cones: _Cones) -> list[str]:
    """Return the cones of all rows that are in no semidefinite block."""
    sizes = [("L=", size) for size in _orders(cones, "z")]
    sizes += [("L+", size) for size in _orders(cones, "l")]
    sizes += [("Q", size) for size in _orders(cones, "q")]
    sizes += [("EXP", 3)] * sum(_orders(cones, "ep"))
    total = sum(size for _, size in sizes)
    return ["CON", f"{total} {len(sizes)}", *(f"{name} {size}" for name, size in sizes), ""]


def _places(cones: _Cones) -> list[_Place]:
    """Return where every row of SCS goes, in its order."""
    first = sum(sum(_orders(cones, name)) for name in ("z", "l", "q"))
    places: list[_Place] = [(row,) for row in range(first)]
    for block, order in enumerate(_orders(cones, "s")):
        column, row = np.triu_indices(order)
        places += [(block, *entry) for entry in zip(row.tolist(), column.tolist(), strict=True)]
    for start in range(first, first + 3 * sum(_orders(cones, "ep")), 3):
        places += [(start + 2,), (start + 1,), (start,)]
    return places


def _coefficients(program: ConeProgram) -> list[str]:
    """Return the coefficients and constants of scalar rows and of semidefinite blocks."""
    places, matrix = _places(program.cones), program.A.tocoo()
    rows, columns = (part.tolist() for part in matrix.coords)
    entries = [
        (places[row], column, -number)
        for row, column, number in zip(rows, columns, matrix.data.tolist(), strict=True)
    ]
    constants = [
        (place, number) for place, number in zip(places, program.b.tolist(), strict=True) if number
    ]
    scalar = [f"{place[0]} {j} {number!r}" for place, j, number in entries if len(place) == 1]
    blocks = [
        f"{place[0]} {j} {place[1]} {place[2]} {_unscaled(place, number)!r}"
        for place, j, number in entries
        if len(place) > 1
    ]
    return [
        *_block("ACOORD", scalar),
        *_block("BCOORD", (f"{p[0]} {number!r}" for p, number in constants if len(p) == 1)),
        *_block("HCOORD", blocks),
        *_block(
            "DCOORD",
            (f"{p[0]} {p[1]} {p[2]} {_unscaled(p, n)!r}" for p, n in constants if len(p) > 1),
        ),
    ]


def _unscaled(place: _Place, number: float) -> float:
    """Return an entry of a semidefinite block: SCS scales those off the diagonal by √2."""
    return number if place[1] == place[2] else number / math.sqrt(2)
