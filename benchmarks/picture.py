"""The picture at the top of the README.

python benchmarks/picture.py --counts FILE --out benchmarks/figures/geometry.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib
import numpy as np

import screlax

matplotlib.use("Agg")
from matplotlib import pyplot

COLOURS = ("#0072b2", "#e69f00", "#009e73")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--counts", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    counts = np.sort(screlax.read_counts(options.counts))[::-1]
    figure, (heat, norms, angles) = pyplot.subplots(1, 3, figsize=(12, 3.7), layout="constrained")
    solution = screlax.solve_relaxation(counts, control=screlax.Sphere(1.0), temperature=0.1)
    gram = solution.class_gram.copy()
    np.fill_diagonal(gram, np.nan)
    limit = float(np.nanmax(np.abs(gram)))
    image = heat.imshow(gram, cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest")
    heat.set(title="cosines, ‖h‖ = 1, τ = 0.1", xlabel="class, most frequent first", ylabel="class")
    figure.colorbar(image, ax=heat, shrink=0.85)
    for strength, colour in zip((1.0, 1e-2, 1e-4), COLOURS, strict=True):
        solution = screlax.solve_relaxation(counts, control=screlax.Ridge(strength))
        sizes, gram = solution.problem.class_sizes.distinct, solution.orbit_gram
        norm = np.sqrt(gram.own)
        norms.semilogx(sizes, norm, color=colour, label=f"λ = {strength:g}")
        cosine = gram.pair[:, 0] / (norm * norm[0])
        angles.semilogx(sizes[1:], np.degrees(np.arccos(cosine[1:])), color=colour)
    norms.set(title="norms, ridge", xlabel="class size", ylabel="‖h‖")
    norms.legend()
    angles.set(
        title="angle to the most frequent class, ridge", xlabel="class size", ylabel="degrees"
    )
    figure.savefig(options.out, dpi=110)


if __name__ == "__main__":
    main()
