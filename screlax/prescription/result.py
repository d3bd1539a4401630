"""What was designed: the problem, how near its certified optimum is, and what each knob buys."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from numpy.typing import NDArray

from ..io.notebook import TextInNotebook
from ..problem.ufm import UFM
from ..short_repr import short_repr
from ..solution.solution import Solution
from .choices import Alternative
from .target import Target
from .text import design_text, left_open


@short_repr
@dataclass(frozen=True, eq=False)
class DesignStep:
    """Some knobs turned, all others left as they were.

    Attributes
    ----------
    knobs : tuple of str
    solution : Solution
        The certified optimum of the problem that they make.
    distance : float
        ‖G/‖G‖ − T/‖T‖‖ of its class means from the target.
    at_limit : tuple of str
        Knobs that ended at a limit of their range, so that the distance is not their least.
    stopped : str
        Why the search ended early, where it did: the optimum had no derivatives; else empty.
    solves : int
        Problems solved on the way.
    """

    knobs: tuple[str, ...]
    solution: Solution
    distance: float
    at_limit: tuple[str, ...]
    stopped: str
    solves: int

    @property
    def name(self) -> str:
        """The knobs in words."""
        return " + ".join(self.knobs)

    @cached_property
    def left_open(self) -> float | None:
        """Distance that an excess of a millionth of the value leaves open; see `left_open`."""
        return left_open(self.solution)

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the Gram matrix as JSON has it, numbers of classes by orbit."""
        return {
            "knobs": list(self.knobs),
            "distance": self.distance,
            "at_limit": list(self.at_limit),
            "stopped": self.stopped,
            "solves": self.solves,
            "left_open": self.left_open,
            "status": self.solution.status.value,
            "relative_gap": self.solution.relative_gap,
            **settings_of(self.solution.problem),
        }


def settings_of(problem: UFM) -> dict[str, Any]:
    """Return loss, temperature and numbers by orbit of a problem, as JSON has them."""
    sizes = problem.class_sizes
    return {
        "loss": str(problem.loss),
        "temperature": problem.temperature,
        "size": sizes.distinct.tolist(),
        "classes": sizes.multiplicities.tolist(),
        **{name: numbers.tolist() for name, numbers in problem.loss.orbit_options.items()},
    }


@short_repr
@dataclass(frozen=True, eq=False)
class Design(TextInNotebook):
    """A problem whose certified optimum is as near to a wanted geometry as its knobs bring it.

    Distances are ‖G/‖G‖ − T/‖T‖‖_F over all pairs of classes, as in `screlax.geometry`.

    Attributes
    ----------
    target : Target
        The wanted Gram matrix `target.gram`, by orbit, and its `target.name`.
    before : Solution
        The certified optimum of the problem as it was given.
    distance_before : float
    steps : tuple of DesignStep
        Each knob turned alone, in the order asked for, then all together where there are several.
    alternatives : tuple of Alternative
        Of the choices asked for: every loss, sampler or batch size, with distance, or the reason
        why it is refused.
    tolerance : float
        Distance that counts as reached.
    enough_prototypes : int or None
        Smallest number of prototypes, the same for all classes, with which the optimum is within
        `tolerance`, everything else as given; None where it was not asked for, or none suffices.

    Examples
    --------
    >>> import screlax
    >>> found = screlax.design([50, 40, 30, 20], screlax.Sphere(1.0), 0.1)
    >>> [step.name for step in found.steps[:3]], found.is_reached
    (['class_weights', 'prototypes', 'temperature'], True)
    >>> for line in str(found).splitlines()[2:6]:
    ...     print(line)
           turned  distance   left     open  to
         as given   0.02388  100 %     0.18  supcon, temperature 0.1
    class_weights   0.00957   40 %     0.17  supcon:class_weights=0.565651..1.45652, temperature 0.1
       prototypes         0    0 %     0.19  prototypes:per_class=0..30, temperature 0.1
    """

    target: Target
    before: Solution
    distance_before: float
    steps: tuple[DesignStep, ...]
    alternatives: tuple[Alternative, ...]
    tolerance: float
    enough_prototypes: int | None

    @property
    def solution(self) -> Solution:
        """The certified optimum of the designed problem."""
        return self.steps[-1].solution

    @property
    def problem(self) -> UFM:
        """The designed problem."""
        return self.solution.problem

    @property
    def distance(self) -> float:
        """How far the optimum of the designed problem is from the target."""
        return self.steps[-1].distance

    @property
    def is_reached(self) -> bool:
        """Whether the target is reached up to `tolerance`."""
        return self.distance <= self.tolerance

    @property
    def settings(self) -> dict[str, Any]:
        """Numbers of the designed loss in class order, as its options take them; by label if known.

        Examples
        --------
        >>> import screlax
        >>> sizes = {"cat": 50, "dog": 40, "fox": 20}
        >>> found = screlax.design(sizes, screlax.Sphere(1.0), 0.1, knobs=("class_weights",))
        >>> weights = found.settings["class_weights"]
        >>> {name: round(weight, 4) for name, weight in weights.items()}
        {'cat': 0.5506, 'dog': 1.3146, 'fox': 1.4944}
        """
        orbit = self.problem.class_sizes.orbit_index()
        options = self.problem.loss.orbit_options.items()
        return {name: self._by_label(numbers[orbit]) for name, numbers in options}

    def _by_label(self, numbers: NDArray[Any]) -> dict[Hashable, Any] | list[Any]:
        labels, listed = self.problem.class_labels, numbers.tolist()
        return listed if labels is None else dict(zip(labels, listed, strict=True))

    @property
    def loss_text(self) -> str:
        """The designed loss, and its sampler, as ``loss=`` of `UFM` and ``--loss`` take them.

        Numbers that differ between classes are in class order.

        Examples
        --------
        >>> import screlax
        >>> found = screlax.design([50, 40, 20], screlax.Sphere(1.0), 0.1, knobs=("prototypes",))
        >>> found.loss_text
        'prototypes:per_class=[0,10,30]'
        """
        return self.problem.loss.by_class(self.problem.class_sizes).text

    def to_dict(self) -> dict[str, Any]:
        """Return all but the Gram matrices, ready for JSON; numbers of classes are by orbit.

        Examples
        --------
        >>> import screlax
        >>> found = screlax.design([50, 40, 20], screlax.Sphere(1.0), 0.1, knobs=("prototypes",))
        >>> found.to_dict()["steps"][0]["per_class"]
        [0.0, 10.0, 30.0]
        """
        return {
            "target": self.target.name,
            "distance_before": self.distance_before,
            "distance": self.distance,
            "tolerance": self.tolerance,
            "is_reached": self.is_reached,
            "status": self.solution.status.value,
            "relative_gap": self.solution.relative_gap,
            "before": settings_of(self.before.problem),
            "steps": [step.to_dict() for step in self.steps],
            "alternatives": [
                {"choice": one.choice, "text": one.text, "distance": one.distance,
                 "reason": one.reason}
                for one in self.alternatives
            ],
            "enough_prototypes": self.enough_prototypes,
        }  # fmt: skip

    def __str__(self) -> str:
        """Return what each knob buys as a table, and the alternatives."""
        return design_text(self)
