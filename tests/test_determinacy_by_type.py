"""Determinacy by type of change against matrices over all pairs of classes, and at real sizes."""

import math
from dataclasses import dataclass, fields

import numpy as np
import pytest
from every_loss import COLLAPSING, CONTROLS, LOSSES, SIZES, TEMPERATURE, control_of

from screlax import UFM, Ball, Budget, ClassSizes, Ridge, Sphere, profile, solve_relaxation
from screlax.analysis.determinacy.dense import dense_curvature
from screlax.analysis.determinacy.inertia import SymmetricFactor
from screlax.batches import ClassBatches, PoissonBatches, RandomBatches, WeightedBatches
from screlax.errors import InvalidInputError, ProblemTooLargeError
from screlax.gram.cells import CellGram, Level
from screlax.losses import NegativesOnly, Prototypes, SupCon
from screlax.problem.losses.softmax_rows import SoftmaxRows
from screlax.problem.program import build_program


def dense(solution):
    unit = solution.point_gram.scaled(1 / solution.problem.temperature).dense()
    return dense_curvature(solution.problem, unit, solution.rank)


def agree(problem):
    """The value agrees with that of the pairs, and the direction has it."""
    solution = solve_relaxation(problem)
    found, of_pairs = solution.determinacy(), dense(solution)
    assert found.curvature == pytest.approx(of_pairs.value, rel=1e-8)
    assert found.curvature_lower <= found.curvature
    assert found.curvature_lower == pytest.approx(found.curvature, rel=1e-8)
    if found.direction is not None:
        matrix = found.direction.matrix()
        assert np.linalg.norm(matrix) == pytest.approx(1, rel=1e-9)
        assert abs((matrix * solution.class_gram).sum()) < 1e-9 * np.linalg.norm(
            solution.class_gram
        )
    return found


@pytest.mark.parametrize("kind", CONTROLS)
@pytest.mark.parametrize("name", [name for name in COLLAPSING if name != "free prototypes"])
def test_every_loss_and_control(name, kind):
    agree(UFM(SIZES, control_of(name, kind), TEMPERATURE, loss=LOSSES[name]))


@pytest.mark.parametrize("seed", range(12))
def test_random_profiles_with_equal_classes_and_singletons(seed):
    generator = np.random.default_rng(seed)
    distinct = np.unique(np.exp(generator.uniform(0, 5, 4)).astype(int))
    copies = generator.integers(1, 6, len(distinct))
    sizes = [*np.repeat(distinct, copies).tolist(), 7, 300]
    control = [Sphere(1.0), Ball(1.0), Budget(1.0), Ridge(0.1)][seed % 4]
    temperature = float(generator.choice([0.2, 0.5, 1.0]))
    agree(UFM(sizes, control, temperature))


ORBITS = [9] * 6 + [4] * 5


@pytest.mark.parametrize(
    ("problem", "kind"),
    [
        (UFM([50, 20, 5], Sphere(1.0), 0.3), "symmetric"),
        (UFM([*ORBITS, *[1] * 4], Sphere(1.0), 0.3), "one class"),
        (UFM([*ORBITS, *[1] * 4], Ridge(0.05), 0.3), "one class"),
        (UFM([*ORBITS, *[1] * 4], Budget(1.0), 0.3), "within"),
        (UFM(ORBITS, Ridge(0.1), 0.3), "within"),
        (UFM(ORBITS, Budget(1.0), 0.3), "within"),
        (UFM([9] * 6, Sphere(1.0), 0.3), "within"),
        (UFM([9, 9, 9], Ridge(0.2), 0.3), "one class"),
        (UFM([100, 3, 2], Sphere(1.0)), None),  # one point against the others
        (UFM([9, 9], Sphere(1.0), 0.3), None),
        (UFM([100, 3, 2, 2, 2], Sphere(1.0)), "one class"),
        (UFM([30, 30, 10, 10, 4, 4], Sphere(1.0), 0.3, batches=WeightedBatches(16)), "between"),
        (UFM([*[30] * 3, *ORBITS], Ridge(0.3), 0.3, batches=RandomBatches(16)), "within"),
        (UFM([5, 5, 5, 5, 4, 3, 1, 1], Ridge(0.9), 0.5, batches=RandomBatches(4)), "within"),
        (UFM(range(2, 30), Sphere(1.0), 0.3, batches=PoissonBatches(0.2)), "symmetric"),
        (UFM(ORBITS, Ridge(0.3), batches=ClassBatches(2, 3)), "within"),
        (UFM(ORBITS, Ridge(3.2), 0.7, loss=NegativesOnly()), "one class"),
    ],
    ids=str,
)
def test_every_type_can_be_the_least(problem, kind):
    found = agree(problem)
    assert (None if found.direction is None else found.direction.kind) == kind
    if kind is None:
        assert found.curvature == math.inf


