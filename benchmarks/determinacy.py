"""What a loss decides, checked: predicted against found distance on level sets, as Markdown tables.

    python benchmarks/determinacy.py [--quick] [--problems 50]

Random problems of all controls, losses of all samples and of mini-batches: the distance that an
excess allows to second order, the largest found by descent on the level set (SLSQP, from the
direction of least curvature and from random starts), and the bound that holds for every Gram
matrix; then the time of real profiles.
"""

from __future__ import annotations

import itertools
import math
import time

import numpy as np
import script
from numpy.typing import NDArray
from scipy import optimize

import screlax
from screlax.batches import PoissonBatches, RandomBatches
from screlax.errors import ScrelaxError
from screlax.gram.cells import CellGram, Level
from screlax.problem.program import build_program

SHARES = {"small": 0.01, "middle": 0.05}
"""Distances, to second order, whose excess the level sets have."""

PROFILES = (
    ("cifar10-lt:100", screlax.Sphere(1.0), None),
    ("cifar100-lt:100", screlax.Sphere(1.0), None),
    ("cifar100-lt:100", screlax.Ridge(0.01), None),
    ("cifar100-lt:100", screlax.Sphere(1.0), RandomBatches(128)),
    ("imagenet-lt", screlax.Sphere(1.0), None),
    ("imagenet-lt", screlax.Ridge(0.01), None),
    ("imagenet-lt", screlax.Sphere(1.0), RandomBatches(256)),
    ("10⁷ classes of 100 and of 10", screlax.Sphere(1.0), None),
)

TWO_SIZES = screlax.ClassSizes.from_pairs([100, 10], [5_000_000, 5_000_000])

_REACH = 10.0
"""How far entries of a factor may go, in units of the distance looked for."""

Matrix = NDArray[np.float64]


