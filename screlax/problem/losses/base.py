"""What a loss is asked: at a level, as a convex function of the Gram matrix.

Solvers, certificate, descent, files and the command line ask the object. A new loss is a subclass
of `Loss` in a file of its own, decorated with `register_loss`; what it returns at a level is a
`GramLoss`. All of them live in units where the temperature is one: X = G/τ.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import MISSING, dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...containers import shown
from ...errors import InvalidInputError, SolverCapabilityError
from ...extensions import load_installed
from ...gram.blocks import slack_blocks
from ...gram.cells import CellGram, Cells, Level
from ...gram.rounding import entry_sizes, summation
from ...types import Matrix, Vector
from ..class_matrix import PerClassPair, PerOrbitPair, by_orbit, interchangeable
from ..class_sizes import ClassSizes
from ..features import Features
from ..per_class import PerClass
from ..per_orbit import PerOrbit
from .minorant import Minorant, Tangent
from .sample_terms import SampleTerms

if TYPE_CHECKING:
    from .class_softmax import ClassTerms
from .text import json_ready, loss_text, read_loss


class ConicLoss(Protocol):
    """A loss as conic solvers take it, through cvxpy."""

    @property
    def objective(self) -> Any:
        """The loss per anchor, a cvxpy expression that is exact where the constraints are tight."""

    @property
    def constraints(self) -> list[Any]:
        """What its auxiliary variables satisfy."""

    def rows(self) -> Any:
        """Return the solver's dual variables of the loss, None where there are none."""


class GramLoss(ABC):
    """A convex function of a cell Gram matrix, summed over anchors.

    What is abstract is all that a new loss has to say; the rest has a general way that works for
    any convex function, and better ones for those that know more of themselves.
    """

    cells: Cells
    """What rows and columns stand for."""

    @property
    @abstractmethod
    def anchor_count(self) -> float:
        """Number of terms of the sum: the loss divided by it is the per-anchor mean."""

    @property
    @abstractmethod
    def infimum(self) -> float:
        """A number that the loss is never below, for any Gram matrix; −inf if none is known."""

    @abstractmethod
    def value(self, gram: CellGram) -> float:
        """Return the loss, with its digits also where it is near its infimum."""

    def height(self, gram: CellGram) -> tuple[float, float]:
        """Return loss − infimum, with its digits where it is small, and a part of it.

        The part is what is due to entries that differ among the positives of a row, whose digits
        are those of the entries. Both are +inf where the infimum is −inf.
        """
        return self.value(gram) - self.infimum, 0.0

    @abstractmethod
    def expand(self, gram: CellGram) -> Any:
        """Everything that `gradient`, `curvature` and `change` share at a Gram matrix."""

    @abstractmethod
    def gradient(self, at: Any) -> CellGram:
        """Return (∂own, ∂pair), ∂pair symmetric.

        The derivative along a symmetric direction D is ∂own·D.own + Σ_gh ∂pair_gh D.pair_gh.
        """

    @abstractmethod
    def curvature(self, at: Any, direction: CellGram) -> CellGram:
        """Return the Hessian applied to a direction, in the form of `gradient`."""

    @abstractmethod
    def change(self, at: Any, step: CellGram) -> float:
        """Return how much the loss changes along a step of entries up to about one, accurately."""

    def conic(self, own: Any, pair: Any) -> ConicLoss:
        """Return the loss of cvxpy expressions for own (m,) and pair (m, m).

        Raises
        ------
        SolverCapabilityError
            If the loss has no conic form.
        """
        raise SolverCapabilityError(
            f"{type(self).__name__} has no conic form; use solver='burer-monteiro'"
        )

    def minorant(self, gram: CellGram, at: Any, rows: Any = None) -> Minorant | None:
        """Return an affine lower bound on the loss, made for a Gram matrix.

        Parameters
        ----------
        gram : CellGram
        at : Any
            Its expansion.
        rows : Any, optional
            Dual variables of the loss, from a solver or a file; by default those at `gram`. None is
            returned where they are of no use.
        """
        if rows is not None:
            return None
        return Tangent(self, gram, self.gradient(at), self.value(gram))

    def spread(self, at: Any) -> Vector | None:
        """Return the slope along within-class spread, which a level of class means leaves out.

        Per cell, in the units of `gradient`, +inf where a class has no two points that could
        differ; the cell's multiplier is added to it. None where the embeddings of a class coincide
        at every optimum, or are points of the level.
        """
        return None

    def rows_to_gram(self, rows: Any) -> CellGram:
        """Return dual variables as a matrix that goes up and down the levels like a Gram matrix."""
        raise InvalidInputError(f"{type(self).__name__} has no dual variables of its own")

    def rows_from_gram(self, matrix: CellGram) -> Any:
        """Return the dual variables that `rows_to_gram` turned into a matrix."""
        raise InvalidInputError(f"{type(self).__name__} has no dual variables of its own")

    @property
    def unit(self) -> float:
        """Largest relative error of the sums that values and gradients are."""
        return summation(len(self.cells))

    def rounding(self, gram: CellGram, at: Any, value: float, shift: float) -> float:
        """Return how far a value is at most from the loss at a feasible matrix, exactly.

        Parameters
        ----------
        gram : CellGram
        at : Any
            Its expansion.
        value : float
            The loss as computed.
        shift : float
            By how much entries of `gram`, relative to the largest in their rows, are at most off
            from a feasible matrix.
        """
        unit, slope, size = self.unit, self.gradient(at), entry_sizes(gram)
        moved = (np.abs(slope.own) + np.abs(slope.pair).sum(axis=1)) @ size
        return float(unit * abs(value) + (4 * unit + shift) * moved)


