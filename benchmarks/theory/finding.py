"""What a claim is measured with, and what is found."""

from __future__ import annotations

from dataclasses import dataclass, field

import screlax
from screlax import UFM

from .problems import PROBLEMS

GRAM_TOLERANCE = 1e-5
"""On normalised Gram matrices: a relative gap of ε = 2e-16, all that values can show, leaves them
uncertain by √(ε c), with c up to 1e5 where the objective is flat at the optimum (weak ridge)."""

QUICK_STARTS, QUICK_CLASSES = 2, 5


@dataclass(frozen=True)
class Finding:
    """One row of the table."""

    claim: str
    tested: str
    deviation: str
    holds: bool


@dataclass(frozen=True)
class Effort:
    """How much is spent on the claims: the problems of the theory, all or the smallest; starts."""

    whole: bool
    jobs: int
    surveys: dict[str, screlax.Landscape] = field(default_factory=dict, compare=False)

    @property
    def starts(self) -> int:
        """Descents from random starts in each dimension."""
        return 50 if self.whole else QUICK_STARTS

    @property
    def problems(self) -> dict[str, UFM]:
        """The problems by name."""
        if self.whole:
            return PROBLEMS
        return {name: each for name, each in PROBLEMS.items() if each.classes <= QUICK_CLASSES}

    @property
    def controls(self) -> str:
        """What to say of the controls of balanced, or of step, problems."""
        return ", all controls" if self.whole else ""

    def survey(self, name: str) -> screlax.Landscape:
        """Descend from random starts in dimension k + 1, once for all claims about them."""
        if name not in self.surveys:
            problem = self.problems[name]
            self.surveys[name] = screlax.survey_landscape(
                problem, [problem.classes + 1], starts=self.starts, n_jobs=self.jobs
            )
        return self.surveys[name]
