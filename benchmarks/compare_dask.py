"""Embeddings in shards on two Dask workers: statistics, a comparison, the gradient, and a kill.

    python benchmarks/compare_dask.py [--quick] [--rows 1000000] [--gradient 100000] [--blocks 64]
        [--scheduler tcp://HOST:PORT]

Unit rows about 1000 class means, d = 128, single precision, .npy shards of 16,384 rows; the optimum
is that of their class counts, and its prototypes are the classifier. Workers are processes of one
thread each on this machine, or those of the scheduler that is named, of which none is killed.
Seconds are by the clock; core seconds, of all workers together, say more where others use the
machine. Memory is the largest resident set of a worker during the call less that before it. "off"
is the largest relative difference from the call that holds all rows: of scatter; of Gram distances,
agreement, accuracy and objective; of loss and gradient. "one worker killed" is a comparison in the
middle of whose first pass one worker is killed, set against that before it.

A gradient of n rows takes the products of all pairs. Of `--rows` one block meets `--blocks` others
in both passes (sums of exponentials, then products), with memory as in the whole; the rest is
arithmetic: so many pairs times core seconds of a pair.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import script
from loss_dask import SHARD, Memory

import screlax
from screlax.bench.provenance import provenance_line
from screlax.geometry import class_statistics, class_statistics_chunked
from screlax.losses import SupCon
from screlax.samples.census import Census
from screlax.samples.chunked_problem import ChunkedProblem, cut, dask_module
from screlax.samples.layout import encode
from screlax.samples.loss_terms import LossTerms
from screlax.samples.options import Options
from screlax.samples.sources import open_source

FEATURES, TAU = 128, 0.1
LARGEST_HELD = 1_000_000


def shards(folder: Path, rows: int) -> tuple[list[Path], np.ndarray]:
    """Write rows about class means; every class has some."""
    rng, classes = np.random.default_rng(0), min(1000, rows // 30)
    means = rng.standard_normal((classes, FEATURES), dtype=np.float32)
    labels = rng.permutation(np.minimum(rng.geometric(4 / classes, rows) - 1, classes - 1))
    labels[:classes] = np.arange(classes)
    paths = []
    for number, first in enumerate(range(0, rows, SHARD)):
        part = labels[first : first + SHARD]
        block = means[part] + rng.standard_normal((len(part), FEATURES), dtype=np.float32)
        paths.append(folder / f"{rows}-{number:03}.npy")
        np.save(paths[-1], block / np.linalg.norm(block, axis=1, keepdims=True))
    return paths, labels


class Measured:
    """Seconds, core seconds and memory of workers while it is entered."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def __enter__(self) -> Measured:
        self.memory = Memory(list(self.client.run(os.getpid).values()))
        self.cores = self._cores()
        self.memory.__enter__()
        self.start = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self.start
        self.memory.__exit__()
        before, now = self.cores, self._cores()
        # of a worker that was killed nobody knows
        known = before.keys() == now.keys()
        self.spent = sum(now.values()) - sum(before.values()) if known else math.nan
        self.megabytes = (self.memory.peak - self.memory.before) / 1e6

    def _cores(self) -> dict[int, float]:
        return dict(self.client.run(lambda: (os.getpid(), time.process_time())).values())

    def row(self, what: str, rows: int, off: str) -> None:
        """Print a row."""
        spent = "–" if math.isnan(self.spent) else f"{self.spent:.1f}"
        print(f"| {what} | {rows:,} | {self.seconds:.1f} | {spent} | {self.megabytes:.0f} "
              f"| {4e-6 * rows * FEATURES:.0f} | {off} |", flush=True)  # fmt: skip


def apart(found: Any, expected: Any) -> float:
    """Return the largest relative difference of what two comparisons say."""
    numbers = [
        (one.gram_distance, one.sample_gram_distance, one.residual, one.nearest_mean_agreement,
         one.classifier.accuracy, one.loss.value, one.loss.gap)
        for one in (found, expected)
    ]  # fmt: skip
    return float(np.abs(np.divide(*map(np.array, numbers)) - 1).max())


@contextlib.contextmanager
def killer(client: Any, after: float) -> Iterator[None]:
    """Kill one worker after so many seconds."""
    victim = next(iter(client.run(os.getpid).values()))
    timer = threading.Timer(after, os.kill, (victim, signal.SIGKILL))
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
    alive = set(client.run(os.getpid).values())
    if victim in alive:
        raise SystemExit("the worker was not killed in time: give more rows")


