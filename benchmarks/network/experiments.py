"""What is trained: cases (images and control) × profiles × variants (ReLU, mini-batches)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

import screlax

from .images import LabelledImages, subsample
from .measures import Labels, Matrix, Measurement, gram_distance, measure
from .predictions import expected_batch_gram, orthogonal_frame
from .training import Training, train

PROFILES: dict[str, NDArray[np.int64]] = {
    "balanced": screlax.balanced(10, 50),
    "step": screlax.step(10, 80, 10),
    "long-tailed": screlax.exponential(10, 120, 20),
}
BATCH = 64
FULL_STEPS, BATCH_STEPS = 1500, 4500
SMALLEST_RIDGE = 1e-6


@dataclass(frozen=True)
class Case:
    """Images, and what bounds the features.

    Attributes
    ----------
    name : str
        For titles.
    images : str
        "digits" or "mnist".
    control : Sphere, Ridge or None
        None leaves it to the decay of weights; the ridge λ is then fitted to the features.
    temperature : float
        τ.
    learning_rates : tuple of float
        Without and with a final ReLU. Steps that suit free signs silence units for good behind a
        ReLU, and normalised features, whose gradients shrink as weights grow, bear longer ones.
    """

    name: str
    images: str
    control: screlax.Sphere | screlax.Ridge | None
    temperature: float
    learning_rates: tuple[float, float]


SPHERE, RIDGE, DECAY = screlax.Sphere(1.0), screlax.Ridge(0.1), 1e-4
CASES = (
    Case("digits, normalised, τ = 0.2", "digits", SPHERE, 0.2, (2e-2, 1e-3)),
    Case("digits, normalised, τ = 1", "digits", SPHERE, 1.0, (2e-2, 1e-3)),
    Case("digits, ridge on features", "digits", RIDGE, 0.2, (1e-2, 3e-3)),
    Case("digits, weight decay", "digits", None, 0.2, (3e-3, 3e-3)),
    Case("MNIST, normalised, τ = 0.2", "mnist", SPHERE, 0.2, (2e-2, 1e-3)),
)


@dataclass(frozen=True)
class Experiment:
    """One network to train: its case, class sizes and variant; `effort` scales the steps."""

    case: Case
    profile: str
    final_relu: bool
    mini_batches: bool
    seed: int = 0
    effort: float = 1.0

    @property
    def training(self) -> Training:
        """How it is trained."""
        control = self.case.control
        steps = BATCH_STEPS if self.mini_batches else FULL_STEPS
        return Training(
            temperature=self.case.temperature,
            normalize=isinstance(control, screlax.Sphere),
            penalty=control.strength if isinstance(control, screlax.Ridge) else 0.0,
            weight_decay=DECAY if control is None else 0.0,
            final_relu=self.final_relu,
            batch_size=BATCH if self.mini_batches else None,
            steps=round(self.effort * steps),
            learning_rate=self.case.learning_rates[self.final_relu],
            seed=self.seed,
        )

    @property
    def adapted_to(self) -> str:
        """What the adapted prediction allows for beyond screlax's; empty where they are one."""
        if self.final_relu and (not self.mini_batches or self.case.control != RIDGE):
            return "ReLU: orthogonal frame"  # on the sphere it minimises every batch's loss
        if self.case.control is None or not self.mini_batches:
            return ""
        return "ReLU and batches" if self.final_relu else "expected batch loss"


@dataclass(frozen=True)
class Outcome:
    """An experiment and what was measured, first to last; `ridge` is its λ, given or fitted."""

    experiment: Experiment
    history: tuple[Measurement, ...]
    ridge: float | None

    @property
    def fall(self) -> float:
        """Factor by which the distance to screlax's solution fell."""
        return self.history[0].distance / self.history[-1].distance

    @property
    def adapted_fall(self) -> float:
        """Factor by which the distance to the adapted prediction fell."""
        return self.history[0].adapted_distance / self.history[-1].adapted_distance


def experiments(cases: tuple[Case, ...], seed: int, effort: float) -> list[Experiment]:
    """Return all profiles and variants of some cases."""
    return [
        Experiment(case, profile, relu, mini, seed, effort)
        for case in cases
        for profile in PROFILES
        for relu in (False, True)
        for mini in (False, True)
    ]


def perform(experiment: Experiment, images: LabelledImages) -> Outcome:
    """Train, then measure every look at the features against the predictions."""
    drawn = subsample(images, PROFILES[experiment.profile], experiment.seed)
    looks: list[tuple[int, float, Matrix]] = []
    train(drawn, experiment.training, lambda *look: looks.append(look))
    solution, adapted = _predictions(experiment, looks[-1][2], drawn.labels)
    history = tuple(measure(*look, drawn.labels, solution, adapted) for look in looks)
    control = solution.problem.control
    ridge = control.strength if isinstance(control, screlax.Ridge) else None
    return Outcome(experiment, history, ridge)


def _predictions(
    experiment: Experiment, features: Matrix, labels: Labels
) -> tuple[screlax.Solution, Matrix]:
    """Return screlax's solution, and the class Gram matrix adapted to ReLU and mini-batches."""
    sizes, case = PROFILES[experiment.profile], experiment.case
    if case.control is None:
        problem = screlax.UFM(sizes, RIDGE, case.temperature)
        fit = screlax.fit_control(
            features,
            labels,
            "ridge",
            temperature=case.temperature,
            class_sizes=sizes,
            scale="fixed",
        )
        solution = fit.solution
    else:
        problem = screlax.UFM(sizes, case.control, case.temperature)
        solution = screlax.solve_relaxation(problem)
    if not experiment.adapted_to:
        return solution, solution.class_gram
    if not experiment.adapted_to.startswith("ReLU: "):
        relu = experiment.final_relu
        return solution, expected_batch_gram(problem, BATCH, nonnegative=relu)
    if case.control is None:
        return solution, _nearest_frame(problem, features, labels)
    return solution, orthogonal_frame(problem)


def _nearest_frame(problem: screlax.UFM, features: Matrix, labels: Labels) -> Matrix:
    """Return the orthogonal frame nearest to features among those of any ridge λ below λ_max."""

    def frame(log_strength: float) -> Matrix:
        control = screlax.Ridge(float(np.exp(log_strength)))
        return orthogonal_frame(screlax.UFM(problem.class_sizes, control, problem.temperature))

    best = optimize.minimize_scalar(
        lambda log_strength: gram_distance(features, labels, frame(log_strength)),
        bounds=(np.log(SMALLEST_RIDGE), np.log(0.9 * 2 / problem.temperature)),
        method="bounded",
    )
    return frame(best.x)