@dataclass(frozen=True)
class Loss(ABC):
    """A loss as a user says it; subclasses are frozen dataclasses whose fields are its options.

    Options that are one number per class (`per_class_options`), or per pair of classes
    (`per_pair_options`), come as the user gave them, in class order or by label; `UFM` resolves
    them, after which they are by orbit of its `class_sizes`, whose orbits they refine. `sizes`
    below are those of a problem.

    Attributes
    ----------
    name : str
        What files, sweeps and the command line (``--loss name:option=value``) call it.
    per_class_options : tuple of str
        Options that may differ between classes.
    per_pair_options : tuple of str
        Options that are a matrix over classes, by which orbits are refined too.
    """

    name: ClassVar[str]
    per_class_options: ClassVar[tuple[str, ...]] = ()
    per_pair_options: ClassVar[tuple[str, ...]] = ()

    @property
    def view_count(self) -> int:
        """Number of views of every sample."""
        return 1

    @property
    def sampler(self) -> Any:
        """How mini-batches are drawn; None where the loss is that of all samples."""
        return None

    @property
    def of_all_samples(self) -> Loss:
        """The same loss of all samples at once."""
        return self

    @property
    def has_batches(self) -> bool:
        """Whether its expectation over mini-batches is known; see `InBatches`."""
        return False

    def in_batches(self, batches: Any) -> Loss:
        """Return the expectation of this loss over mini-batches.

        Parameters
        ----------
        batches : Batches, or tuple of its name and options
        """
        from .in_batches import InBatches, check_batches  # which is made of losses

        return InBatches(self, check_batches(batches))

    def weights_of_anchors(self, sizes: ClassSizes) -> Vector:
        """Return the class weights of the anchors of each orbit, shape (m,)."""
        return np.ones(sizes.orbits)

    @property
    def is_supcon_of_points(self) -> bool:
        """Whether it is SC with the `points` as samples, which has fast kernels."""
        return False

    @property
    def has_samples(self) -> bool:
        """Whether `sample_terms` says what the loss is for samples."""
        return False

    @property
    def collapses(self) -> bool:
        """Whether all embeddings of a class coincide at every optimum, by convexity alone.

        Where they need not, a solution at a level of class means is proved by `GramLoss.spread`,
        and level "instances" leaves them apart.
        """
        return True

    def instances(self, sizes: ClassSizes) -> Vector:
        """Return into how many points each class splits where it does not collapse, shape (m,).

        Samples, whose views coincide.
        """
        return sizes.distinct.astype(float)

    @property
    def views_alone(self) -> int | None:
        """V where every sample is a class of its own, of V views, whatever its label; else None."""
        return None

    def own_class(self) -> Loss | None:
        """Return the loss that this one is of where classes collapse, with T = I; None if itself.

        Its optimum is where to begin, or the optimum where that proves.
        """
        return None

    @abstractmethod
    def at_level(self, sizes: ClassSizes, level: Level) -> GramLoss:
        """Return the loss of these class sizes as a function of the Gram matrix at a level."""

    def class_terms(self, sizes: ClassSizes) -> ClassTerms | None:
        """Return a, o, u, r of every orbit where the targets are the own class, else None.

        Then the loss is one of the family of `screlax.problem.losses.class_softmax`.
        """
        return None

    def bounded_threshold(self, sizes: ClassSizes, features: Features) -> float:
        """Return λ_b at unit temperature: with a ridge below that the objective has no minimum."""
        return 0.0

    def points(self, sizes: ClassSizes) -> ClassSizes:
        """Return how many embeddings every class has, in the order of `sizes`.

        More than samples where there are views or prototypes; the levels of a problem, its control
        and its certificate are about these.
        """
        return sizes

    def anchor_count(self, sizes: ClassSizes) -> float:
        """Return the number of terms of the sum, by which its mean is divided."""
        return whole_if_whole(self.at_level(sizes, Level.ORBITS).anchor_count)

    def infimum(self, sizes: ClassSizes) -> float:
        """Return a number that the loss is never below, rounded down; −inf if none is known."""
        return self.at_level(sizes, Level.ORBITS).infimum

    def zero_threshold(self, sizes: ClassSizes) -> float:
        """Return λ_max = 2 eig_max(−R^{-1/2} ∇loss(0) R^{-1/2}), or zero, at unit temperature.

        R are the numbers of embeddings per class.
        """
        loss = self.at_level(sizes, Level.ORBITS)
        zero = CellGram(np.zeros(len(loss.cells)), np.zeros((len(loss.cells),) * 2))
        at = loss.expand(zero)
        slope = slack_blocks(loss.cells, loss.gradient(at), loss.spread(at))
        return max(0.0, -2 * slope.smallest_eigenvalue())

    def weights_of(self, counts: Vector, labels: Sequence[Hashable] | None) -> Vector | None:
        """Return the class weights of classes with so many samples, None where all weigh one.

        Raises
        ------
        InvalidInputError
            If a class has none.
        """
        return None

    def sample_terms(
        self, counts: Vector, anchored: Vector, labels: Sequence[Hashable] | None
    ) -> SampleTerms:
        """Return what the loss is for samples, which embeddings are evaluated by.

        Parameters
        ----------
        counts : ndarray, shape (k,)
            Embeddings of each class, at least one: views, keys and prototypes included.
        anchored : ndarray, shape (k,)
            How many of them are anchors.
        labels : sequence of hashable, or None
            Of the classes, for options that are one number for each.

        Raises
        ------
        InvalidInputError
            If the loss has no form for samples, or an option does not fit the classes.
        """
        raise InvalidInputError(
            f"{type(self).__name__} says nothing of samples; it can be evaluated for a Gram matrix"
        )

    def prototypes(self, classes: int, labels: Sequence[Hashable] | None) -> Vector | None:
        """Return how many prototypes each class has, shape (k,), or None where there are none.

        Embeddings given without prototypes get as many copies of each class mean.
        """
        return None

    @property
    def keys_are_anchors(self) -> bool:
        """Whether prototypes, or keys, have loss terms of their own."""
        return False

    def frame_height(self, sizes: ClassSizes, own: Vector) -> float:
        """Return loss − infimum at orthogonal class means of these squared norms, shape (m,).

        With its digits where it is small; +inf where the infimum is −inf.
        """
        zeros = np.zeros((len(own), len(own)))
        return self.at_level(sizes, Level.ORBITS).height(CellGram(own, zeros))[0]

    def has_anchors(self, sizes: ClassSizes) -> bool:
        """Whether any sample has a positive partner."""
        return bool(self.points(sizes).distinct.max() > 1)

    def check(self, sizes: ClassSizes) -> None:
        """Refuse class sizes with which the loss is no problem.

        Raises
        ------
        InvalidInputError
            If there is nothing to contrast, or no sample has a positive partner.
        """
        if sizes.classes < 2:
            raise InvalidInputError(
                "a contrastive problem needs at least two classes, got one; "
                "with one class there is nothing to contrast against"
            )
        if not self.has_anchors(sizes):
            raise InvalidInputError(
                f"all {sizes.classes} classes are singletons: no sample has a positive partner, "
                "so the loss has no term; at least one class needs two samples, or two views"
            )

    def resolved(
        self, sizes: ClassSizes, labels: Sequence[Hashable] | None
    ) -> tuple[Self, ClassSizes]:
        """Return the loss with one number per orbit for each option, and sizes of these orbits.

        Raises
        ------
        InvalidInputError
            If an option has no number for a class, or is that of another problem.
        """
        given, matrices = self._options(PerClass), self._options(PerClassPair)
        if not given and not matrices:
            self._check_orbits(sizes)
            return self, sizes
        orbit, count = sizes.orbit_index(), sizes.classes
        columns = {name: option.numbers[orbit] for name, option in self._options(PerOrbit).items()}
        for name, option in given.items():
            columns[name] = option.in_order_of(labels, count, name)
        pairs = {
            name: option.of_classes(orbit) for name, option in self._options(PerOrbitPair).items()
        }
        for name, option in matrices.items():
            pairs[name] = option.in_order_of(labels, count, name)
        return self._refined(columns, pairs, np.asarray(sizes, dtype=float), sizes.refined)

    def by_class(self, sizes: ClassSizes) -> Self:
        """Return the loss with one number per class, in class order, where it has one per orbit.

        The way back from `resolved`: of embeddings whose classes are 0, 1, …, k−1.
        """
        orbit = sizes.orbit_index()
        options: dict[str, Any] = {
            name: PerClass(option.numbers[orbit], None)
            for name, option in self._options(PerOrbit).items()
        }
        for name, option in self._options(PerOrbitPair).items():
            options[name] = PerClassPair(option.of_classes(orbit), None)
        return dataclasses.replace(self, **options)

    def resolved_for_pairs(
        self, sizes: ArrayLike, multiplicities: ArrayLike
    ) -> tuple[Self, ClassSizes]:
        """Return what `resolved` does where options have one number per pair; see `from_pairs`."""
        given = self._options(PerClass)
        for name in self._options(PerClassPair):
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

    def _options(self, kind: type) -> dict[str, Any]:
        """Return the options of a kind by class or pair: as given, or as resolved."""
        options = {name: getattr(self, name) for name in self._by_class()}
        return {name: option for name, option in options.items() if isinstance(option, kind)}

    def _by_class(self) -> tuple[str, ...]:
        return self.per_class_options + self.per_pair_options

    def _check_orbits(self, sizes: ClassSizes) -> None:
        """Refuse numbers per orbit that were resolved for other class sizes."""
        lengths = {name: len(option.numbers) for name, option in self._options(PerOrbit).items()}
        lengths |= {name: len(option.own) for name, option in self._options(PerOrbitPair).items()}
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
    def options(self) -> dict[str, Any]:
        """The options that are not the default."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            field.name: values[field.name]
            for field in fields(self)
            if values[field.name] != field.default
        }

    @property
    def differs_by_class(self) -> bool:
        """Whether an option has one number per class or pair, not yet resolved by a problem."""
        return bool(self._options(PerClass) or self._options(PerClassPair))

    @property
    def orbit_options(self) -> dict[str, NDArray[Any]]:
        """Options that a problem has resolved to one number per orbit, each of shape (m,)."""
        return {name: option.numbers for name, option in self._options(PerOrbit).items()}

    @property
    def orbit_option_names(self) -> tuple[str, ...]:
        """Names of all options that a problem has resolved, also of those by pair of orbits."""
        return (*self.orbit_options, *self._options(PerOrbitPair))

    @property
    def text(self) -> str:
        """``name:option=value,…`` in full: `check_loss` makes the same loss of it.

        Numbers per class are JSON, a list or an object by label. Those of a resolved loss are per
        orbit of its problem, and text does not say which.
        """
        return loss_text(self.name, self.options)

    def with_options(self, **options: Any) -> Self:
        """Return the loss with other values of some options.

        Raises
        ------
        InvalidInputError
            If it has no such option.

        Examples
        --------
        >>> import screlax
        >>> print(screlax.losses.SupCon().with_options(views=2))
        supcon:views=2
        """
        self.check_options(options)
        return dataclasses.replace(self, **options)

    @classmethod
    def check_options(cls, options: Iterable[str]) -> None:
        """Refuse options that the loss does not have, with those that it has."""
        known = sorted(field.name for field in fields(cls))
        for option in options:
            if option not in known:
                raise InvalidInputError(
                    f"loss {cls.name!r} has no option {shown(option)}; it has "
                    f"{', '.join(known) or 'none'}"
                )

    def record(self) -> dict[str, Any]:
        """Return name and options that are not the default, as JSON has them."""
        return {"name": self.name, **{name: json_ready(v) for name, v in self.options.items()}}

    def __str__(self) -> str:
        """Return `text` with the least and the largest of numbers that differ between classes."""
        options = self.options
        kinds = (PerClass, PerOrbit, PerClassPair, PerOrbitPair)
        short = {
            name: str(option) for kind in kinds for name, option in self._options(kind).items()
        }
        return loss_text(self.name, options, short)


def whole_if_whole(number: float) -> float:
    """Return a whole number as an integer: counts are printed as such."""
    return int(number) if number.is_integer() else number


LOSSES: dict[str, type[Loss]] = {}
"""Every loss by name."""

Known = TypeVar("Known", bound=type[Loss])


def register_loss(loss: Known) -> Known:
    """Make a loss known to command line, sweeps and files; a class decorator.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> from typing import ClassVar
    >>> import screlax
    >>> @screlax.register_loss
    ... @dataclass(frozen=True)
    ... class Halved(screlax.losses.SupCon):
    ...     name: ClassVar[str] = "halved"
    >>> screlax.UFM([5, 3], screlax.Sphere(1.0), loss="halved").loss
    Halved(class_weights=None, views=1)
    >>> del screlax.losses.LOSSES["halved"]
    """
    LOSSES[loss.name] = loss
    return loss


def loss_of_record(record: Any) -> Loss:
    """Return the loss of `Loss.record`; lists are numbers per orbit, mappings matrices by orbit."""
    if isinstance(record, str):  # files of 0.2
        return check_loss(record)
    rest = dict(record)
    batches = rest.pop("batches", None)
    loss = _loss_named(rest["name"], _options_of_record(rest))
    if batches is None:
        return loss
    return loss.in_batches((batches["name"], _options_of_record(batches)))


def _options_of_record(record: dict[str, Any]) -> dict[str, Any]:
    options = {name: value for name, value in record.items() if name != "name"}
    for name, value in options.items():
        if isinstance(value, list):
            options[name] = PerOrbit(np.array(value, dtype=float))
        if isinstance(value, dict):
            options[name] = PerOrbitPair.of_record(value)
    return options


def check_loss(loss: object) -> Loss:
    """Return a loss unchanged, or made from its text ``name:option=value,…``.

    Raises
    ------
    InvalidInputError
        If it is neither, there is no such loss, or it has no such option.
    """
    if isinstance(loss, Loss):
        return loss
    if not isinstance(loss, str):
        raise InvalidInputError(f"loss must be a loss or its name, got {loss!r}")
    what, _, batches = loss.partition(" in ")
    found = _loss_named(*read_loss(what))
    return found.in_batches(read_loss(batches)) if batches else found


def _loss_named(name: str, options: dict[str, Any]) -> Loss:
    """Return the loss of that name with these options, or say what is wrong with them."""
    if name not in LOSSES:
        load_installed()
    if name not in LOSSES:
        raise InvalidInputError(
            f"there is no loss {shown(name)}; choose one of {', '.join(sorted(LOSSES))}, or load "
            "the module that registers it (--with MODULE)"
        )
    loss = LOSSES[name]
    loss.check_options(options)
    missing = [f.name for f in fields(loss) if f.default is MISSING and f.name not in options]
    if missing:
        raise InvalidInputError(f"loss {name!r} needs {', '.join(missing)}, as {missing[0]}=value")
    return loss(**options)
