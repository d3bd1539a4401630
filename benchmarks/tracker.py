"""`GeometryTracker` against naive sums, batch by batch: time and digits, as Markdown.

    python benchmarks/tracker.py [--quick] [--classes 1000] [--features 2048] [--samples 20480]
                                 [--batch 256] [--epochs 5]

Naive sums are counts, sums of the rows of each class and Σ h hᵀ, which lose digits where a mean is
large; written as most do (`numpy.add.at`, `rows.T @ rows`), and with the fastest calls known to us
(a sparse product for the sums, BLAS's syrk in place). All take turns, epoch by epoch; processor
time of one thread, medians over epochs.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
import script
from scipy import sparse
from scipy.linalg import blas
from threadpoolctl import threadpool_limits

import screlax
from screlax.bench.provenance import provenance_line
from screlax.geometry import class_statistics, collapse_metrics

Batches = list[tuple[np.ndarray, np.ndarray]]


def make_batches(options, dtype) -> Batches:
    """Return random features, every class with some, in batches."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((options.classes, options.features))
    labels = np.concatenate(
        [
            np.arange(options.classes),
            rng.integers(0, options.classes, max(0, options.samples - options.classes)),
        ]
    )
    labels = rng.permutation(labels)
    rows = (centres[labels] + 0.5 * rng.standard_normal((len(labels), options.features))).astype(
        dtype
    )
    starts = range(0, len(labels), options.batch)
    return [(rows[i : i + options.batch], labels[i : i + options.batch]) for i in starts]


def plain_sums(batches: Batches, classes: int) -> None:
    """Add up as most scripts do."""
    features = batches[0][0].shape[1]
    counts, sums = np.zeros(classes), np.zeros((classes, features))
    second = np.zeros((features, features))
    for rows, labels in batches:
        counts += np.bincount(labels, minlength=classes)
        np.add.at(sums, labels, rows)
        second += rows.T @ rows


def fast_sums(batches: Batches, classes: int) -> None:
    """Add up by the fastest calls."""
    dtype, features = batches[0][0].dtype, batches[0][0].shape[1]
    counts, sums = np.zeros(classes), np.zeros((classes, features))
    second = np.zeros((features, features), dtype, order="F")
    syrk = blas.dsyrk if dtype == np.float64 else blas.ssyrk
    for rows, labels in batches:
        counts += np.bincount(labels, minlength=classes)
        ones, ends = np.ones(len(rows), dtype), np.arange(len(rows) + 1)
        sums += sparse.csc_array((ones, labels, ends), (classes, len(rows))) @ rows
        syrk(1.0, rows.T, beta=1.0, c=second, overwrite_c=1)


def seconds(call: Callable[[], object]) -> float:
    """Return processor time."""
    start = time.process_time()
    call()
    return time.process_time() - start


def measure(options, dtype) -> None:
    """Print the rows of one precision."""
    batches, classes = make_batches(options, dtype), options.classes
    tracker = screlax.GeometryTracker(classes=range(classes))

    def update() -> None:
        for rows, labels in batches:
            tracker.update(rows, labels)

    calls: dict[str, Callable[[], object]] = {
        "naive sums, `add.at`": lambda: plain_sums(batches, classes),
        "naive sums, fastest": lambda: fast_sums(batches, classes),
        "`tracker.update`": update,
        "`tracker.end_epoch`": tracker.end_epoch,
    }
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(options.epochs):
        for name, call in calls.items():
            times[name].append(seconds(call))
    whole = class_statistics(
        np.concatenate([rows for rows, _ in batches]).astype(float),
        np.concatenate([labels for _, labels in batches]),
    )
    expected = collapse_metrics(whole).columns()
    row = tracker.history[-1]
    worst = max(abs(row[name] / value - 1) for name, value in expected.items() if value)
    median = {name: statistics.median(taken) for name, taken in times.items()}
    for name in calls:
        each = median[name] / (1 if "epoch" in name else len(batches))
        ratio = median[name] / median["naive sums, fastest"]
        shown = "" if "epoch" in name else f"{ratio:.2f}"
        digits = f"{worst:.1e}" if "epoch" in name else ""
        print(f"| {name} | {np.dtype(dtype)} | {1e3 * each:.1f} | {shown} | {digits} |")


def main() -> None:
    parser = script.make_parser(__doc__)
    parser.add_argument("--classes", type=int, default=1000)
    parser.add_argument("--features", type=int, default=2048)
    parser.add_argument("--samples", type=int, default=20_480)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--epochs", type=int, default=5)
    options = script.parse(parser, classes=10, features=32, samples=200, batch=16, epochs=2)
    print(f"_{provenance_line()}_\n")
    print("| | precision | ms, of a batch or an epoch's end | of the fastest sums | error |")
    print("|---|---|---|---|---|")
    with threadpool_limits(1):
        for dtype in (np.float64, np.float32):
            measure(options, dtype)


if __name__ == "__main__":
    main()