def compare(client: Any, folder: Path, rows: int, *, kill: bool) -> None:
    """Print the rows of statistics and of a comparison."""
    paths, labels = shards(folder, rows)
    sizes = np.bincount(labels)
    solution = screlax.solve_relaxation(sizes, screlax.Sphere(1.0), temperature=TAU)
    classifier = solution.prototypes(FEATURES, truncate=solution.rank > FEATURES)
    options: dict[str, Any] = {"search": False, "classifier": classifier}
    held = rows <= LARGEST_HELD
    with Measured(client) as measured:
        found = class_statistics_chunked(paths, labels)
    whole = np.concatenate([np.load(path) for path in paths]) if held else None
    off = "–"
    if whole is not None:
        scatter: Any = class_statistics(whole, labels).within
        off = f"{np.abs(found.within - scatter).max() / np.abs(scatter).max():.1e}"
    measured.row("statistics", rows, off)
    first_pass = measured.seconds
    with Measured(client) as measured:
        result = screlax.compare(paths, labels, solution, **options)
    off = "–"
    if whole is not None:
        start = time.process_time()
        expected = screlax.compare(whole, labels, solution, **options)
        print(f"<!-- in memory: {time.process_time() - start:.1f} core seconds -->")
        off = f"{apart(result, expected):.1e}"
    measured.row("compare", rows, off)
    if kill:
        with Measured(client) as again, killer(client, first_pass / 2):
            other = screlax.compare(paths, labels, solution, **options)
        client.wait_for_workers(2)
        again.row("compare, one worker killed", rows, f"{apart(other, result):.1e}")


def gradient(client: Any, folder: Path, rows: int) -> None:
    """Print the row of a gradient that is computed wholly."""
    paths, labels = shards(folder, rows)
    out = np.lib.format.open_memmap(
        folder / "gradient.npy", mode="w+", shape=(rows, FEATURES), dtype=np.float32
    )
    with Measured(client) as measured:
        found = screlax.contrastive_loss_chunked_and_grad(paths, labels, out=out, temperature=TAU)
    whole = np.concatenate([np.load(path) for path in paths])
    loss, expected = screlax.supcon_loss_and_grad(whole, labels, temperature=TAU)
    off = np.abs(out - expected).max() / np.abs(expected).max()
    measured.row("loss and gradient", rows, f"{max(abs(found.loss / loss - 1), off):.1e}")


def blocks(client: Any, folder: Path, rows: int, count: int) -> None:
    """Print what one block of so many rows takes with others, and what all would."""
    paths, labels = shards(folder, rows)
    source, dask = open_source(paths), dask_module()
    codes, options = encode(labels, ((rows,),)), Options(TAU, None, "mean", "anchors", False)
    parts = cut(source, None)
    census = Census.of_codes(codes, LossTerms(SupCon()))
    problem = ChunkedProblem(source, codes.codes, census, None, options, parts, dask)
    kernel, mine = problem.kernel(1.0), problem.block(parts[0])
    others, size = parts[-count:], parts[0].stop
    sums, products = problem.task(kernel.log_sums, 2), problem.task(kernel.products)
    known = {part.start: (np.ones(part.stop - part.start), np.full(part.stop - part.start, 14.0))
             for part in parts}  # fmt: skip
    spent = []
    for what in ("sums of exponentials", "products"):
        with Measured(client) as measured:
            if what == "products":
                done = [products(mine, problem.block(o), known[0], known[o.start]) for o in others]
            else:
                done = [part for o in others for part in sums(mine, problem.block(o))]
            for first in range(0, len(done), 16):  # as waves do
                dask.compute(*done[first : first + 16])
        measured.row(f"a block of {size:,} rows with {len(others)} others, {what}", rows, "–")
        spent.append(measured.spent / len(others))
    total = len(parts) ** 2 * (spent[0] / 2 + spent[1]) / 3600
    print(f"\nall {len(parts)}² pairs of {rows:,} rows by arithmetic: {total:.1f} core hours")


def main() -> None:
    """Print the table."""
    parser = script.make_parser(__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--gradient", type=int, default=100_000)
    parser.add_argument("--blocks", type=int, default=64)
    parser.add_argument("--scheduler", metavar="ADDRESS")
    options = script.parse(parser, rows=3000, gradient=1000, blocks=1)
    script.require("distributed")
    from distributed import Client, LocalCluster

    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        where = options.scheduler
        if where is None:
            where = stack.enter_context(
                LocalCluster(
                    n_workers=2,
                    threads_per_worker=1,
                    processes=True,
                    host="127.0.0.1",
                    dashboard_address=":0",
                    silence_logs=50,
                )
            )
        client = stack.enter_context(Client(where))
        client.run(lambda: __import__("screlax.geometry") and None)
        print("| what | rows | seconds | core seconds | worker memory, MB | array, MB | off |")
        print("|---|---|---|---|---|---|---|")
        compare(client, folder, options.rows, kill=options.scheduler is None)
        gradient(client, folder, options.gradient)
        blocks(client, folder, options.rows, options.blocks)
    print(f"{os.getloadavg()[0]:.1f} load; {provenance_line()}")


if __name__ == "__main__":
    main()
