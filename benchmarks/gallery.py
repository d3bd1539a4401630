"""The pictures of the README: the geometry of a long-tailed profile, and one of every kind.

    python benchmarks/gallery.py --out benchmarks/figures

It takes seconds, with `--quick` or without.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import script
from pictures import save_picture

import screlax
from screlax import plots
from screlax.plots.canvas import new_figure

CIFAR_10 = ("plane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

LARGEST = 400_000
"""Bytes that a picture of the README may have."""


def main() -> None:
    parser = script.make_parser(__doc__)
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    options = script.parse(parser)
    script.require("matplotlib")
    options.out.mkdir(parents=True, exist_ok=True)
    print("| picture | kB |\n|---|---|")
    save(geometry(screlax.profile("imagenet-lt")), options.out / "geometry.png")
    save(gallery(), options.out / "gallery.png")


def save(figure: Any, path: Path) -> None:
    save_picture(figure, path, 95)
    size = path.stat().st_size
    print(f"| {path} | {size / 1000:.0f} |", flush=True)
    if size > LARGEST:
        raise SystemExit(f"{path} has more than {LARGEST / 1000:.0f} kB")


def geometry(counts: np.ndarray) -> Any:
    """Cosines of the unit sphere; norms and cosines of three ridges."""
    figure = new_figure(12.5, 3.9)
    engine: Any = figure.get_layout_engine()
    engine.set(w_pad=0.12)
    heat, norms, angles = figure.subplots(1, 3)
    sphere = screlax.solve_relaxation(counts, control=screlax.Sphere(1.0), temperature=0.1)
    plots.plot_gram(sphere, heat).set_title("cosines, ‖h‖ = 1, τ = 0.1")
    for strength in (1.0, 1e-2, 1e-4):
        solution = screlax.solve_relaxation(counts, control=screlax.Ridge(strength))
        plots.plot_norms(solution, norms, label=f"λ = {strength:g}").set_title("norms, ridge")
    norms.legend()
    plots.plot_angles(sphere, angles).set_title("cosines by class size, ‖h‖ = 1, τ = 0.1")
    angles.set_ylim(top=0.24)  # room for the legend above the curves
    return figure


def gallery() -> Any:
    figure = new_figure(15.0, 12.0)
    engine: Any = figure.get_layout_engine()
    engine.set(w_pad=0.08, h_pad=0.08)
    grid = figure.add_gridspec(3, 3)
    ten = screlax.UFM(
        screlax.profile("cifar10-lt:100"),
        screlax.Ridge(1.0),
        class_labels=CIFAR_10,
    )
    small = screlax.solve_relaxation(ten)
    hundred = screlax.UFM(screlax.profile("cifar100-lt:100"), screlax.Ridge(0.01))
    thousand = screlax.solve_relaxation(
        screlax.profile("imagenet-lt"), control=screlax.Sphere(1.0), temperature=0.1
    )
    path = screlax.regularization_path(hundred, points=60)

    def panel(number: int, title: str, **options: Any) -> Any:
        ax = figure.add_subplot(grid[number // 3, number % 3], **options)
        ax.set_title(title)
        return ax

    plots.plot_gram(small, panel(0, "plot_gram: CIFAR-10-LT, λ = 1"))
    plots.plot_gram(thousand, panel(1, "plot_gram: ImageNet-LT, ‖h‖ = 1"))
    plots.plot_angles(thousand, panel(2, "plot_angles: ImageNet-LT, ‖h‖ = 1"))
    plots.plot_path(path, panel(3, "plot_path: CIFAR-100-LT"), quantity="norms")
    plots.plot_norms(screlax.solve_relaxation(hundred), panel(4, "plot_norms: CIFAR-100-LT"))
    plots.plot_spectrum(thousand, panel(5, "plot_spectrum: ImageNet-LT, ‖h‖ = 1"))
    plots.plot_embedding(thousand, panel(6, "plot_embedding: ImageNet-LT, ‖h‖ = 1"))
    plots.plot_embedding(small, panel(7, "plot_embedding: CIFAR-10-LT", projection="3d"))
    draw_descent(small, panel(8, "plot_convergence: CIFAR-10-LT"))
    return figure


def draw_descent(solution: screlax.Solution, ax: Any) -> None:
    """Plain gradient descent on class embeddings of several dimensions, against the bound."""
    problem = solution.problem
    sizes = np.asarray(problem.class_sizes, dtype=float)
    histories = {f"d = {dim}": descend(sizes, dim, steps=500) for dim in (2, 5, 10)}
    plots.plot_convergence(histories, ax, lower=solution.lower)


def descend(sizes: np.ndarray, dim: int, steps: int) -> np.ndarray:
    """Objective of `Ridge(1.0)` at temperature 1 along gradient descent, scaled by class size."""
    means = np.random.default_rng(0).normal(size=(len(sizes), dim))
    weights = np.tile(sizes, (len(sizes), 1)) - np.eye(len(sizes))
    values = np.empty(steps)
    for step in range(steps):
        logits = means @ means.T
        top = logits.max(axis=1, keepdims=True)
        terms = weights * np.exp(logits - top)
        total = terms.sum(axis=1, keepdims=True)
        own = np.diagonal(logits)
        values[step] = sizes @ (np.log(total[:, 0]) + top[:, 0] - own + own / 2)
        pull = sizes[:, None] * (terms / total - np.eye(len(sizes)))
        gradient = (pull + pull.T) @ means + sizes[:, None] * means
        means -= 0.3 * gradient / sizes[:, None]
    return values


if __name__ == "__main__":
    main()
