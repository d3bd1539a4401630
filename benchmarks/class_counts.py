"""The named class counts that the tables are measured on: how many classes and samples, and whose.

    python benchmarks/class_counts.py

m is the number of distinct class sizes.
"""

from __future__ import annotations

import numpy as np
import script

import screlax
from screlax.io.tables import markdown_lines
from screlax.problem.profiles import DEFAULT_IMBALANCE, profile_names


def main() -> None:
    script.parse(script.make_parser(__doc__ or ""))
    rows = []
    for written, source in profile_names():
        family, numbers, _ = written.partition("[")
        if ":" in family:  # any numbers
            continue
        name = f"{family}:{DEFAULT_IMBALANCE}" if numbers else family
        counts = screlax.profile(name)
        sizes = len(np.unique(counts)), counts.max(), counts.min(), counts.sum()
        rows.append([name, len(counts), *(f"{size:,}" for size in sizes), source])
    header = ["profile", "k", "m", "largest", "smallest", "n", "what it is"]
    print("\n".join(markdown_lines(header, rows)))


if __name__ == "__main__":
    main()