class LevelSet:
    """Class Gram matrices near an optimum whose excess is at most so much."""

    def __init__(self, solution: screlax.Solution) -> None:
        problem = solution.problem
        self.solution, self.optimum = solution, solution.class_gram / problem.temperature
        self.program = build_program(problem, Level.CLASSES)
        self.unit = self.optimum / np.linalg.norm(self.optimum)
        values, vectors = np.linalg.eigh(self.optimum)
        self.factor = vectors * np.sqrt(np.maximum(values, 0.0))

    def gram(self, factor: Matrix) -> tuple[Matrix, Matrix]:
        """Return the feasible Gram matrix that a factor is scaled to, and the scale of its rows."""
        squares = (factor**2).sum(axis=1)
        control = self.program.control
        if control.fixes_norms:
            scale = np.sqrt(control.parameter / squares)
        elif control.is_penalty:
            scale = np.ones(len(factor))
        else:
            mass = self.program.cells.mass
            trace = control.parameter * mass.sum() / (mass @ squares)
            scale = np.full(len(factor), math.sqrt(trace))
        scaled = scale[:, None] * factor
        return scaled @ scaled.T, scale

    def pulled_back(self, factor: Matrix, scale: Matrix, slope: Matrix) -> Matrix:
        """Return the derivative by the factor of a function of the Gram matrix."""
        along = 2 * slope @ (scale[:, None] * factor)
        control = self.program.control
        if control.fixes_norms:
            unit = factor / np.linalg.norm(factor, axis=1, keepdims=True)
            along = along - (along * unit).sum(axis=1, keepdims=True) * unit
        elif not control.is_penalty:
            weighted = self.program.cells.mass[:, None] * factor
            along = along - (along * factor).sum() / (weighted * factor).sum() * weighted
        return scale[:, None] * along

    def excess(self, gram: Matrix) -> float:
        """Return the objective less the optimal value."""
        return self.program.value(CellGram.from_matrix(gram)) - self.solution.value

    def distance(self, gram: Matrix) -> float:
        """Return ‖G/‖G‖ − G*/‖G*‖‖."""
        return float(np.linalg.norm(gram / np.linalg.norm(gram) - self.unit))

    def farthest(self, excess: float, start: Matrix) -> float:
        """Return the largest distance that a descent from a factor finds at that excess.

        Nearness ⟨G/‖G‖, G*/‖G*‖⟩ is minimised; the point found is drawn back to the level set.
        """
        near = max(excess, 1e-300)
        unit = self.aim * math.sqrt(float(self.optimum.diagonal().mean()))

        def factor_at(flat: Matrix) -> Matrix:
            return start + unit * flat.reshape(start.shape)

        def far(flat: Matrix) -> tuple[float, Matrix]:
            factor = factor_at(flat)
            gram, scale = self.gram(factor)
            size = np.linalg.norm(gram)
            apart = gram / size - self.unit
            along = float((gram * self.unit).sum()) / size
            slope = -2 * (along * gram / size - self.unit) / (size * self.aim**2)
            pulled = self.pulled_back(factor, scale, slope)
            return -float((apart**2).sum()) / self.aim**2, unit * pulled.reshape(-1)

        def room(flat: Matrix) -> float:
            return 1 - self.excess(self.gram(factor_at(flat))[0]) / near

        def room_slope(flat: Matrix) -> Matrix:
            factor = factor_at(flat)
            gram, scale = self.gram(factor)
            slope = self.program.gradient(CellGram.from_matrix(gram))
            whole = slope.pair + np.diag(slope.own)
            return -unit * self.pulled_back(factor, scale, whole).reshape(-1) / near

        found = optimize.minimize(
            far,
            np.zeros(start.size),
            jac=True,
            method="SLSQP",
            bounds=[(-_REACH, _REACH)] * start.size,
            constraints={"type": "ineq", "fun": room, "jac": room_slope},
            options={"maxiter": 200, "ftol": 1e-8},
        )
        return self.distance(self._on_level(factor_at(found.x), excess))

    def _on_level(self, factor: Matrix, excess: float) -> Matrix:
        """Return a Gram matrix of at most that excess between the optimum and a factor's."""
        gram = self.gram(factor)[0]
        low, high = 0.0, 1.0
        if self.excess(gram) <= excess:
            return gram
        for _ in range(50):  # the feasible matrices are convex
            middle = (low + high) / 2
            between = self.optimum + middle * (gram - self.optimum)
            low, high = (middle, high) if self.excess(between) <= excess else (low, middle)
        return self.optimum + low * (gram - self.optimum)

    def starts(self, distance: float, direction: Matrix, count: int) -> list[Matrix]:
        """Return factors about so far away: along a direction both ways, and at random."""
        self.aim = distance
        generator = np.random.default_rng(0)
        size = np.linalg.norm(self.optimum)
        values, vectors = np.linalg.eigh(self.optimum)
        kept = values > 1e-7 * values[-1]
        inverse = vectors[:, kept] / np.sqrt(values[kept])
        onto = vectors[:, kept] @ vectors[:, kept].T
        changes = [direction, -direction]
        for _ in range(count):
            noise = generator.standard_normal(self.optimum.shape)
            changes.append((noise + noise.T) / np.linalg.norm(noise + noise.T))
        factor = vectors[:, kept] * np.sqrt(values[kept])
        width = np.zeros((len(factor), len(factor) - factor.shape[1]))
        found = []
        for change in changes:
            step = (np.eye(len(factor)) - onto / 2) @ change @ inverse
            near = factor + distance * size * step
            noise = 1e-3 * distance * generator.standard_normal(width.shape)
            found.append(np.concatenate([near, width + noise], axis=1))
        return found


def random_problem(generator: np.random.Generator) -> screlax.UFM:
    """Return a problem of three to seven classes."""
    count = int(generator.integers(3, 8))
    sizes = np.exp(generator.uniform(math.log(2), math.log(200), count)).astype(int)
    if generator.random() < 0.3:
        sizes[1] = sizes[0]
    temperature = float(generator.choice([0.2, 0.3, 0.5, 1.0]))
    kind = [screlax.Sphere, screlax.Ball, screlax.Budget, screlax.Ridge]
    control = kind[int(generator.integers(4))]
    parameter = float(generator.uniform(0.05, 0.5)) if control is screlax.Ridge else 1.0
    batches = [None, None, RandomBatches(8), PoissonBatches(0.2)][int(generator.integers(4))]
    return screlax.UFM(sizes.tolist(), control(parameter), temperature, batches=batches)


