"""`compare` on a million embeddings in a memory-mapped file: time and memory, as Markdown.

    python benchmarks/compare.py [--quick] [--samples 1000000] [--features 128] [--classes 100]
                                 [--repeats 3]

The yardstick is reading the file once and adding up every class by its mean, which any comparison
must do. Calls take turns; times are medians. Memory is the peak resident set of a fresh process
less that before the call, less the pages of the mapped file, which the system may drop any time.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import script
from scipy import sparse

import screlax
from screlax.bench.provenance import provenance_line

BLOCK = 16384


def write_problem(folder: Path, samples: int, features: int, classes: int) -> None:
    """Write noisy class means, shuffled, and their labels, and the solution for their counts."""
    rng = np.random.default_rng(0)
    sizes = np.maximum(2, samples * np.linspace(1.9, 0.1, classes) / classes).astype(int)
    sizes[0] += samples - sizes.sum()
    labels = rng.permutation(np.repeat(np.arange(classes), sizes))
    solution = screlax.solve_relaxation(sizes, control=screlax.Sphere(1.0), temperature=0.1)
    solution.save(folder / "solution.npz")
    means = solution.embeddings(features).vectors.astype(np.float32)
    out = np.lib.format.open_memmap(
        folder / "embeddings.npy", "w+", np.float32, (samples, features)
    )
    for first in range(0, samples, BLOCK):
        part = slice(first, min(first + BLOCK, samples))
        noise = rng.standard_normal((part.stop - part.start, features), dtype=np.float32)
        out[part] = means[labels[part]] + 0.05 * noise
    out.flush()
    np.save(folder / "labels.npy", labels)


def read_and_add(folder: Path, classes: int) -> np.ndarray:
    """Read the file and return the class sums."""
    embeddings = np.load(folder / "embeddings.npy", mmap_mode="r")
    labels = np.load(folder / "labels.npy")
    sums = np.zeros((classes, embeddings.shape[1]))
    for first in range(0, len(labels), BLOCK):
        rows, codes = embeddings[first : first + BLOCK], labels[first : first + BLOCK]
        indicator = sparse.csc_array(
            (np.ones(len(codes)), codes, np.arange(len(codes) + 1)), (classes, len(codes))
        )
        sums += indicator @ rows
    return sums


def drop_from_cache(path: Path) -> None:
    """Ask the system to forget the pages of a file."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def run_compare(folder: Path, loss: str, agreement: bool) -> screlax.Comparison:
    solution = screlax.Solution.load(folder / "solution.npz")
    return screlax.compare(
        folder / "embeddings.npy",
        folder / "labels.npy",
        solution,
        loss=loss,
        agreement=agreement,
    )


_MEMORY = """
import sys, threading
from pathlib import Path
import compare

def anonymous():
    with open("/proc/self/status") as lines:
        return next(int(l.split()[1]) for l in lines if l.startswith("RssAnon")) / 1024

peak, done = [0.0], threading.Event()
def watch():
    while not done.wait(0.002):
        peak[0] = max(peak[0], anonymous())
before = anonymous()
threading.Thread(target=watch).start()
compare.run_compare(Path(sys.argv[1]), "class-means", True)
done.set()
print(peak[0] - before)
"""


def main() -> None:
    parser = script.make_parser(__doc__)
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--features", type=int, default=128)
    parser.add_argument("--classes", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=3)
    options = script.parse(parser, samples=20_000, features=16, classes=10, repeats=1)
    shape = f"n = {options.samples:,}, d = {options.features}, {options.classes} classes"
    print(f"_{provenance_line()}; {shape}_\n")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_problem(folder, options.samples, options.features, options.classes)
        competitors: dict[str, Callable[[], object]] = {
            "reading the file and class sums": lambda: read_and_add(folder, options.classes),
            "compare, without agreement": lambda: run_compare(folder, "class-means", False),
            "compare": lambda: run_compare(folder, "class-means", True),
        }
        print("| what | file | seconds | ratio |")
        print("|---|---|---|---|")
        for cold in (True, False):
            times: dict[str, list[float]] = {label: [] for label in competitors}
            for _ in range(options.repeats):
                for label, call in competitors.items():
                    if cold:
                        drop_from_cache(folder / "embeddings.npy")
                    start = time.perf_counter()
                    call()
                    times[label].append(time.perf_counter() - start)
            yardstick = statistics.median(times["reading the file and class sums"])
            for label, taken in times.items():
                median = statistics.median(taken)
                state = "on disk" if cold else "in the page cache"
                print(f"| {label} | {state} | {median:.2f} | {median / yardstick:.2f} |")
        memory = float(script.fresh(_MEMORY, name))
        print(f"\nExtra memory of `compare`, fresh process: {memory:.0f} MB")


if __name__ == "__main__":
    main()
