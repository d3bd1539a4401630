"""The result: a feasible Gram matrix, the proof of how good it is, and how it came about."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from scipy import linalg

from ..analysis.determinacy import Determinacy, find_determinacy
from ..analysis.differentiate import differentiate
from ..analysis.embedding import Embeddings, recover_embeddings
from ..analysis.sensitivity import Sensitivity
from ..errors import InvalidInputError, Status
from ..gram.cells import CellGram, Level, ScatteredGram, check_level
from ..gram.curve import AnyGram
from ..gram.logits import LogitGram
from ..optional import require_memory
from ..problem.levels import classes_to_orbits
from ..problem.program import build_program
from ..problem.ufm import UFM
from ..proof.certificate import Certificate
from ..proof.certifiers import VERIFIED
from ..proof.dual import DualPoint
from ..types import Matrix, Vector
from .classifier_points import classifier_points
from .components import Component, between_components, certificate_of
from .constraint_multipliers import ConstraintMultiplier, constraint_multipliers
from .determinacy import left_open
from .onto import checked_onto, refuse_nonnegative, turned_onto
from .own_constraints import is_nearly_within, largest_excess
from .solver_statistics import SolverStatistics
from .spectrum import class_spectrum, has_known_rank
from .tightness import is_tight
from .verify import proved_again

APART = "does not collapse within classes"
"""What is said of a solution whose classes have several points."""


@dataclass(frozen=True, eq=False)
class Solution:
    """A certified solution of the relaxation of a `UFM`.

    Attributes
    ----------
    problem : UFM
        The problem it solves.
    point_gram : CellGram
        The feasible Gram matrix, by distinct class size (largest first), in the units of G; of the
        class means, with the scatter around them, where classes do not collapse. Free prototypes
        come after the classes; `orbit_gram` leaves them out.
    orbit_dual : DualPoint or None
        Dual point behind the lower bound, by distinct class size at unit temperature, or by class
        where classes do not collapse; None where the softmax rows of the Gram matrix give the best
        bound.
    certificate : Certificate
        Proved bounds, computed at the level the problem was solved at; at orbits when read from a
        file, from the points in it.
    tol : float
        Relative gap up to which `status` is optimal.
    solver, solver_reason : str
        What solved it, and why that was chosen.
    level, level_reason : str
        The level it was solved at, and why.
    iterations : int or None
        Iterations as the solver counts them.
    seconds : mapping of str to float
        Wall time by phase: model, solve, certify, total.
    solver_message : str
        The solver's own status, for the record; no attribute here depends on it.
    components : tuple of Component
        Where batches are drawn once (`FixedBatches`), the samples that meet, with an optimum for
        each; otherwise empty. The certificate then is that of their sum, and what asks for the
        class means says that the loss does not decide them.
    solver_statistics : tuple of SolverStatistics
        What a conic solver said of its runs, one for each form of the program it was given; empty
        where a native method solved it. The solver's word: no attribute here depends on it.

    Examples
    --------
    >>> import screlax
    >>> problem = screlax.UFM({"cat": 50, "dog": 20, "fox": 5}, screlax.Ridge(0.1))
    >>> solution = screlax.solve_relaxation(problem)
    >>> print(solution.status)
    optimal
    >>> bool(solution.lower <= solution.value), solution.class_gram.shape, solution.rank
    (True, (3, 3), 2)
    >>> solution.sample_gram(["fox", "cat", "cat"]).shape, solution.embeddings(4).vectors.shape
    ((3, 3), (3, 4))
    >>> solution.prototypes(16, normalize=True, dtype="float32").shape
    (3, 16)
    >>> solution.sensitivity().value_by_parameter > 0  # a larger λ costs
    True
    >>> loaded = screlax.Solution.load(solution.save("optimum.npz"))
    >>> loaded.recheck(level="samples").proves(1e-9)
    True
    """

    problem: UFM
    point_gram: AnyGram
    orbit_dual: DualPoint | None
    certificate: Certificate
    tol: float
    solver: str
    solver_reason: str
    level: str
    level_reason: str
    iterations: int | None
    seconds: Mapping[str, float]
    solver_message: str = ""
    components: tuple[Component, ...] = ()
    solver_statistics: tuple[SolverStatistics, ...] = ()

    @property
    def status(self) -> Status:
        """`optimal` if and only if the certified relative gap is at most `tol`.

        Else `inaccurate`; under constraints that are functions of the cvxpy variable, which no
        bound knows of, "feasible, not certified".
        """
        if self.certificate.proves(self.tol):
            return Status.OPTIMAL
        found = math.isfinite(self.upper) and not self.problem.has_linear_constraints
        return Status.FEASIBLE if found else Status.INACCURATE

    @property
    def value(self) -> float:
        """Objective at the returned Gram matrix, summed over anchors; equals `upper`."""
        return self.certificate.upper

    @property
    def mean_value(self) -> float:
        """Objective per anchor, the scale of a training loss; of batches per embedding.

        More exactly `UFM.mean_unit`: what training logs is a mean over all of a batch.
        """
        return self.value / self.problem.mean_count

    @property
    def upper(self) -> float:
        """Upper bound on the optimal value."""
        return self.certificate.upper

    @property
    def lower(self) -> float:
        """Lower bound on the optimal value, for embeddings of any dimension.

        Of constraints that are functions of the cvxpy variable it knows nothing: then it is that
        without them, which is a lower bound all the same.
        """
        return self.certificate.lower

    @property
    def gap(self) -> float:
        """Duality gap, upper − lower."""
        return self.certificate.gap

    @property
    def relative_gap(self) -> float:
        """The gap by value and spread of the objective, gap/(|upper| + upper − infimum)."""
        return self.certificate.relative_gap

    @cached_property
    def is_tight(self) -> bool:
        """Whether embeddings of some dimension are known to have the proved value.

        Always with real features, where every positive semidefinite matrix is a Gram matrix. With
        nonnegative ones where a nonnegative factor was found whose objective, rescaled to the
        control, is within `tol` of `lower`: then the relaxation is exact. Orthogonal classes have
        one at sight; else it is searched for, for up to 200 classes. False proves nothing.
        """
        if self.components:
            return all(c.solution is None or c.solution.is_tight for c in self.components)
        return is_tight(
            self.problem, self.orbit_gram, self.certificate, self.tol, self.rank_tolerance
        )

    @property
    def tightness_in_words(self) -> str:
        """Whether nonnegative embeddings are known to reach the bounds; empty for real features."""
        if not self.problem.features.are_nonnegative:
            return ""
        if self.is_tight:
            return "nonnegative ones reach the bounds: the relaxation is tight"
        return "no nonnegative ones are known that reach the bounds, which hold for all of them"

    @property
    def value_determines_geometry(self) -> bool:
        """Whether nothing known is `left_open` by the value."""
        return not self.left_open

    @property
    def left_open(self) -> str:
        """What the value does not determine of the geometry, in words; mostly nothing.

        All angles, where double precision does not tell the optimum from an orthogonal frame of
        the same norms, as at ρ/τ of hundreds: there only native solvers still see the optimality
        conditions. With nonnegative features entries that occur in no row of the loss, such as the
        inner products among two or more singletons.
        Where soft targets are met exactly, other Gram matrices meet them too.
        """
        if self.components:
            return between_components(self.components)
        return left_open(self.problem, self.point_gram, self.certificate)

    @property
    def collapses(self) -> bool:
        """Whether the embeddings of each class coincide; always, unless targets are soft."""
        return not isinstance(self.point_gram, ScatteredGram)

    @property
    def within_words(self) -> str:
        """What is said where classes do not collapse; else empty."""
        if self.collapses:
            return ""
        distance = self.within_class_variability
        return f"{APART} (mean squared distance {distance:.5g} from the class mean)"

    @property
    def constraint_excess(self) -> float:
        """By how much the Gram matrix violates constraints of the problem's own, at most.

        In the units of ⟨A, G⟩. Of linear ones it is the rounding of that sum; of functions of the
        cvxpy variable what the solver left, up to 1e-6 of the largest squared norm (at least one).
        """
        return largest_excess(self.problem, self.point_gram)

    @property
    def constraint_multipliers(self) -> tuple[ConstraintMultiplier, ...]:
        """What the bound of each linear constraint of the problem's own costs, in their order.

        Empty where a constraint is a function of the cvxpy variable, which has no multiplier.
        """
        return constraint_multipliers(self)

    @property
    def within_class_variability(self) -> float:
        """Mean squared distance of an embedding from its class mean; zero where classes collapse.

        The trace of the within-class scatter per embedding, in the units of G.
        """
        if not isinstance(self.point_gram, ScatteredGram):
            return 0.0
        mass = self.problem.points.distinct * self.problem.points.multiplicities
        return float(mass @ self.point_gram.scatter / mass.sum())

    @cached_property
    def orbit_gram(self) -> AnyGram:
        """The Gram matrix by distinct class size (largest first), in the units of G."""
        classes = self.problem.class_sizes.orbits
        if classes == self.problem.points.orbits:
            return self.point_gram
        return self.point_gram.dense().leading(classes)

    @property
    def prototype_gram(self) -> Matrix:
        """Gram matrix of the prototypes in class order, (k, k): that of the classes where tied."""
        self._refuse_classifier("classifier_gram")
        k = self.problem.classes
        return self.class_gram if self._is_of_classes else self._matrix_of_points[k:, k:]

    @property
    def class_prototype_gram(self) -> Matrix:
        """Inner products of class means, by row, with prototypes, by column, shape (k, k)."""
        self._refuse_classifier("logits")
        k = self.problem.classes
        return self.class_gram if self._is_of_classes else self._matrix_of_points[:k, k:]

    def _refuse_classifier(self, instead: str) -> None:
        """Refuse to call the rows of a classifier prototypes."""
        if self.problem.loss.has_classifier:
            raise InvalidInputError(
                f"loss {self.problem.loss} has a classifier and no prototypes; use {instead}"
            )

    @property
    def _is_of_classes(self) -> bool:
        """Whether there are no points but classes."""
        return self.problem.points.classes == self.problem.classes

    @property
    def _matrix_of_points(self) -> Matrix:
        """Gram matrix of class means and free prototypes."""
        return classes_to_orbits(self.problem.points).lift(self.point_gram.dense())

    @property
    def class_gram(self) -> Matrix:
        """Gram matrix of the class means in class order, shape (k, k).

        Raises
        ------
        ProblemTooLargeError
            If k×k numbers do not fit in memory.
        """
        k = self.problem.classes
        require_memory(16 * k * k, f"the Gram matrix of {k:,} classes", "; use orbit_gram")
        return classes_to_orbits(self.problem.class_sizes).lift(self.orbit_gram.dense())

    @property
    def logits(self) -> Matrix:
        """Logits ⟨w_j, h_c⟩ + b_j, rows by the class c of a sample, shape (k, k).

        A temperature τ other than one divides the inner product alone: the loss is of
        Δ_j ⟨w_j, h_c⟩/τ + b_j + t_j.

        Raises
        ------
        InvalidInputError
            If the loss has no classifier.
        """
        gram, orbit = self._logit_gram, self._orbit_of_classes
        return gram.logits.lifted(orbit) + gram.bias[orbit]

    @property
    def bias(self) -> Vector:
        """Bias of the classifier, shape (k,); zero without one."""
        return self._logit_gram.bias[self._orbit_of_classes]

    @property
    def classifier_gram(self) -> Matrix:
        """Gram matrix of the rows of the classifier in class order, shape (k, k)."""
        return classes_to_orbits(self.problem.class_sizes).lift(self._logit_gram.classifier)

    @property
    def _logit_gram(self) -> LogitGram:
        """Logits by orbit."""
        if not isinstance(self.point_gram, LogitGram):
            raise InvalidInputError(
                f"loss {self.problem.loss} has no classifier; take screlax.losses.CrossEntropy()"
            )
        k = self.problem.classes
        require_memory(16 * k * k, f"the logits of {k:,} classes", "; use point_gram")
        return self.point_gram

    @property
    def _orbit_of_classes(self) -> NDArray[np.int64]:
        return self.problem.class_sizes.orbit_index()

    def sample_gram(self, labels: ArrayLike | Sequence[Hashable]) -> Matrix:
        """Return the Gram matrix of samples with these labels, shape (len(labels), len(labels)).

        Samples of a class coincide at the optimum, unless `collapses` says that they do not: then
        each label stands for another sample of its class.

        Raises
        ------
        InvalidInputError
            If a label is no class of the problem.
        ProblemTooLargeError
            If the matrix does not fit in memory.
        """
        number = self.problem.class_index(labels)
        count = len(number)
        require_memory(16 * count**2, f"the Gram matrix of {count:,} samples", "; use class_gram")
        orbit = self.problem.class_sizes.orbit_index()[number]
        matrix = self.orbit_gram.pair[np.ix_(orbit, orbit)]
        same = number[:, None] == number[None, :]
        point, product = (part[orbit] for part in self.orbit_gram.dense().around_mean)
        own = self.orbit_gram.own[orbit]
        matrix = np.where(same, (own + product)[:, None], matrix)
        np.fill_diagonal(matrix, own + point)
        return matrix

    @property
    def eigenvalues(self) -> np.ndarray:
        """Eigenvalues of the class Gram matrix, shape (k,), largest first."""
        values, copies = class_spectrum(self.orbit_gram, self.problem.class_sizes.multiplicities)
        return np.sort(np.repeat(values, copies))[::-1]

    @property
    def rank(self) -> int:
        """Numerical rank of the Gram matrix: eigenvalues above `rank_tolerance` × the largest.

        Beyond a thousand distinct sizes what the form of the solution says, k − 1 without
        singletons: the kernel is spanned by the slack vector.
        """
        if not self.orbit_gram.own.any():
            return 0
        if self.certificate.proves(self.tol) and has_known_rank(self.orbit_gram):
            return self.orbit_gram.known_rank
        values, copies = class_spectrum(self.orbit_gram, self.problem.class_sizes.multiplicities)
        return int(copies[values > self.rank_tolerance * max(values.max(), 0.0)].sum())

    @property
    def rank_tolerance(self) -> float:
        """Relative size below which an eigenvalue counts as zero.

        √(relative gap), at least √machine epsilon: a convention, not a bound. An excess δ allows
        a distance of about √(2δ/μ), μ the smallest curvature, which falls like e^{−ρ/τ}.
        """
        gap = self.relative_gap
        return math.sqrt(max(gap, np.finfo(float).eps)) if math.isfinite(gap) else 1

    def embeddings(self, dim: int | None = None, *, truncate: bool = False) -> Embeddings:
        """Return one optimal embedding per class, rows in class order, shape (k, dim).

        Every sample of a class has its class's embedding, and so have its views and the prototypes
        tied to the class: index with ``problem.class_index(labels)``. Where classes do not collapse
        (`collapses`), these are the class means.

        Parameters
        ----------
        dim : int, optional
            Embedding dimension; the rank by default.
        truncate : bool, default False
            Allow a dimension below the rank; `value_lost` of the result is what it costs.

        Returns
        -------
        Embeddings
            Its `vectors` are the array, which `numpy.asarray` and indexing give too.

        Raises
        ------
        EmbeddingDimensionError
            If `dim` is below the rank; states both and what truncating would cost.

        Examples
        --------
        >>> import screlax
        >>> solution = screlax.solve_relaxation({"cat": 50, "dog": 5}, screlax.Sphere(1.0))
        >>> index = solution.problem.class_index(["dog", "cat", "dog"])
        >>> solution.embeddings()[index].round(6) + 0.0
        array([[-1.],
               [ 1.],
               [-1.]])
        """
        if isinstance(self.point_gram, LogitGram):
            return self._classifier_points(dim, truncate=truncate)[0]
        found = recover_embeddings(
            self.class_gram if self._is_of_classes else self._matrix_of_points,
            dim,
            truncate=truncate,
            tolerance=self.rank_tolerance,
            objective=self._objective_of_class_gram,
            nonnegative=self.problem.features.are_nonnegative,
        )
        return replace(found, vectors=found.vectors[: self.problem.classes])

    def classifiers(self, dim: int | None = None, *, truncate: bool = False) -> Embeddings:
        """Return the rows of the classifier in the basis of `embeddings(dim)`, shape (k, dim).

        Its inner products with the embeddings, times the scale of `Normalized` and with `bias`
        added, are the `logits`, where nothing is truncated.

        Parameters
        ----------
        dim, truncate
            As for `embeddings`.

        Raises
        ------
        InvalidInputError
            If the loss has no classifier.
        EmbeddingDimensionError
            If `dim` is below the rank and `truncate` is False.

        Examples
        --------
        >>> import numpy as np
        >>> import screlax
        >>> control = screlax.WeightDecay(0.5, 0.5)
        >>> solution = screlax.solve_relaxation([100, 10, 10], control, loss="cross-entropy")
        >>> features, classifier = solution.embeddings(8).vectors, solution.classifiers(8).vectors
        >>> np.allclose(features @ classifier.T, solution.logits)
        True
        """
        return self._classifier_points(dim, truncate=truncate)[1]

    def _classifier_points(
        self, dim: int | None, *, truncate: bool
    ) -> tuple[Embeddings, Embeddings]:
        """Features and rows of the classifier in one basis."""
        return classifier_points(
            self.problem, self._logit_gram, dim, truncate=truncate, tolerance=self.rank_tolerance
        )

    def prototypes(
        self,
        dim: int | None = None,
        *,
        onto: ArrayLike | None = None,
        normalize: bool = False,
        truncate: bool = False,
        dtype: DTypeLike = np.float64,
    ) -> NDArray[Any]:
        """Return the optimal class means as an array, ready to fix a classifier or as targets.

        Of cross-entropy they are those of the features; `classifiers` has the rows beside them.

        Row c belongs to class c: to the label ``problem.class_labels[c]``, or to label c where the
        problem has none. In torch, a classifier fixed to the optimal geometry is ::

            classifier = torch.nn.Linear(dim, classes, bias=False)
            classifier.weight.data = torch.from_numpy(solution.prototypes(dim, dtype="float32"))
            classifier.weight.requires_grad_(False)

        Parameters
        ----------
        dim : int, optional
            Feature dimension of the network; by default that of `onto`, or the rank. Larger ones
            are padded with zeros.
        onto : array-like, shape (k, dim), optional
            Class means of a network, in class order, onto which the prototypes are turned by the
            orthogonal matrix that brings them nearest, so that training need not turn the features.
            A class of mean zero draws nothing. Scale plays no part. Truncated prototypes are also
            exchanged among classes that the problem does not distinguish, where that is nearer;
            without truncation an exchange is a rotation too.
        normalize : bool, default False
            Scale every prototype to norm one: the directions only.
        truncate : bool, default False
            Allow a dimension below the rank; `embeddings` says what that costs.
        dtype : dtype, default float64
            Of the result; float32 for most networks.

        Returns
        -------
        ndarray, shape (k, dim)
            C-contiguous, not shared with the solution.

        Raises
        ------
        EmbeddingDimensionError
            If `dim` is below the rank and `truncate` is False.
        InvalidInputError
            If a prototype to be normalised is zero, `dtype` is no floating-point type, or `onto`
            does not fit, or features are nonnegative, which no rotation keeps.

        Examples
        --------
        >>> import numpy as np
        >>> import screlax
        >>> solution = screlax.solve_relaxation([50, 20, 5], screlax.Sphere(1.0))
        >>> means = np.random.default_rng(0).standard_normal((3, 8))
        >>> prototypes = solution.prototypes(onto=means)
        >>> np.allclose(prototypes @ prototypes.T, solution.class_gram)
        True
        >>> before = np.linalg.norm(solution.prototypes(8) - means)
        >>> bool(np.linalg.norm(prototypes - means) < before)
        True
        """
        try:
            kind = np.dtype(dtype)
        except TypeError:
            kind = None
        if kind is None or kind.kind != "f":
            raise InvalidInputError(
                f"dtype must be a floating-point type of NumPy, such as 'float32', got {dtype}"
            )
        if onto is None:
            vectors = self.embeddings(dim, truncate=truncate).vectors
        else:
            refuse_nonnegative(self.problem)
            means = checked_onto(onto, self.problem.classes, dim)
            points = self.embeddings(means.shape[1], truncate=truncate).vectors
            vectors = turned_onto(points, means, self._orbit_of_classes)
        if normalize:
            norms = linalg.norm(vectors, axis=1, keepdims=True)
            zero = np.flatnonzero(norms <= self.rank_tolerance * norms.max())
            if len(zero):
                raise InvalidInputError(
                    f"the prototype of class {zero[0]} is zero and has no direction; "
                    "leave normalize out, or use a smaller λ"
                )
            vectors = vectors / norms
        return np.array(vectors, dtype=kind, order="C")

    def _objective_of_class_gram(self, matrix: Matrix) -> float:
        """Objective of points with this Gram matrix, first rescaled to satisfy the control.

        Infinite where an embedding is zero and should be on a sphere, or a constraint of the
        problem's own is violated by more than rounding.
        """
        level = Level.CLASSES if self.collapses else Level.INSTANCES
        relaxation = build_program(self.problem, level)
        orbit = self.problem.points.orbit_index()
        point, product = (part[orbit] for part in self.point_gram.dense().around_mean)
        squares, pair = np.diag(matrix) + point, matrix + np.diag(product)
        scale = self.problem.embedding_control.scale(squares, relaxation.cells)
        if not np.isfinite(scale).all():
            return math.inf
        scaled = CellGram(scale**2 * squares, scale[:, None] * pair * scale)
        unit = scaled.scaled(1 / self.problem.temperature)
        return relaxation.value(unit) if is_nearly_within(relaxation, unit) else math.inf

    def recheck(
        self, level: str = "orbits", certifier: str = "double", *, rigorous: bool = False
    ) -> Certificate:
        """Recompute the certificate from scratch, from the problem and the stored points alone.

        Parameters
        ----------
        level : str, default "orbits"
            Level to lift to and certify at; all levels prove the same problem. "auto" is orbits.
        certifier : str, default "double"
            What proves it; others can be registered (`screlax.register_certifier`).
        rigorous : bool, default False
            Short for certifier "verified": bounds that hold in exact arithmetic for the problem as
            it is given, enclosed in ball arithmetic (``pip install 'screlax[verified]'``). For
            losses that are rows of a softmax with real features, SupCon in expected mini-batches,
            orthogonal classes, and cross-entropy with real features, no bias and `WeightDecay` or
            `LayerPeeled`; under linear constraints too, at levels classes and orbits.

        Raises
        ------
        MissingExtraError
            If ball arithmetic is not installed.
        SolverCapabilityError
            If there is no such proof for the loss; see `screlax.proof.verified.certifier`.

        Examples
        --------
        >>> import screlax
        >>> solution = screlax.solve_relaxation([50, 20, 5], screlax.Ridge(0.1))
        >>> certificate = solution.recheck(rigorous=True)
        >>> certificate.is_verified, certificate.gap <= 1e-15 * solution.value
        (True, True)
        """
        certifier = VERIFIED if rigorous else certifier
        target = Level.ORBITS if level == "auto" else check_level(level)
        if self.components:
            return certificate_of([c.rechecked(target.value, certifier) for c in self.components])
        return proved_again(
            self.problem, self.point_gram, self.orbit_dual, target, certifier
        ).certificate

    def sensitivity(self) -> Sensitivity:
        """Return how value, norms and Gram matrix move with λ or ρ, τ and the class sizes.

        By the implicit function theorem, on the slack-vector equations or on the optimality
        conditions; see `screlax.analysis.sensitivity.Sensitivity`. At zero nothing moves but the
        value. Printed it is a table.

        Raises
        ------
        InvalidInputError
            If there are no derivatives: at the edge between two regimes, where the optimum is one
            of many, or with nonnegative features.
        ProblemTooLargeError
            If there are too many distinct sizes.

        Examples
        --------
        >>> import screlax
        >>> solution = screlax.solve_relaxation([50, 20, 5], screlax.Ridge(0.1))
        >>> print(str(solution.sensitivity()).splitlines()[0])
        value, summed over anchors: 76.4999 by λ or ρ, 7.64999 by τ
        """
        self.problem.loss.require_embeddings("sensitivity")
        return differentiate(self.problem, self.point_gram)

    def determinacy(self) -> Determinacy:
        """Return how sharply the loss determines the geometry: what an excess leaves open.

        At τ = 0.07 an excess of a millionth of the loss allows any geometry; at 0.2 it does not.
        For any number of classes, of up to some thousand distinct sizes.

        Raises
        ------
        InvalidInputError
            If the optimum or its value is zero, features must be nonnegative, or classes do not
            collapse or have prototypes that are points of their own.
        ProblemTooLargeError
            If there are too many distinct sizes, or more than 60 classes of a loss that does not
            say its Hessian row by row.

        Examples
        --------
        >>> import screlax
        >>> counts = screlax.profile("cifar10-lt:100")
        >>> for temperature in (0.2, 0.07):
        ...     solution = screlax.solve_relaxation(
        ...         counts, screlax.Sphere(1.0), temperature=temperature
        ...     )
        ...     print(round(solution.determinacy().distance(1e-6), 2))
        0.03
        1.09
        """
        self.problem.loss.require_embeddings("determinacy")
        return find_determinacy(
            self.problem, self.point_gram, self.value, self.gap, self.rank, self.rank_tolerance
        )

    def save(self, path: str | Path) -> Path:
        """Write to an .npz file, atomically and without pickle; see `screlax.solution.storage`."""
        from .storage import save_solution

        return save_solution(self, path)

    @classmethod
    def load(cls, path: str | Path) -> Solution:
        """Read a solution that `save` wrote.

        Raises
        ------
        FileFormatError
            If the file is not a screlax solution, or is damaged.
        """
        from .storage import load_solution

        return load_solution(path)

    def _repr_html_(self) -> str:
        from .notebook import solution_card

        return solution_card(self)

    def __repr__(self) -> str:
        apart = len(self.components)
        geometry = f"{apart} components" if apart else f"rank {self.rank}"
        return (
            f"<Solution {self.status}: value {self.value:.10g}, "
            f"relative gap {self.certificate.gap_in_words}, "
            f"{self.problem.description}, k={self.problem.classes}, {geometry}, "
            f"{self.solver} at level {self.level}{'' if self.collapses else ', ' + APART}>"
        )
