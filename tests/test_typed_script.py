"""A script of the public interface: `mypy` checks it as a user's, and it runs."""

from typing import assert_type

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

import screlax
from screlax import plots


def test_a_script_is_typed_strictly_and_runs() -> None:
    problem = screlax.UFM([50, 20, 5], screlax.Sphere(1.0), 0.5, loss="supcon:views=2")
    solution = screlax.solve_relaxation(problem)
    assert_type(solution, screlax.Solution)
    numbers: list[float] = [solution.value, solution.gap, solution.relative_gap, solution.lower]
    gram: NDArray[np.float64] = solution.class_gram
    assert solution.status == "optimal"
    vectors: NDArray[np.float64] = solution.embeddings().vectors
    numbers.append(solution.determinacy().distance(1e-6))
    shapes: list[tuple[int, ...]] = [gram.shape, vectors.shape, solution.prototypes(4).shape]
    assert shapes == [(3, 3), (3, 2), (3, 4)]
    one = screlax.compare(vectors, [0, 1, 2], solution)
    assert_type(one, screlax.Comparison)
    several = screlax.compare(vectors, [0, 1, 2], [solution, solution])
    assert_type(several, list[screlax.Comparison])
    if one.loss is not None:
        numbers.append(one.loss.relative_gap)
    numbers += [one.gram_distance, one.residual, one.metrics.trace_ratio_by_classes]
    path = screlax.regularization_path(problem, [0.5, 1.0])
    assert_type(path, list[screlax.Solution])
    columns: dict[str, NDArray[np.float64]] = screlax.path_table(path)
    assert set(columns) >= {"parameter", "value"}
    losses = screlax.compare_losses([50, 20, 5], screlax.Sphere(1.0), losses=["supcon"])
    assert_type(losses, screlax.LossComparison)
    found = screlax.design([50, 20, 5], screlax.Sphere(1.0), 0.5, knobs="temperature")
    numbers.append(found.distance)
    assert_type(found.solution, screlax.Solution)
    survey = screlax.survey_landscape(problem, [2], starts=2, seed=0)
    assert_type(survey.solution, screlax.Solution)
    axes: Axes = plots.plot_norms(solution)
    loss = screlax.supcon_loss(vectors, [0, 0, 1], temperature=0.1)
    assert_type(loss, float)
    numbers.append(loss)
    each = screlax.contrastive_loss(vectors, [0, 0, 1], loss="supcon", reduction="none")
    assert_type(each, NDArray[np.float64])
    assert each.shape == (3,)
    reduction = "".join(["su", "m"])  # which one is not known before it runs
    summed = screlax.contrastive_loss(vectors, [0, 0, 1], reduction=reduction)
    assert_type(summed, float | NDArray[np.float64])
    assert axes.get_title() is not None
    assert_type(plots.plot_norms(solution).figure.get_figwidth(), float)
    own: Axes = Figure().add_subplot()
    assert_type(plots.plot_norms(solution, own), Axes)
    figure = Figure()
    assert_type(plots.plot_solution(solution, figure), Figure)
    wrong: str = solution.value  # type: ignore[assignment]  # an unused one would be an error
    assert repr(wrong)
