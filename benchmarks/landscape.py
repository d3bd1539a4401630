"""What happens when embeddings have too few dimensions: certified gaps for d = 1 … k + 1.

    python benchmarks/landscape.py --out benchmarks/figures/landscape.png [--quick] [--starts 50]

Eight problems of k = 8 classes (balanced, step, exponential, with singletons; sphere and ridge).
For ridge also the optimal Gram matrix cut down to its d largest eigenvalues.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import script
from pictures import save_picture

import screlax
from screlax.gram.cells import CellGram, Level
from screlax.plots import plot_landscape
from screlax.problem.program import build_program

PROFILES = {
    "balanced, 20 each": screlax.balanced(8, 20),
    "step, 100 and 5": screlax.step(8, 100, 20),
    "exponential, 200 to 4": screlax.exponential(8, 200, 50),
    "two singletons": np.array([60, 30, 15, 8, 4, 2, 1, 1]),
}
CONTROLS = {
    "‖h‖ = 1, τ = 0.2": (screlax.Sphere(1.0), 0.2),
    "λ = 0.05, τ = 1": (screlax.Ridge(0.05), 1.0),
}


def truncated_gaps(landscape: screlax.Landscape) -> np.ndarray | None:
    """Return the certified gap of the optimum truncated to each dimension; ridge only.

    On a sphere truncated embeddings would have to be scaled up again, and some are zero.
    """
    solution, problem = landscape.solution, landscape.problem
    if not isinstance(problem.control, screlax.Ridge):
        return None
    relaxation = build_program(problem, Level.CLASSES)
    vectors = [solution.embeddings(dim, truncate=True).vectors for dim in landscape.dims]
    grams = [CellGram.from_matrix(each @ each.T / problem.temperature) for each in vectors]
    return 1 - solution.lower / np.array([relaxation.value(gram) for gram in grams])


def draw(landscape: screlax.Landscape, axes: Any) -> None:
    plot_landscape(landscape, axes)
    below = landscape.problem.classes - 2
    axes.axvspan(0.5, below + 0.5, color="#f0e442", alpha=0.15, linewidth=0, label="d ≤ k − 2")
    dims, gaps = np.array(landscape.dims), truncated_gaps(landscape)
    if gaps is not None:
        short = dims < landscape.solution.rank
        axes.plot(dims[short], gaps[short], "x-", color="#009e73", markersize=4, linewidth=0.8,
                  label="optimum truncated")  # fmt: skip
    axes.set(xlim=(0.5, dims[-1] + 0.5), xlabel="", ylabel="")
    axes.get_legend().remove()


def rounded(gap: float) -> str:
    return f"{gap:.1e}" if gap > 1e-15 else "< 1e-15"


def report(name: str, landscape: screlax.Landscape) -> None:
    table = landscape.table()
    rows = {
        "best": [rounded(gap) for gap in table["best_gap"]],
        "worst": [rounded(gap) for gap in table["worst_gap"]],
        "different values": [f"{count}" for count in table["values"]],
    }
    truncated = truncated_gaps(landscape)
    if truncated is not None:
        rows["optimum truncated"] = [rounded(gap) for gap in truncated]
    for row, cells in rows.items():
        print(f"| {name} | {landscape.solution.rank} | {row} | {' | '.join(cells)} |", flush=True)


def survey_all(profiles: Sequence[str], starts: int, jobs: int, grid: Any) -> None:
    """Print the table and draw it, a row of the grid for each control."""
    print("| problem | rank G* | | " + " | ".join(f"d = {dim}" for dim in range(1, 10)) + " |")
    print("|---" * 12 + "|")
    for row, (control_name, (control, temperature)) in zip(grid, CONTROLS.items(), strict=True):
        for axes, profile in zip(row, profiles, strict=True):
            sizes = PROFILES[profile]
            landscape = screlax.survey_landscape(
                screlax.UFM(sizes, control, temperature),
                range(1, len(sizes) + 2),
                starts=starts,
                n_jobs=jobs,
            )
            draw(landscape, axes)
            axes.set_title(f"{profile}; {control_name}", fontsize="medium")
            report(f"{profile}; {control_name}", landscape)


def finish(figure: Any, grid: Any, out: Path) -> None:
    """Label the axes, gather one legend of all, and save."""
    for axes in grid[-1]:
        axes.set_xlabel("embedding dimension d")
    figure.supylabel("certified relative gap to the optimum over all dimensions", fontsize="medium")
    shown: dict[str, Any] = {}
    for axes in grid.flat:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            shown.setdefault(label.partition(" of the optimum:")[0], handle)
    figure.legend(shown.values(), shown, loc="outside lower center", ncols=5, fontsize="small")
    save_picture(figure, out, 110)


def main() -> None:
    parser = script.make_parser(__doc__)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.png")
    parser.add_argument("--profiles", nargs="+", choices=PROFILES, default=list(PROFILES))
    parser.add_argument("--starts", type=int, default=50)
    parser.add_argument("--jobs", type=int, default=2)
    options = script.parse(parser, profiles=["step, 100 and 5"], starts=2, jobs=1)
    script.require("matplotlib", *(["joblib"] if options.jobs != 1 else []))
    script.require_folder(options.out)
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, grid = pyplot.subplots(
        len(CONTROLS), len(options.profiles), figsize=(12, 5.6), sharex=True, sharey=True,
        squeeze=False, layout="constrained",
    )  # fmt: skip
    survey_all(options.profiles, options.starts, options.jobs, grid)
    finish(figure, grid, options.out)


if __name__ == "__main__":
    main()
