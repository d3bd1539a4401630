"""`screlax sweep`: many problems from a TOML file, in parallel and resumable, to one table."""

import argparse
from pathlib import Path
from typing import Any

from ..errors import InvalidInputError
from ..io.shown import one_line, shortened
from ..io.tables import SUFFIXES, check_table_path, json_text, text_lines
from ..sweeps import SweepInterrupted, SweepTable, sweep
from ..sweeps.config import read_sweep, read_time_limit
from .output import say_written

_SHOWN = (
    "profile",
    "imbalance",
    "seed",
    "loss",
    "control",
    "parameter",
    "temperature",
    "status",
    "value",
)
_SHOWN_ROWS = 20

_LONGEST = 48
"""Columns of a terminal for a loss, whose numbers per class can be thousands."""

DESCRIPTION = (
    "Solve every combination of the values in a TOML file, certify each, and write one table. A "
    "point that fails or takes too long is a row that says so."
)

EXAMPLES = """examples:
  screlax sweep sweep.toml --jobs 2 --cache points --out sweep.csv
  screlax sweep sweep.toml --jobs -1 --out sweep.parquet
  screlax sweep sweep.toml --json

a sweep.toml:
  profiles = ["cifar10-lt", "cifar100-lt"]
  counts = { mine = "counts.csv" }           # files of class sizes, by name; one of both is enough
  imbalance = [10, 50, 100]
  loss = ["supcon", "supcon:views=2"]        # leave out for supcon
  batches = ["all", "shuffle:size=64"]       # samplers; "all" is the loss of all samples at once
  constraints = "constraints.json"           # linear ones of your own; leave out for none
  sphere = 1.0                      # also ridge, ball, budget; for loss = "cross-entropy"
                                    # weight_decay = [[1, 1], [0.1, 1]], layer_peeled, normalized
  temperature = { start = 0.05, stop = 1.0, points = 10 }
  seeds = [0, 1]                    # random draws of the class sizes; leave out for none
  time_limit = 600                  # seconds for each point; leave out for none

With --cache every finished point is kept at once: interrupt or kill the sweep at any moment and
run the same command again.
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Register the options."""
    add = parser.add_argument
    add("config", type=Path, metavar="CONFIG.toml", help="the grid, see below")
    add("--jobs", type=int, metavar="N", help="worker processes, -1 for all cores")
    add("--cache", type=Path, metavar="DIR", help="folder for finished points")
    add(
        "--time-limit",
        type=float,
        metavar="SECONDS",
        help="per point: one that takes longer is a row that says so, and the rest go on",
    )
    add("--out", type=Path, metavar="FILE", help="write the table as .csv or .parquet")
    add("--json", action="store_true", help="print JSON instead of a table")


def run(options: argparse.Namespace) -> bool:
    """Sweep, save, print; return whether every point is certified."""
    points, limit = read_sweep(options.config), options.time_limit
    limit = read_time_limit(options.config) if limit is None else limit
    check_table_path(options.out)
    try:
        if options.jobs == 0:
            raise InvalidInputError("--jobs must be a positive number, or -1 for all cores; got 0")
        table = sweep(
            points, n_jobs=options.jobs, cache=options.cache, progress=True, time_limit=limit
        )
    except SweepInterrupted as interruption:
        raise _with_partial_table(interruption, options) from None
    if options.out is not None:
        table.write(options.out)
    if options.json:
        print(json_text({"counts": table.counts, "columns": table.to_dict()}))
        return table.all_optimal
    print("\n".join(_lines(table)))
    say_written(options.out)
    return table.all_optimal


def _with_partial_table(
    interruption: SweepInterrupted, options: argparse.Namespace
) -> KeyboardInterrupt:
    """Save what there is where nothing else keeps it, and say so."""
    if options.cache is not None:
        return interruption
    done = str(interruption).partition(";")[0]
    if options.out is None or not interruption.table.rows:
        return KeyboardInterrupt(f"{done}; nothing was written (--cache keeps finished points)")
    partial = options.out.with_suffix(f".partial{options.out.suffix}")
    interruption.table.write(partial)
    return KeyboardInterrupt(f"{done}; those are in {partial} (--cache makes a sweep resumable)")


def _lines(table: SweepTable) -> list[str]:
    """Return the first rows, the errors, and how many rows have each status."""
    counts = ", ".join(f"{count} {status}" for status, count in sorted(table.counts.items()))
    rows = table.rows[:_SHOWN_ROWS]
    lines = text_lines(_SHOWN, ([_cell(row[name]) for name in _SHOWN] for row in rows))
    hidden = len(table.rows) - len(rows)
    if hidden:
        lines.append(f"… and {hidden:,} more rows ({' or '.join(SUFFIXES)} with --out have all)")
    said = ((row["status"], row["error"]) for row in table.rows if row["error"])
    lines += [f"{status}: {one_line(error)}" for status, error in dict.fromkeys(said)]
    return [*lines, f"{len(table.rows)} points: {counts}"]


def _cell(entry: Any) -> str:
    if entry is None:
        return "-"
    return f"{entry:.6g}" if isinstance(entry, float) else shortened(entry, _LONGEST)
