"""Training on a CPU: the loss of `screlax.torch` in a step of torch, against losses in torch.

    python benchmarks/torch_loss.py [--quick] [--sizes 256 1024 4096 8192] [--threads 1 2]

A step is forward and backward through the loss alone, from a leaf tensor to its `.grad`. Times are
medians of calls that take turns; memory is measured as in `loss.py`, in fresh processes.
"""

from __future__ import annotations

from importlib import metadata

import loss
import script
from threadpoolctl import threadpool_info

from screlax.bench.provenance import provenance_line

PEERS = ("SupContrastStyle", "LeanTorch")
OURS = "ScrelaxTorch"


def entries_of(names, threads, count):
    entries = loss.competitors(names, threads)
    del entries["screlax"]
    for entry in entries.values():
        entry.prepare(*loss.problem((count, loss.FEATURES)))
    return entries


def check_agreement(entries) -> None:
    value, gradient = entries[OURS].both()
    for name, entry in entries.items():
        other, slope = entry.both()
        assert abs(other - value) < 1e-4 * abs(value), name
        assert abs(slope - gradient).max() < 1e-3 * abs(gradient).max(), name


def time_table(sizes, threads, repeats) -> None:
    names = [f"{loss.TITLES[name]} ms" for name in (*PEERS, OURS)]
    ratios = [f"{loss.TITLES[name]} / screlax.torch" for name in PEERS]
    print(f"| n | threads | {' | '.join(names + ratios)} |\n|{'---|' * 7}")
    for count in sizes:
        for jobs in threads:
            entries, floor = entries_of((*PEERS, OURS), jobs, count), loss.Floor(jobs)
            floor.prepare(*loss.problem((count, loss.FEATURES)))
            check_agreement(entries)
            turns = repeats if count > 2048 else 3 * repeats
            row = loss.measure(entries, floor, True, turns)
            cells = [f"{1e3 * row[name]:.3g}" for name in (*PEERS, OURS)]
            cells += [f"{row[name] / row[OURS]:.3g}×" for name in PEERS]
            print(f"| {count} | {jobs} | {' | '.join(cells)} |", flush=True)


def memory_table(counts) -> None:
    print(f"\n| n | {' | '.join(f'{loss.TITLES[name]} MB' for name in (*PEERS, OURS))} |")
    print("|" + "---|" * 4)
    for count in counts:
        cells = [
            f"{float(script.fresh(loss.MEMORY, name, count, True)):.0f}" for name in (*PEERS, OURS)
        ]
        print(f"| {count} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    parser = script.make_parser(__doc__)
    parser.add_argument("--sizes", type=int, nargs="*", default=[256, 1024, 4096, 8192])
    parser.add_argument("--threads", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=7)
    options = script.parse(parser, sizes=[256], threads=[1], repeats=1)
    script.require("torch", "pytorch_metric_learning")
    import torch  # noqa: F401, whose own BLAS is then among those named

    blas = {f"{one['internal_api']} {one.get('architecture', '')}" for one in threadpool_info()}
    print(f"_{provenance_line()}; torch {metadata.version('torch')}; {', '.join(sorted(blas))}_\n")
    time_table(options.sizes, options.threads, options.repeats)
    memory_table([512] if options.quick else [8192])


if __name__ == "__main__":
    main()
