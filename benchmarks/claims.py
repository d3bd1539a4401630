"""The theory's claims, each measured: claim, worst deviation, verdict.

    python benchmarks/claims.py                # all of them
    python benchmarks/claims.py tightness etf  # some of them
    python benchmarks/claims.py --quick        # on the smallest problems

Claims: Behnia and Thrampoulidis, ISIT 2024 (arXiv 2402.18884), and what follows from them for the
programs that screlax solves; of cross-entropy Thrampoulidis et al. 2022 (arXiv 2208.05512) and Fang
et al. 2021 (arXiv 2101.12699). The verdict is "holds" where the deviation is at most the bound in
the code: 1e-12 to 1e-8 where numbers are compared directly, `GRAM_TOLERANCE` where geometries are.
"""

from __future__ import annotations

from collections.abc import Callable

import script
from theory.cross_entropy import critical, limit, merging
from theory.finding import Effort, Finding
from theory.geometry import collapse, etf, step
from theory.minima import dimensions, minima, saddles, uniqueness, zero
from theory.relaxation import reductions, tightness

from screlax.bench.provenance import provenance_line

CLAIMS: dict[str, Callable[[Effort], Finding]] = {
    "tightness": tightness,
    "minima": minima,
    "dimensions": dimensions,
    "saddles": saddles,
    "uniqueness": uniqueness,
    "collapse": collapse,
    "etf": etf,
    "step": step,
    "reductions": reductions,
    "zero": zero,
    "merging": merging,
    "critical": critical,
    "limit": limit,
}


def main() -> None:
    parser = script.make_parser(__doc__)
    parser.add_argument("claims", nargs="*", metavar="CLAIM", help=", ".join(CLAIMS))
    parser.add_argument("--jobs", type=int, default=2)
    options = script.parse(parser, jobs=1)
    script.require("clarabel", *(["joblib"] if options.jobs != 1 else []))
    chosen = options.claims or list(CLAIMS)
    unknown = [name for name in chosen if name not in CLAIMS]
    if unknown:
        parser.error(f"{unknown[0]!r} is no claim; choose among {', '.join(CLAIMS)}")
    print(provenance_line() + "\n")
    print("| claim | `claims.py` | tested on | measured worst deviation | verdict |")
    print("|---|---|---|---|---|")
    findings, effort = [], Effort(whole=not options.quick, jobs=options.jobs)
    for name in chosen:
        found = CLAIMS[name](effort)
        findings.append(found)
        verdict = "holds" if found.holds else "**fails**"
        print(
            f"| {found.claim} | `{name}` | {found.tested} | {found.deviation} | {verdict} |",
            flush=True,
        )
    raise SystemExit(0 if all(found.holds for found in findings) else 1)


if __name__ == "__main__":
    main()
