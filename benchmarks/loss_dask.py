"""The loss over .npy shards on Dask: time, memory of a worker, and what a million rows would take.

    python benchmarks/loss_dask.py [--quick] [--rows 20000 100000] [--workers 2]

Unit rows, d = 128, single precision, 1000 classes. Workers are processes of one thread each on
this machine. The time grows with n², so that of a million is extrapolated from the largest n, and
the exponent measured between the two largest n is printed with it. Memory is the largest resident
set of a worker during the call less that before it; the array itself would be 4nd bytes.
"""

from __future__ import annotations

import math
import os
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import script

from screlax import supcon_loss, supcon_loss_chunked
from screlax.bench.provenance import provenance_line

FEATURES, CLASSES, SHARD, LARGEST_REFERENCE = 128, 1000, 16_384, 20_000


def shards(folder: Path, rows: int) -> tuple[list[Path], np.ndarray]:
    rng = np.random.default_rng(0)
    paths = []
    for number, first in enumerate(range(0, rows, SHARD)):
        block = rng.standard_normal((min(SHARD, rows - first), FEATURES), dtype=np.float32)
        block /= np.linalg.norm(block, axis=1, keepdims=True)
        paths.append(folder / f"{rows}-{number}.npy")
        np.save(paths[-1], block)
    return paths, rng.integers(0, CLASSES, rows)


class Memory:
    """The largest resident set of some processes while it is entered."""

    def __init__(self, pids: list[int]) -> None:
        self.pids, self.stop = pids, threading.Event()

    def __enter__(self) -> Memory:
        self.before = self.peak = self._resident()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join()

    def _watch(self) -> None:
        while not self.stop.wait(0.05):
            self.peak = max(self.peak, self._resident())

    def _resident(self) -> int:
        files = (Path(f"/proc/{pid}/statm") for pid in self.pids)
        pages = (int(file.read_text().split()[1]) for file in files if file.exists())
        return max(pages, default=0) * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    parser = script.make_parser(__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[20_000, 50_000, 100_000])
    parser.add_argument("--workers", type=int, default=2)
    options = script.parse(parser, rows=[1000, 2000], workers=1)
    script.require("distributed")
    from distributed import Client, LocalCluster

    measured: list[tuple[int, float]] = []
    print("| rows | seconds | worker memory, MB | array, MB | relative difference |")
    print("|---|---|---|---|---|")
    cluster = LocalCluster(
        n_workers=options.workers,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address=None,
    )
    with tempfile.TemporaryDirectory() as folder, cluster, Client(cluster) as client:
        client.run(lambda: __import__("screlax") and None)
        for rows in options.rows:
            paths, labels = shards(Path(folder), rows)
            with Memory(list(client.run(os.getpid).values())) as memory:
                start = time.perf_counter()
                loss = float(supcon_loss_chunked(paths, labels))
                seconds = time.perf_counter() - start
            measured.append((rows, seconds))
            difference = "–"
            if rows <= LARGEST_REFERENCE:
                whole = np.concatenate([np.load(path) for path in paths])
                expected = float(supcon_loss(whole, labels))
                difference = f"{abs(loss - expected) / expected:.1e}"
            print(f"| {rows:,} | {seconds:.1f} | {(memory.peak - memory.before) / 1e6:.0f} "
                  f"| {4e-6 * rows * FEATURES:.0f} | {difference} |", flush=True)  # fmt: skip
    rows, seconds = measured[-1]
    print(f"\nextrapolated with n² to a million rows: {seconds * (1e6 / rows) ** 2 / 60:.0f} min")
    if len(measured) > 1:
        (fewer, less), (more, most) = measured[-2:]
        print(
            f"exponent between the last two: {math.log(most / less) / math.log(more / fewer):.2f}"
        )
    print(f"{os.getloadavg()[0]:.1f} load; {provenance_line()}")


if __name__ == "__main__":
    main()