def test_the_direction_of_many_classes_has_the_curvature():
    """On the sphere q is the Hessian of the loss and the slack's term, for 150 classes in pairs."""
    sizes = np.repeat(np.arange(2, 77), 2)
    solution = solve_relaxation(UFM(sizes, Sphere(1.0), 0.3, batches=RandomBatches(64)))
    found, gram = solution.determinacy(), solution.class_gram / 0.3
    size = np.linalg.norm(gram)
    change = size * found.direction.matrix()
    change -= gram * (np.diagonal(change) / np.diagonal(gram)).mean()  # the norms stay
    assert np.abs(np.diagonal(change)).max() < 1e-8 * size
    program = build_program(solution.problem, Level.CLASSES)
    at = program.loss.expand(CellGram.from_matrix(gram))
    bent = program.loss.curvature(at, CellGram.from_matrix(change))
    values, vectors = np.linalg.eigh(gram)
    kernel = vectors[:, 0]
    slope = program.loss.gradient(at)
    moved = change @ kernel
    along = slope.own + (slope.pair * gram).sum(axis=1) / np.diagonal(gram)
    whole = slope.pair + np.diag(slope.own - along)
    strength = float(kernel @ whole @ kernel)
    inverse = (vectors[:, 1:] / values[1:]) @ vectors[:, 1:].T
    curved = float((bent.pair * change).sum() + bent.own @ np.diagonal(change))
    assert curved + 2 * strength * moved @ inverse @ moved == pytest.approx(
        found.curvature, rel=1e-5
    )


@pytest.mark.parametrize(
    ("sizes", "control"),
    [
        (profile("cifar100-lt:100"), Sphere(1.0)),
        (profile("imagenet-lt"), Sphere(1.0)),
        (profile("imagenet-lt"), Ridge(0.01)),
        (ClassSizes.from_pairs([100, 10], [5_000_000, 5_000_000]), Sphere(1.0)),
    ],
    ids=["cifar100", "imagenet", "imagenet-ridge", "ten million"],
)
def test_real_sizes(sizes, control):
    solution = solve_relaxation(UFM(sizes, control, 0.2))
    known = solution.determinacy()
    assert 0 < known.curvature_lower <= known.curvature
    assert known.references[0].name == "random in 128"
    near = known.relative_excess(1e-3)
    with_gap = near + solution.gap / solution.value
    bound = known.distance_bound(near)
    assert known.distance(with_gap) <= bound <= 3 * known.distance(with_gap)


def test_copies_of_a_problem_have_the_curvature_of_its_types():
    """Exchanges are one number each: a_g p_gg ‖G‖² within an orbit of a balanced profile."""
    count, size, temperature = 1000, 20, 0.5
    pairs = ClassSizes.from_pairs([size], [count])
    solution = solve_relaxation(UFM(pairs, Sphere(1.0), temperature))
    inner = -1 / (count - 1)
    others = size * np.exp((inner - 1) / temperature)
    share = others / (size - 1 + (count - 1) * others)
    squared = count + count * (count - 1) * inner**2
    expected = squared / temperature**2 * size * share
    assert solution.determinacy().curvature == pytest.approx(expected, rel=1e-9)


class PlainRows(SoftmaxRows):
    """Rows that do not say their Hessian."""

    def row_curvature(self, at):
        return None


