"""The components of a problem that falls apart: each with its own certified optimum."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ..containers import as_numpy
from ..errors import InvalidInputError
from ..gram.cells import CellGram
from ..gram.rounding import UNIT
from ..gram.undecided import UndecidedGram
from ..optional import require_memory
from ..problem.batches.fixed import Indices
from ..problem.parts import Part
from ..problem.ufm import UFM
from ..proof.certificate import Certificate
from ..types import Matrix

if TYPE_CHECKING:
    from .solution import Solution

APART = "samples of different components never meet, and nothing is decided between them"
"""What is said of a problem with several components."""


@dataclass(frozen=True, eq=False)
class Component:
    """Samples that meet, directly or through others, and their optimum.

    Attributes
    ----------
    part : Part
    solution : Solution or None
        Of `part.problem`: its classes are those of the batch, from the largest on, or the samples
        one by one where batches share some. None where nothing is contrasted.
    """

    part: Part
    solution: Solution | None

    @property
    def batches(self) -> Indices:
        """Numbers of its batches, from 0."""
        return self.part.piece.batches

    @property
    def samples(self) -> Indices:
        """Indices of its samples, as the batches name them, ascending, shape (p,)."""
        return self.part.piece.samples

    @cached_property
    def classes(self) -> Indices:
        """The class of each of its samples, shape (p,)."""
        return self.part.piece.class_of_atom[self.part.piece.atom]

    @property
    def repeated(self) -> int:
        """How many of its samples are in several batches, or several times in one."""
        return self.part.piece.repeated

    @property
    def value(self) -> float:
        """What it contributes to the objective: equals `upper`."""
        return self.upper

    @property
    def upper(self) -> float:
        """Upper bound on its part of the optimal value."""
        return self._bound("upper")

    @property
    def lower(self) -> float:
        """Lower bound on its part of the optimal value."""
        return self._bound("lower")

    def _bound(self, name: str) -> float:
        if self.solution is None:
            return self.part.floor
        return self.part.weight * float(getattr(self.solution, name))

    def sample_gram(self, samples: ArrayLike | None = None) -> Matrix:
        """Return the Gram matrix of samples of this component, of one view each.

        Parameters
        ----------
        samples : array-like of int, optional
            Their indices; by default `samples`.

        Raises
        ------
        InvalidInputError
            If a sample belongs to another component.
        """
        row = self.part.row_of_sample[self._places(samples)]
        require_memory(16 * len(row) ** 2, f"the Gram matrix of {len(row):,} samples")
        return self._points[np.ix_(row, row)]

    @property
    def class_gram(self) -> Matrix:
        """Gram matrix of the means of its classes, in the order of `numpy.unique(classes)`."""
        names, label = np.unique(self.classes, return_inverse=True)
        mean = np.zeros((len(names), len(self._points)))
        np.add.at(mean, (label, self.part.row_of_sample), 1.0)
        mean /= mean.sum(axis=1, keepdims=True)
        return mean @ self._points @ mean.T

    @property
    def _points(self) -> Matrix:
        """Gram matrix of the points of its problem; of one class at the bound where none is."""
        if self.solution is not None:
            return self.solution.class_gram
        raise InvalidInputError(
            f"{self}: nothing is contrasted in it, so that any embeddings that coincide are best"
        )

    @property
    def atom_gram(self) -> CellGram:
        """Gram matrix of its atoms, samples that are exchangeable; zero where all coincide."""
        piece, count = self.part.piece, len(self.part.piece.class_of_atom)
        if self.solution is None:
            return CellGram(np.zeros(count), np.zeros((count, count)))
        if not piece.is_one_batch:
            return self.solution.point_gram.dense()
        row = np.empty(count, dtype=np.int64)
        row[piece.atom] = self.part.row_of_sample
        return CellGram.from_matrix(self._points[np.ix_(row, row)])

    def _places(self, samples: ArrayLike | None) -> Indices:
        """Return the positions of samples among those of the component."""
        if samples is None:
            return np.arange(len(self.samples))
        wanted = as_numpy(samples, "samples").astype(np.int64)
        place = np.minimum(np.searchsorted(self.samples, wanted), len(self.samples) - 1)
        other = self.samples[place] != wanted
        if other.any():
            raise InvalidInputError(f"sample {wanted[other][0]} is in another component")
        return place

    def rechecked(self, level: str, certifier: str) -> Component:
        """Return the component with its certificate computed from scratch."""
        if self.solution is None:
            return self
        certificate = self.solution.recheck(level, certifier)
        return replace(self, solution=replace(self.solution, certificate=certificate))

    def record(self) -> dict[str, Any]:
        """Return what it is and its bounds, as JSON has them."""
        return {
            "batches": self.batches.tolist(),
            "samples": len(self.samples),
            "classes": len(np.unique(self.classes)),
            "repeated_samples": self.repeated,
            "upper": self.upper,
            "lower": self.lower,
        }

    def __str__(self) -> str:
        """Return ``batch 3: 64 samples of 10 classes``."""
        kinds = len(np.unique(self.classes))
        words = f"{len(self.samples):,} samples of {kinds:,} class{'es' if kinds > 1 else ''}"
        if self.repeated:
            words += f", {self.repeated:,} of them repeated"
        return f"{_batches_in_words(self.batches)}: {words}"


def _batches_in_words(batches: Indices) -> str:
    """Return the first few numbers of batches."""
    if len(batches) == 1:
        return f"batch {batches[0]}"
    listed = ", ".join(map(str, batches[:4].tolist()))
    rest = f", … ({len(batches):,} in all)" if len(batches) > 4 else ""
    return f"batches {listed}{rest}"


def components_in_words(components: Sequence[Component], samples: int) -> list[str]:
    """Say how many components there are, the first of them, and what could glue them."""
    used = sum(len(component.samples) for component in components)
    left = f"; {samples - used:,} samples meet nobody" if used < samples else ""
    lines = [f"{len(components):,} component{'s' if len(components) > 1 else ''}{left}"]
    for component in components[:5]:
        upper = component.upper
        lines.append(f"{component}, optimum {upper:.10g}")
    if len(components) > 5:
        lines.append(f"… and {len(components) - 5:,} more")
    if len(components) > 1:
        lines.append(
            f"{APART}; samples in several batches, or batches that are drawn anew in every epoch "
            "(sampler shuffle), would glue them"
        )
    return lines


def distinct_solutions(components: Iterable[Component]) -> list[Solution]:
    """Return the solutions of components, each once, in order of appearance."""
    return list({id(c.solution): c.solution for c in components if c.solution is not None}.values())


def joined(problem: UFM, components: Sequence[Component], **rest: Any) -> Solution:
    """Return the solution of a problem that falls apart, from those of its components."""
    from .solution import Solution

    return Solution(
        problem=problem,
        point_gram=UndecidedGram(problem.class_sizes.multiplicities.astype(float)),
        orbit_dual=None,
        certificate=certificate_of(components),
        components=tuple(components),
        **rest,
    )


def between_components(components: Sequence[Component]) -> str:
    """Say what is open between components, and within them; empty where it is nothing known."""
    if len(components) > 1:
        return APART
    solution = components[0].solution
    return "" if solution is None else solution.left_open


def certificate_of(components: Sequence[Component]) -> Certificate:
    """Return the certificate of the sum: weighted sums of bounds, and of what rounding may do."""
    found = [(_certificate(c), c.part.weight) for c in components]

    def total(name: str) -> float:
        return math.fsum(weight * getattr(one, name) for one, weight in found)

    sizes = math.fsum(
        abs(w) * max(abs(c.upper), abs(c.infimum) if math.isfinite(c.infimum) else 0.0)
        for c, w in found
    )
    if not math.isfinite(total("upper")):
        return replace(found[0][0], upper=math.inf, gap=math.inf, rounding=math.inf)
    rounding = 8 * UNIT * sizes
    levels = {c.solution.certificate.level for c in components if c.solution is not None}
    upper, infimum = total("upper") + rounding, total("infimum") - rounding
    gap = total("gap") + 2 * rounding
    return Certificate(
        level=levels.pop() if levels else "orbits",
        upper=upper,
        lower=max(upper - gap, infimum),
        infimum=infimum,
        gap=min(gap, upper - infimum),
        rounding=total("rounding") + 2 * rounding,
        primal_min_eigenvalue=min(one.primal_min_eigenvalue for one, _ in found),
        slack_min_eigenvalue=min(one.slack_min_eigenvalue for one, _ in found),
    )


def _certificate(component: Component) -> Certificate:
    """Return the certificate of one component; nothing is contrasted: the floor is reached."""
    if component.solution is not None:
        return component.solution.certificate
    floor = component.part.floor
    return Certificate.around("orbits", floor, 0.0, floor, (4 * UNIT * abs(floor), 0.0), (0.0, 0.0))
