"""Options of a loss that are by class or by pair of classes: from what was given to orbits."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import InvalidInputError
from ...types import Matrix, Vector
from ..class_matrix import PerClassPair, PerOrbitPair, by_orbit, interchangeable
from ..class_sizes import ClassSizes
from ..named_options import NamedOptions
from ..per_class import PerClass
from ..per_orbit import PerOrbit


@dataclass(frozen=True)
class LossOptions(NamedOptions):
    """Options that come as the user gave them, in class order or by label, until `resolved`.

    After that they are by orbit of a problem's `class_sizes`, whose orbits they refine.
    """

    what: ClassVar[str] = "loss"

    def resolved(
        self, sizes: ClassSizes, labels: Sequence[Hashable] | None
    ) -> tuple[Self, ClassSizes]:
        """Return the loss with one number per orbit for each option, and sizes of these orbits.

        Raises
        ------
        InvalidInputError
            If an option has no number for a class, or is that of another problem.
        """
        given, matrices = self.options_of(PerClass), self.options_of(PerClassPair)
        if not given and not matrices:
            self._check_orbits(sizes)
            return self, sizes
        orbit, count = sizes.orbit_index(), sizes.classes
        columns = {
            name: option.numbers[orbit] for name, option in self.options_of(PerOrbit).items()
        }
        for name, option in given.items():
            columns[name] = option.in_order_of(labels, count, name)
        pairs = {
            name: option.of_classes(orbit) for name, option in self.options_of(PerOrbitPair).items()
        }
        for name, option in matrices.items():
            pairs[name] = option.in_order_of(labels, count, name)
        return self._refined(columns, pairs, np.asarray(sizes, dtype=float), sizes.refined)

    def told_apart(self, sizes: ClassSizes, kinds: NDArray[np.int64]) -> tuple[Self, ClassSizes]:
        """Split the orbits of a resolved loss by a number for every class, shape (k,)."""
        orbit = sizes.orbit_index()
        finer, first = sizes.refined(np.column_stack([orbit, kinds]).astype(float))
        if finer.orbits == sizes.orbits:
            return self, sizes
        options: dict[str, Any] = {
            name: PerOrbit(option.numbers[orbit][first])
            for name, option in self.options_of(PerOrbit).items()
        }
        for name, option in self.options_of(PerOrbitPair).items():
            matrix = option.of_classes(orbit)
            options[name] = by_orbit(matrix, finer.orbit_index(), first)
        return self.with_options(**options), finer

    def by_class(self, sizes: ClassSizes) -> Self:
        """Return the loss with one number per class, in class order, where it has one per orbit.

        The way back from `resolved`: of embeddings whose classes are 0, 1, …, k−1.
        """
        orbit = sizes.orbit_index()
        options: dict[str, Any] = {
            name: PerClass(option.numbers[orbit], None)
            for name, option in self.options_of(PerOrbit).items()
        }
        for name, option in self.options_of(PerOrbitPair).items():
            options[name] = PerClassPair(option.of_classes(orbit), None)
        return self.with_options(**options)

    def resolved_for_pairs(
        self, sizes: ArrayLike, multiplicities: ArrayLike
    ) -> tuple[Self, ClassSizes]:
        """Return what `resolved` does where options have one number per pair; see `from_pairs`."""
        given = self.options_of(PerClass)
        for name in self.options_of(PerClassPair):
            raise InvalidInputError(
                f"{name} are one number for each pair of classes, and (size, multiplicity) pairs "
                "do not say which class is which; give one class size per class"
            )
        if not given:
            return self, ClassSizes.from_pairs(sizes, multiplicities)
        rows = np.size(sizes)
        columns = {name: option.in_order_of(None, rows, name) for name, option in given.items()}
        return self._refined(
            columns,
            {},
            np.zeros(rows),
            lambda numbers: ClassSizes.refined_pairs(sizes, multiplicities, numbers),
        )

    def _check_orbits(self, sizes: ClassSizes) -> None:
        """Refuse numbers per orbit that were resolved for other class sizes."""
        lengths = {name: len(option.numbers) for name, option in self.options_of(PerOrbit).items()}
        lengths |= {name: len(option.own) for name, option in self.options_of(PerOrbitPair).items()}
        for name, length in lengths.items():
            if length != sizes.orbits:
                raise InvalidInputError(
                    f"{name} are of another problem, with {length} orbits instead of "
                    f"{sizes.orbits}; give the loss as it was before it was part of a problem"
                )

    def _refined(
        self,
        columns: dict[str, Any],
        matrices: dict[str, Matrix],
        sizes: Vector,
        refine: Callable[[NDArray[np.float64]], tuple[ClassSizes, NDArray[np.int64]]],
    ) -> tuple[Self, ClassSizes]:
        """Refine the orbits by numbers and matrices, and keep one number per orbit of each."""
        table = np.column_stack([np.empty((len(sizes), 0)), *columns.values()]).astype(float)
        for matrix in matrices.values():
            alike = interchangeable(matrix, np.column_stack([sizes, table]))
            table = np.column_stack([table, alike])
        refined, first = refine(table)
        options: dict[str, Any] = {
            name: PerOrbit(np.asarray(column, dtype=float)[first])
            for name, column in columns.items()
        }
        for name, matrix in matrices.items():
            options[name] = by_orbit(matrix, refined.orbit_index(), first)
        return self.with_options(**options), refined

    @property
    def differs_by_class(self) -> bool:
        """Whether an option has one number per class or pair, not yet resolved by a problem."""
        return bool(self.options_of(PerClass) or self.options_of(PerClassPair))

    @property
    def orbit_options(self) -> dict[str, NDArray[Any]]:
        """Options that a problem has resolved to one number per orbit, each of shape (m,)."""
        return {name: option.numbers for name, option in self.options_of(PerOrbit).items()}

    @property
    def orbit_option_names(self) -> tuple[str, ...]:
        """Names of all options that a problem has resolved, also of those by pair of orbits."""
        return (*self.orbit_options, *self.options_of(PerOrbitPair))
