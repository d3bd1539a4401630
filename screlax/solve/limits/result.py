"""What `solve_limit` returns: the direction that optima go to, with its proof."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import InvalidInputError
from ...gram.cells import CellGram
from ...gram.curve import AnyGram
from ...gram.logits import LogitGram
from ...io.notebook import TextInNotebook
from ...optional import require_memory
from ...problem.levels import classes_to_orbits
from ...problem.ufm import UFM
from ...proof.certificate import Certificate
from ...short_repr import short_repr
from ...types import Matrix


@short_repr
@dataclass(frozen=True, eq=False)
class MaxMarginLimit(TextInNotebook):
    """The limit of the optima of a problem as its control lets go of them, at margin one.

    Attributes
    ----------
    problem : UFM
        Of its control only the kind matters, and the ratio of two numbers.
    orbit_gram : LogitGram or CellGram
        By orbit, scaled so that the smallest margin is one.
    certificate : Certificate
        Bounds on the value of the program that the limit is the optimum of.
    program : str
        That program, in words.
    method : str
        How it was found.

    Examples
    --------
    >>> import screlax
    >>> problem = screlax.UFM([100, 100, 10, 10], screlax.WeightDecay(1, 1), loss="cross-entropy")
    >>> limit = screlax.solve_limit(problem)
    >>> print(limit)
    limit as λ → 0: min ‖√r Z √v‖_* over logits Z of margin one (closed form)
      value 20.58, relative gap < 2.8e-14
    >>> limit.logits.round(2)[0]
    array([ 0.75, -0.25, -0.25, -0.25])
    >>> norms = limit.classifier_gram.diagonal()
    >>> round(float(norms[0] / norms[-1]), 6)  # the majority has the longer classifiers
    1.995247
    """

    problem: UFM
    orbit_gram: AnyGram
    certificate: Certificate
    program: str
    method: str

    @property
    def value(self) -> float:
        """Value of the program at the limit; equals `certificate.upper`."""
        return self.certificate.upper

    @property
    def class_gram(self) -> Matrix:
        """Gram matrix of the class means in class order, shape (k, k), at margin one."""
        return self._lifted(self.orbit_gram.dense())

    @property
    def classifier_gram(self) -> Matrix:
        """Gram matrix of the rows of the classifier in class order, shape (k, k)."""
        return self._lifted(self._logit_gram.classifier)

    @property
    def logits(self) -> Matrix:
        """Logits ⟨w_j, h_c⟩ of margin one, rows by the class c of a sample, shape (k, k)."""
        self._require_memory()
        matrix: Matrix = self._logit_gram.logits.lifted(self.problem.class_sizes.orbit_index())
        return matrix

    @property
    def _logit_gram(self) -> LogitGram:
        if not isinstance(self.orbit_gram, LogitGram):
            raise InvalidInputError(
                f"loss {self.problem.loss} has no classifier; take screlax.losses.CrossEntropy()"
            )
        return self.orbit_gram

    def _lifted(self, gram: CellGram) -> Matrix:
        self._require_memory()
        matrix: Any = classes_to_orbits(self.problem.class_sizes).lift(gram)
        return np.asarray(matrix)

    def _require_memory(self) -> None:
        k = self.problem.classes
        require_memory(16 * k * k, f"a matrix of {k:,} classes", "; use orbit_gram")

    def __str__(self) -> str:
        """Return the program, how it was solved, and what is proved."""
        return (
            f"limit as {self.program} ({self.method})\n"
            f"  value {self.value:.4g}, relative gap {self.certificate.gap_in_words}"
        )
