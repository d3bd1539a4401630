"""Attacks on the proofs: problems, forged duals and tampered files against high precision.

    python benchmarks/attack.py [--quick] [--share 0.1] [--seed 0] [--kinds solves duals ...]

Every bound that screlax claims is compared with an enclosure of the optimum that is computed apart
from it, to some forty digits (`attacks/truth.py`; mpmath). Prints a table by kind, one of what was
attacked in each, and the false proofs found; ends with 1 if there are any.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

import numpy as np
import script

if __name__ == "__main__":  # the tests, which import this, need no such word
    script.require("mpmath", "flint")

from attacks.certificates import attack_duals, attack_grams
from attacks.comparisons import attack_comparisons
from attacks.constraints import attack_constraints
from attacks.curves import attack_curves
from attacks.files import attack_files
from attacks.logits import attack_forged_logits, attack_logit_files, attack_logits
from attacks.paths import attack_paths
from attacks.solves import attack_solves, attack_truncated, attack_verified
from attacks.tally import Tally

KINDS: dict[str, tuple[Callable[[np.random.Generator, int], list[Tally]], int]] = {
    "solves": (attack_solves, 2200),
    "verified": (attack_verified, 1100),
    "truncated": (attack_truncated, 300),
    "duals": (attack_duals, 20000),
    "grams": (attack_grams, 10000),
    "curves": (attack_curves, 6000),
    "paths": (attack_paths, 500),
    "files": (attack_files, 10000),
    "comparisons": (attack_comparisons, 3000),
    "constraints": (attack_constraints, 1000),
    "logits": (attack_logits, 1000),
    "forged logits": (attack_forged_logits, 6000),
    "logit files": (attack_logit_files, 3000),
}
"""The attacks, and how many are made."""

QUICK = 0.02
"""Share of them that `--quick` makes."""


def attack(kinds: list[str], seed: int, share: float) -> list[Tally]:
    """Make a share of the attacks of these kinds."""
    tallies = []
    for kind in kinds:
        run, count = KINDS[kind]
        tallies += run(np.random.default_rng([seed, *kind.encode()]), round(share * count))
    return tallies


def total(kind: str, tallies: list[Tally]) -> Tally:
    """Return the sums of the attacks of a kind, and their worst excess."""
    counts = ("tried", "refused", "unproved", "false", "rounding")
    sums = {name: sum(getattr(tally, name) for tally in tallies) for name in counts}
    return Tally(kind, worst=max((tally.worst for tally in tallies), default=0.0), **sums)


def table(tallies: list[Tally]) -> str:
    lines = [
        "| attack | tried | refused | not called optimal | false | by rounding | worst excess |",
        "|---|---|---|---|---|---|---|",
    ]
    for tally in tallies:
        lines.append(
            f"| {tally.kind} | {tally.tried:,} | {tally.refused:,} | {tally.unproved:,} "
            f"| {tally.false:,} | {tally.rounding:,} | {tally.worst:.1e} |"
        )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="seconds in place of minutes")
    parser.add_argument("--share", type=float, default=1.0, help="of the number of attacks")
    parser.add_argument("--show", type=int, default=3, help="false proofs shown of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    options = parser.parse_args()
    start = time.perf_counter()
    share = QUICK if options.quick else options.share
    found = {kind: attack([kind], options.seed, share) for kind in options.kinds}
    tallies = [tally for each in found.values() for tally in each]
    print(table([total(kind, each) for kind, each in found.items()]))
    print(f"\n{table(tallies)}")
    false = sum(tally.false for tally in tallies)
    tried = sum(tally.tried for tally in tallies)
    print(f"\n{tried:,} attacks in {time.perf_counter() - start:.0f} s: {false:,} false proofs")
    for tally in tallies:
        for excess, text in tally.found[: options.show]:
            print(f"  {tally.kind}: {text} (excess {excess:.1e})")
    return int(false > 0)


if __name__ == "__main__":
    sys.exit(main())
