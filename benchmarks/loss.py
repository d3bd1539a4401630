"""The loss against its torch peers in one interleaved run, as Markdown tables.

    python benchmarks/loss.py [--quick] [--sizes 256 1024 4096 8192] [--threads 1 2] [--repeats 7]

Times are medians of calls that take turns, so that a busy machine is busy for all; ratios are what
to read. The floor is half of one matrix product H Hᵀ and the exponentials of half of its entries,
plus one whole product with the gradient, on one thread; on t threads it is divided by t.
Memory is the peak resident set during a call less the resident set before it, in fresh processes.
Needs torch and pytorch-metric-learning, which screlax itself never imports.
"""

from __future__ import annotations

import statistics
import time
from importlib import metadata

import numpy as np
import script
from threadpoolctl import threadpool_limits

from screlax.bench.provenance import provenance_line
from screlax.samples import supcon_loss, supcon_loss_and_grad

FEATURES, CLASSES, TEMPERATURE = 128, 100, 0.1
PEERS = ("SupContrastStyle", "MetricLearning", "LeanTorch")
TITLES = {
    "SupContrastStyle": "SupContrast-style",
    "MetricLearning": "metric-learning",
    "LeanTorch": "lean torch",
    "BatchedTorch": "batched torch",
    "ScrelaxTorch": "screlax.torch",
}
"""What tables call them."""

BATCH = (256, 64, 32)
TURN = 0.02


class Screlax:
    """Our own, with the interface of the peers."""

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs

    def prepare(self, embeddings, labels):
        """Take what every call needs; not timed."""
        self.embeddings, self.labels = embeddings, labels

    def forward(self) -> float:
        """Return the loss."""
        return float(np.mean(supcon_loss(self.embeddings, self.labels, n_jobs=self.jobs)))

    def both(self):
        """Return the loss and the gradient."""
        loss, gradient = supcon_loss_and_grad(self.embeddings, self.labels, n_jobs=self.jobs)
        if np.size(loss) > 1:  # of a batch the peers return the mean
            return float(np.mean(loss)), gradient / np.float32(np.size(loss))
        return loss, gradient


