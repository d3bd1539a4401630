"""The loss of embeddings in a memory-mapped file: memory must stay flat as n grows.

    python benchmarks/loss_streaming.py [--quick] [--sizes 50000 100000 200000] [--threads 2]

Anonymous memory is what the computation itself holds; pages of the file that the system keeps in
its cache can be dropped at any time and are not counted.
"""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import script

from screlax.bench.provenance import provenance_line
from screlax.samples import supcon_loss

FEATURES, CLASSES = 128, 100


def anonymous_megabytes() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no RssAnon in /proc/self/status; this needs Linux")


def write_unit_vectors(path: Path, count: int) -> np.memmap:
    rng = np.random.default_rng(0)
    shape = (count, FEATURES)
    file = np.memmap(path, dtype=np.float32, mode="w+", shape=shape)
    for first in range(0, count, 4096):
        block = rng.standard_normal((min(4096, count - first), FEATURES), dtype=np.float32)
        file[first : first + 4096] = block / np.linalg.norm(block, axis=1, keepdims=True)
    file.flush()
    return np.memmap(path, dtype=np.float32, mode="r", shape=shape)


def measure(path: Path, count: int, threads: int) -> str:
    embeddings = write_unit_vectors(path, count)
    labels = np.random.default_rng(1).integers(0, CLASSES, count)
    before = peak = anonymous_megabytes()
    done = threading.Event()

    def watch():
        nonlocal peak
        while not done.wait(0.05):
            peak = max(peak, anonymous_megabytes())

    watcher = threading.Thread(target=watch)
    watcher.start()
    start = time.perf_counter()
    loss = supcon_loss(embeddings, labels, n_jobs=threads)
    seconds = time.perf_counter() - start
    done.set()
    watcher.join()
    size = embeddings.nbytes / 1e6
    return f"| {count:,} | {size:.0f} | {seconds:.1f} | {peak - before:.0f} | {loss:.6f} |"


def main() -> None:
    parser = script.make_parser(__doc__)
    parser.add_argument("--sizes", type=int, nargs="*", default=[50_000, 100_000, 200_000])
    parser.add_argument("--threads", type=int, default=2)
    options = script.parse(parser, sizes=[2000])
    print(f"_{provenance_line()}; {options.threads} threads_\n")
    print("| n | file MB | seconds, forward | extra memory MB | loss |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for count in options.sizes:
            print(measure(Path(folder) / "embeddings", count, options.threads), flush=True)


if __name__ == "__main__":
    main()
