"""Which loss an optimum is of: what every bound that is printed has to say beside it."""

from __future__ import annotations

from dataclasses import dataclass

from ..problem.averaging import averaged_over
from ..problem.ufm import UFM
from ..solution.solution import Solution


@dataclass(frozen=True)
class Recipe:
    """The loss, control, temperature and features that an optimum is of.

    Attributes
    ----------
    loss : str
        With its options, and its sampler where there is one.
    averaged_over : str
        Over what the loss is taken: all samples at once, or the expectation over mini-batches.
    control : str
        With its numbers, and the constraints of the problem's own.
    temperature : float
    features : {"real", "nonnegative"}
    status : {"optimal", "inaccurate"}
        Whether the optimum is certified.

    Examples
    --------
    >>> import screlax
    >>> solution = screlax.solve_relaxation(
    ...     [40, 10, 5], screlax.Sphere(1.0), temperature=0.2, batches="shuffle:size=16"
    ... )
    >>> labels = [0] * 40 + [1] * 10 + [2] * 5
    >>> print(screlax.compare(solution.prototypes()[labels], labels, solution).recipe)
    supcon in shuffle:size=16 (sphere 1, τ = 0.2)
    """

    loss: str
    averaged_over: str
    control: str
    temperature: float
    features: str
    status: str

    @classmethod
    def of(cls, solution: Solution) -> Recipe:
        """Return that of a solution."""
        problem = solution.problem
        return cls(
            loss=str(problem.loss),
            averaged_over=averaged_over(problem),
            control=_control(problem),
            temperature=problem.temperature,
            features=problem.features.value,
            status=solution.status.value,
        )

    @property
    def kind(self) -> str:
        """Over what the loss is taken, and which features were admitted, in words."""
        sign = "of any sign" if self.features == "real" else "nonnegative"
        return f"{self.averaged_over}; features {sign}"

    @property
    def is_certified(self) -> bool:
        """Whether the optimum is proved to be one."""
        return self.status == "optimal"

    def __str__(self) -> str:
        sign = "" if self.features == "real" else f", {self.features} features"
        return f"{self.loss} ({self.control}, τ = {self.temperature:g}{sign})"


def _control(problem: UFM) -> str:
    """Return the control with its numbers, and the constraints of the problem's own."""
    own = problem.constraints_in_words
    return " ".join([problem.control.in_words, *([own] if own else [])])