class Floor:
    """What the arithmetic alone costs, on one thread and divided by the threads."""

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs

    def prepare(self, embeddings, labels):
        """Take what every call needs; not timed."""
        self.left, self.right = embeddings, embeddings.copy()
        self.gram = np.empty((*embeddings.shape[:-1], embeddings.shape[-2]), np.float32)
        self.block = np.zeros(1 << 16, np.float32)
        self.product = np.empty_like(embeddings)

    def seconds(self, gradient: bool) -> float:
        """Return the seconds of one measurement."""
        with threadpool_limits(1, user_api="blas"):
            start = time.perf_counter()
            np.matmul(self.left, np.swapaxes(self.right, -1, -2), out=self.gram)
            half = (time.perf_counter() - start) / 2
            if gradient:
                start = time.perf_counter()
                np.matmul(self.gram, self.right, out=self.product)
                half += time.perf_counter() - start
        start = time.perf_counter()
        for _ in range(max(1, self.gram.size // 2 // self.block.size)):
            np.exp2(self.block, out=self.block)
            self.block[:] = 0
        return (half + time.perf_counter() - start) / self.jobs


def problem(shape):
    rng = np.random.default_rng(0)
    H = rng.standard_normal(shape).astype(np.float32)
    H /= np.linalg.norm(H, axis=-1, keepdims=True)
    classes = CLASSES if len(shape) == 2 else 8
    return H, rng.integers(0, classes, shape[:-1])


def competitors(names, threads):
    import loss_peers
    import torch

    torch.set_num_threads(threads)
    return {name: getattr(loss_peers, name)() for name in names} | {"screlax": Screlax(threads)}


def check_agreement(entries) -> None:
    values = {name: entry.both() for name, entry in entries.items()}
    loss, gradient = values["screlax"]
    for name, (other, slope) in values.items():
        assert abs(other - loss) < 1e-4 * abs(loss), (name, other, loss)
        expected = gradient
        if name == "MetricLearning":  # it normalises, which projects the gradient
            H = entries["screlax"].embeddings
            expected = gradient - (gradient * H).sum(axis=1, keepdims=True) * H
        assert np.abs(slope - expected).max() < 1e-3 * np.abs(gradient).max(), name


def measure(entries, floor, gradient: bool, repeats: int) -> dict[str, float]:
    """Return the median over turns; a turn is as many calls as take some milliseconds."""
    times: dict[str, list[float]] = {name: [] for name in (*entries, "floor")}
    calls = {name: entry.both if gradient else entry.forward for name, entry in entries.items()}
    counts = {name: max(1, int(TURN / seconds_per_call(call, 2))) for name, call in calls.items()}
    for _ in range(repeats):
        for name, call in calls.items():
            time.sleep(0.005)  # let the threads of the one before come to rest
            call()
            times[name].append(seconds_per_call(call, counts[name]))
        times["floor"].append(floor.seconds(gradient))
    return {name: statistics.median(values) for name, values in times.items()}


def seconds_per_call(call, count: int) -> float:
    start = time.perf_counter()
    for _ in range(count):
        call()
    return (time.perf_counter() - start) / count


def time_tables(shapes, names, threads, repeats) -> None:
    peers = [TITLES[name] for name in names]
    head = ["shape", "threads", "pass", *(f"{name} ms" for name in (*peers, "screlax", "floor"))]
    head += [*(f"{name} / screlax" for name in peers), "screlax / floor"]
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for shape in shapes:
        H, y = problem(shape)
        for count in threads:
            entries, floor = competitors(names, count), Floor(count)
            for entry in (*entries.values(), floor):
                entry.prepare(H, y)
            check_agreement(entries)
            turns = repeats if shape[-2] > 2048 else 3 * repeats
            for gradient in (False, True):
                row = measure(entries, floor, gradient, turns)
                print_row(shape, count, gradient, names, row)


def print_row(shape, count, gradient, names, row) -> None:
    label = "both" if gradient else "forward"
    cells = ["×".join(map(str, shape)), str(count), label]
    cells += [f"{1e3 * row[name]:.3g}" for name in (*names, "screlax", "floor")]
    cells += [f"{row[name] / row['screlax']:.3g}×" for name in names]
    print("| " + " | ".join([*cells, f"{row['screlax'] / row['floor']:.3g}×"]) + " |", flush=True)


MEMORY = """
import ctypes, sys
import loss

def status(name):
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024

name, count, gradient = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "True"
entry = loss.competitors([name] if name != "screlax" else [], 1)[name]
entry.prepare(*loss.problem((256, loss.FEATURES)))
entry.both()
entry.prepare(*loss.problem((count, loss.FEATURES)))
ctypes.CDLL(None).malloc_trim(0)
with open("/proc/self/clear_refs", "w") as reset:
    reset.write("5")
before = status("VmRSS")
entry.both() if gradient else entry.forward()
print(status("VmHWM") - before)
"""


def memory_table(counts) -> None:
    peers = [TITLES[name] for name in PEERS]
    print("\n| n | pass | " + " | ".join(f"{name} MB" for name in (*peers, "screlax")) + " |")
    print("|" + "---|" * (len(PEERS) + 3))
    for count, peers in counts:
        for gradient in (False, True):
            cells = []
            for name in (*PEERS, "screlax"):
                if name != "screlax" and not peers:
                    cells.append("not run")
                    continue
                cells.append(f"{float(script.fresh(MEMORY, name, count, gradient)):.0f}")
            label = "both" if gradient else "forward"
            print(f"| {count} | {label} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    parser = script.make_parser(__doc__)
    parser.add_argument("--sizes", type=int, nargs="*", default=[256, 1024, 4096, 8192])
    parser.add_argument("--threads", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--no-memory", action="store_true")
    options = script.parse(parser, sizes=[256], threads=[1], repeats=1)
    script.require("torch", "pytorch_metric_learning")
    versions = (f"{name} {metadata.version(name)}" for name in ("torch", "pytorch-metric-learning"))
    print(f"_{provenance_line()}; peers: {', '.join(versions)}_\n")
    shapes = [(count, FEATURES) for count in options.sizes]
    time_tables(shapes, PEERS, options.threads, options.repeats)
    print()
    time_tables([BATCH], ("BatchedTorch",), options.threads, 3 * options.repeats)
    if not options.no_memory:
        memory_table([(512, False)] if options.quick else [(8192, True), (65536, False)])


if __name__ == "__main__":
    main()