def measure(problem: screlax.UFM, distance: float, starts: int = 4):
    """Return the excess, predicted and found distance and the bound; None where it is no problem.

    No second-order freedom, zero, an excess near the certified gap: then there is nothing to find.
    """
    try:
        solution = screlax.solve_relaxation(problem)
        known = solution.determinacy()
    except ScrelaxError:
        return None
    if known.direction is None or not known.curvature > 0:
        return None
    excess = known.relative_excess(distance)
    if excess * abs(solution.value) < 1e4 * max(solution.gap, 1e-15 * abs(solution.value)):
        return None
    level = LevelSet(solution)
    starts_of = level.starts(distance, known.direction.matrix(), starts)
    found = max(level.farthest(excess * solution.value, start) for start in starts_of)
    return excess, known.distance(excess), found, known.distance_bound(excess)


def compare_found(count: int) -> None:
    """Print predicted against found distances of random problems."""
    print("| problem | excess | to second order | found | found/predicted | bound |")
    print("|---|---|---|---|---|---|")
    ratios: dict[str, list[float]] = {name: [] for name in SHARES}
    broken, generator, done = 0, np.random.default_rng(0), 0
    while done < count:
        problem = random_problem(generator)
        rows = {name: measure(problem, distance) for name, distance in SHARES.items()}
        if any(row is None for row in rows.values()):
            continue
        done += 1
        for name, row in rows.items():
            assert row is not None
            excess, predicted, found, bound = row
            ratios[name].append(found / predicted)
            broken += found > bound
            title = f"{list(problem.class_sizes)}, {problem.control.name}, τ = "
            title += f"{problem.temperature:g}, {problem.loss}"
            cells = f"{excess:.2g} | {predicted:.4f} | {found:.4f} | {found / predicted:.3f}"
            print(f"| {title} | {cells} | {bound:.4f} |", flush=True)
    print()
    for name, known in ratios.items():
        near = np.mean(np.abs(np.array(known) - 1) <= 0.1)
        print(
            f"{name}: found/predicted from {min(known):.3f} to {max(known):.3f}, "
            f"within 10 %: {near:.0%} of {len(known)}"
        )
    print(f"beyond the bound: {broken}\n")


def time_profiles(profiles) -> None:
    """Print what the curvature, a bound and the references of real profiles take."""
    print("| profile | control, τ = 0.2 | μ | at 1e-6 | bound at 1e-9 | seconds: μ, bound, lines |")
    print("|---|---|---|---|---|---|")
    for name, control, batches in profiles:
        counts = TWO_SIZES if name.startswith("10⁷") else screlax.profile(name)
        problem = screlax.UFM(counts, control, 0.2, batches=batches)
        solution = screlax.solve_relaxation(problem)
        clock = [time.process_time()]
        known = solution.determinacy()
        clock.append(time.process_time())
        bound = known.distance_bound(1e-9)
        clock.append(time.process_time())
        lines = known.references
        clock.append(time.process_time())
        seconds = ", ".join(f"{b - a:.2f}" for a, b in itertools.pairwise(clock))
        assert len(lines) == 4
        print(
            f"| {name}, {problem.loss} | {control.name} {control.parameter:g} | "
            f"{known.curvature:.4g} | {known.distance(1e-6):.3g} | {bound:.3g} | {seconds} |",
            flush=True,
        )


def main() -> None:
    parser = script.make_parser(__doc__)
    parser.add_argument("--problems", type=int, default=50)
    options = script.parse(parser, problems=1)
    compare_found(options.problems)
    time_profiles(PROFILES[:1] if options.quick else PROFILES)


if __name__ == "__main__":
    main()