@dataclass(frozen=True)
class Plain(SupCon):
    """SupCon as a loss that is no sum of rows."""

    def at_level(self, sizes, level):
        rows = super().at_level(sizes, level)
        return PlainRows(**{part.name: getattr(rows, part.name) for part in fields(rows)})


def test_a_loss_that_is_no_sum_of_rows_has_matrices_over_pairs():
    sizes = [9, 9, 4, 4, 2]
    plain = solve_relaxation(UFM(sizes, Sphere(1.0), loss=Plain())).determinacy()
    rows = solve_relaxation(UFM(sizes, Sphere(1.0))).determinacy()
    assert plain.curvature == pytest.approx(rows.curvature, rel=1e-9)
    with pytest.raises(InvalidInputError, match="row by row"):
        plain.distance_bound(1e-6)
    many = solve_relaxation(UFM([2] * 61, Sphere(1.0), loss=Plain()))
    with pytest.raises(ProblemTooLargeError, match="up to 60 classes"):
        many.determinacy()


@pytest.mark.parametrize("dim", [1, 6, 128])
def test_random_features_of_many_classes_lose_on_average_no_more_than_said(dim):
    sizes = np.repeat([40, 8], 150)
    problem = UFM(sizes, Sphere(1.0), 0.2, loss=SupCon())
    solution = solve_relaxation(problem)
    stated = solution.determinacy().references_in(dim)[0]
    assert (stated.name, stated.rank) == (f"random in {dim}", dim)
    assert stated.is_average
    program = build_program(problem, Level.CLASSES)
    generator, lost, distances = np.random.default_rng(0), [], []
    optimum = solution.class_gram
    for _ in range(5):
        rows = generator.standard_normal((300, dim))
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        gram = rows @ rows.T
        value = program.value(CellGram.from_matrix(gram / 0.2))
        lost.append(value / solution.value - 1)
        distances.append(
            np.linalg.norm(gram / np.linalg.norm(gram) - optimum / np.linalg.norm(optimum))
        )
    assert np.mean(lost) <= stated.relative_excess * 1.01
    assert stated.relative_excess == pytest.approx(np.mean(lost), rel=0.05)
    assert stated.distance == pytest.approx(np.mean(distances), rel=0.01)


def test_tied_prototypes_are_class_means():
    agree(UFM([9, 9, 4], Sphere(1.0), 0.5, loss=Prototypes(per_class=2)))


def test_many_classes_on_one_point_leave_many_kernel_vectors():
    """With a ridge and small batches whole orbits lose the directions of their own."""
    solution = solve_relaxation(
        UFM([*range(3, 14), 3, 4, 40, 90], Ridge(0.9), 0.5, batches=RandomBatches(6))
    )
    found = agree(solution.problem)
    assert found.optimum.form.kernel.shape[1] > 3


def test_more_distinct_sizes_than_can_be_factorised_are_refused(monkeypatch):
    monkeypatch.setattr("screlax.analysis.determinacy.border._MOST", 9)
    solution = solve_relaxation(UFM([9, 7, 5, 3, 2], Sphere(1.0)))
    with pytest.raises(ProblemTooLargeError, match=r"5 distinct sizes .* up to 9"):
        solution.determinacy()


@pytest.mark.parametrize("size", [0, 1, 2, 7, 60])
def test_inertia_and_solves_are_those_of_the_matrix(size):
    generator = np.random.default_rng(size)
    matrix = generator.normal(size=(size, size))
    matrix = matrix + matrix.T
    matrix[: size // 2, : size // 2] = 0.0  # pivots of two
    factor = SymmetricFactor(matrix)
    assert factor.negative == (np.linalg.eigvalsh(matrix) < 0).sum()
    right = generator.normal(size=size)
    assert matrix @ factor.solve(right) == pytest.approx(right, abs=1e-9)
    assert SymmetricFactor(np.zeros((3, 3))).is_singular
    assert np.isinf(SymmetricFactor(np.zeros((3, 3))).solve(np.ones(3))).all()
