"""Bounds on a linear function of the class Gram matrix."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from ...checks import finite_number, whole_number
from ...errors import InvalidInputError
from ...optional import require_memory
from ...spelling import hint
from ..class_matrix import interchangeable
from ..class_sizes import ClassSizes
from .base import OwnConstraint
from .terms import Terms, terms_of, terms_of_pairs

_LARGEST = 1e100
"""Bounds up to which squares are within double precision."""

_Kind = TypeVar("_Kind", bound=OwnConstraint)

_FIELDS = {"name", "terms", "matrix", "numbered", "lower", "upper", "equal"}


@dataclass(frozen=True, eq=False, init=False)
class Linear(OwnConstraint):
    """lower ≤ ⟨A, G⟩ ≤ upper, or ⟨A, G⟩ = equal, for the Gram matrix G of the classes.

        ⟨A, G⟩ = Σ_ab A_ab G_ab,   G_ab = ⟨h_a, h_b⟩ in the units of the embeddings, not G/τ

    G is symmetric, so that A and its symmetric part say the same. With norms fixed by a `Sphere`
    an entry is a cosine: fixed angles are equations of entries, a hierarchy of classes is
    inequalities between entries, and with any control a ratio of norms is an equation between
    two squared norms, G_aa − r² G_bb = 0. Between them such sets cover all affine equations and
    inequalities, ReLU features (all entries at least zero) among them.

    Parameters
    ----------
    matrix : array-like or sparse matrix of shape (k, k), mapping, or data frame
        A, in class order; or numbers by pair of labels, ``{("cat", "dog"): 1.0}``, which stands
        for 1.0 × G[cat, dog] whichever comes first; or a mapping of mappings, or a data frame, by
        label. Labels are those of the problem, or class numbers from 0 where it has none; entries
        that are not given are zero.
    upper, lower, equal : float, optional
        Bounds in the units of G: at least one, and `equal` alone.
    name : str, optional
        What messages call it; by default the constraint itself.

    Raises
    ------
    InvalidInputError
        If there is no bound, the bounds exclude each other, or a number is not finite.

    Notes
    -----
    Classes of one size that a constraint tells apart have an orbit each: nothing is averaged over
    them. The certificate has a multiplier y for every constraint: weak duality with S + y A in
    the place of the dual slack, and y · bound subtracted (Boyd and Vandenberghe, Convex
    Optimization, section 5.9). What is returned satisfies the constraints up to the rounding of
    ⟨A, G⟩ in double precision, 72 + t/16 units of 2⁻⁵³ of the sum of the sizes of its t terms and
    of the bound; what that can be worth, |y| each, is in the certificate's `rounding`.

    Examples
    --------
    >>> import screlax
    >>> apart = screlax.constraints.Linear({("cat", "dog"): 1.0}, equal=-0.9)
    >>> problem = screlax.UFM(
    ...     {"cat": 50, "dog": 50, "fox": 50}, screlax.Sphere(1.0), constraints=[apart]
    ... )
    >>> solution = screlax.solve_relaxation(problem)
    >>> print(solution.status, solution.class_gram.round(4)[0])  # the fox in the middle
    optimal [ 1.     -0.9    -0.2236]
    """

    terms: Terms
    lower: float
    upper: float
    name: str

    def __init__(
        self,
        matrix: Any,
        *,
        upper: float | None = None,
        lower: float | None = None,
        equal: float | None = None,
        name: str = "",
    ) -> None:
        if not isinstance(name, str):
            raise InvalidInputError(f"the name of a constraint must be text, got {name!r}")
        object.__setattr__(self, "terms", terms_of(matrix))
        low, high = _bounds(lower, upper, equal)
        object.__setattr__(self, "lower", low)
        object.__setattr__(self, "upper", high)
        object.__setattr__(self, "name", name)

    @property
    def is_linear(self) -> bool:
        """Whether the native solver takes it, and its multipliers prove: always."""
        return True

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Linear):
            return NotImplemented
        mine, theirs = (self.lower, self.upper), (other.lower, other.upper)
        return mine == theirs and self.terms == other.terms

    def __hash__(self) -> int:
        return hash((self.terms, self.lower, self.upper))

    def resolved(self, labels: Sequence[Hashable] | None, classes: int) -> Self:
        """See `OwnConstraint.resolved`; the constraint in words becomes its name."""
        terms = self.terms.resolved(labels, classes)
        words = f"{terms.in_words(labels)}{self._bounds_in_words}"
        changes: dict[str, Any] = {"terms": terms, "name": self.name or words}
        return _replaced(self, **changes)

    def kinds(self, sizes: ClassSizes, told: NDArray[np.int64]) -> NDArray[np.int64]:
        """See `OwnConstraint.kinds`."""
        found = np.full(sizes.classes, -1, dtype=np.int64)
        count = len(np.union1d(self.terms.first, self.terms.second))
        require_memory(8 * 6 * count**2, f"a constraint on the inner products of {count:,} classes")
        classes, matrix = self.terms.among()
        columns = np.column_stack([np.asarray(sizes)[classes], told[classes]]).astype(float)
        found[classes] = interchangeable(matrix, columns)
        return found

    def record(self) -> dict[str, Any]:
        """Return it as JSON has it, what `linear_of_record` reads: by label if it has any."""
        terms = self.terms
        names = terms.labels or range(int(terms.second.max()) + 1)
        rows = [
            [names[first], names[second], weight]
            for first, second, weight in zip(
                terms.first.tolist(), terms.second.tolist(), terms.weight.tolist(), strict=True
            )
        ]
        bounds = {"lower": self.lower, "upper": self.upper}
        if self.lower == self.upper:
            bounds = {"equal": self.lower}
        finite = {name: bound for name, bound in bounds.items() if math.isfinite(bound)}
        named = {"name": self.name} if self.name else {}
        numbered = {"numbered": True} if terms.labels is None else {}
        return {**named, "terms": rows, **numbered, **finite}

    @property
    def _bounds_in_words(self) -> str:
        if self.lower == self.upper:
            return f" = {self.lower:.10g}"
        low = f" ≥ {self.lower:.10g}" if math.isfinite(self.lower) else ""
        high = f" ≤ {self.upper:.10g}" if math.isfinite(self.upper) else ""
        return " and".join(filter(None, (low, high)))

    def __str__(self) -> str:
        return self.name or f"{self.terms.in_words(self.terms.labels)}{self._bounds_in_words}"

    def __repr__(self) -> str:
        return f"<Linear {self}>"


def _replaced(constraint: _Kind, **changes: Any) -> _Kind:
    """Return a copy with other fields, which were checked before."""
    copy = object.__new__(type(constraint))
    for field in dataclasses.fields(constraint):
        value = changes.get(field.name, getattr(constraint, field.name))
        object.__setattr__(copy, field.name, value)
    return copy


def _bounds(lower: Any, upper: Any, equal: Any) -> tuple[float, float]:
    """Return both bounds, infinite where there is none."""
    if equal is not None:
        if lower is not None or upper is not None:
            raise InvalidInputError("a constraint with equal takes no lower or upper bound")
        both = finite_number(equal, "equal, of a constraint,", -_LARGEST, _LARGEST)
        return both, both
    if lower is None and upper is None:
        raise InvalidInputError("a constraint needs a bound: upper, lower or equal")
    low, high = (
        outside if given is None else finite_number(given, f"{name} bound", -_LARGEST, _LARGEST)
        for given, name, outside in ((lower, "lower", -math.inf), (upper, "upper", math.inf))
    )
    if low > high:
        raise InvalidInputError(
            f"a constraint has a lower bound of {low:g} above its upper bound of {high:g}: "
            "nothing satisfies both"
        )
    return low, high


def linear_of_record(record: Any) -> Linear:
    """Return the constraint of `Linear.record`, or as a JSON file of a user's has it.

    Raises
    ------
    InvalidInputError
        If an entry is missing or unknown, or makes no constraint.
    """
    if not isinstance(record, Mapping):
        raise InvalidInputError(f"a constraint must be a table of entries, got {record!r}")
    if unknown := sorted(set(record) - _FIELDS):
        raise InvalidInputError(
            f"a constraint has no entry {unknown[0]!r}{hint(unknown[0], _FIELDS)}; there are "
            f"{', '.join(sorted(_FIELDS))}"
        )
    if ("terms" in record) == ("matrix" in record):
        raise InvalidInputError(
            'a constraint needs either "terms", a list of [class, class, number], or "matrix"'
        )
    given = {name: record[name] for name in ("lower", "upper", "equal", "name") if name in record}
    if "matrix" in record:
        return Linear(record["matrix"], **given)
    terms = record["terms"]
    if not isinstance(terms, list) or not all(
        isinstance(term, list) and len(term) == 3 for term in terms
    ):
        raise InvalidInputError(
            f'"terms" of a constraint must be a list of [class, class, number], got {terms!r}'
        )
    pairs = [(_label(first), _label(second), number) for first, second, number in terms]
    found = Linear(terms_of_pairs(pairs), **given)
    return _numbered(found) if record.get("numbered", False) is True else found


def _numbered(constraint: Linear) -> Linear:
    """Return a constraint whose labels are class numbers, whatever the problem calls its classes.

    As `Linear.record` of a problem's constraint, or of a matrix, has them.
    """
    labels = constraint.terms.labels
    if labels is None:
        return constraint
    place = np.array([whole_number(label, "a class of a constraint", 0) for label in labels])
    terms = dataclasses.replace(
        constraint.terms,
        first=place[constraint.terms.first],
        second=place[constraint.terms.second],
        labels=None,
    )
    return _replaced(constraint, terms=terms)


def _label(stored: Any) -> Any:
    """Turn a label as JSON has it into the label: lists, at any depth, were tuples."""
    return tuple(map(_label, stored)) if isinstance(stored, list) else stored
