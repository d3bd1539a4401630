"""Batches that are drawn once: against their definition, Clarabel, all subsets, and all samples."""

import dataclasses
import itertools
import json

import cvxpy
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import distance_of_grams

from screlax import (
    UFM,
    Ball,
    Budget,
    Ridge,
    Solution,
    Sphere,
    batch_floor,
    compare,
    contrastive_loss,
    grid,
    solve_relaxation,
    sweep,
)
from screlax.batches import FixedBatches, RandomBatches
from screlax.cli import main
from screlax.errors import FileFormatError, InvalidInputError
from screlax.gram.cells import CellGram, Level
from screlax.losses import ClassAveraged, InstanceMix, NegativesOnly, Queue, SupCon
from screlax.problem.batches.pieces import pieces_of
from screlax.problem.losses.registry import check_loss, loss_of_record
from screlax.problem.program import build_program
from screlax.solution.components import components_in_words

SIZES = (5, 3, 2)
CLASSES = np.repeat(range(3), SIZES)
GLUED = FixedBatches([[0, 1, 2, 5, 6], [0, 1, 3, 7, 8], [4, 9, 9, 8, 2]])
APART = FixedBatches([[0, 1, 5, 8], [2, 3, 6, 7], [4, 9]])
TWICE = FixedBatches([[0, 0, 1, 5, 6], [0, 1, 1, 5, 6], [2, 3, 7, 8]])  # the same but for copies
CONTROLS = [Ridge(0.2), Ball(1.5), Sphere(1.0)]


def objective_of(problem, embeddings):
    """Return n × the mean over batches of the sum over a batch over its size, by definition."""
    total, batches = 0.0, problem.batches
    weights = problem.loss.weights(problem.class_sizes)
    label = batches.class_of_sample(problem.class_sizes)
    views = problem.loss.view_count
    for batch in batches.batches:
        given = {}
        if (weights != 1).any():
            given = {"class_weights": weights[np.unique(label[batch])]}
        kind = problem.loss.of_all_samples.with_options(**given)
        counts = views * np.bincount(label[batch])
        if counts.max() < 2:
            continue
        over = len(batch)
        if batches.mean_over == "anchors":
            over = counts[counts > 1].sum() / views
        given = embeddings[batch] if views > 1 else embeddings[batch, 0]
        loss = contrastive_loss(
            given, label[batch], loss=kind, temperature=problem.temperature, reduction="sum"
        )
        total += loss / over
    return problem.samples * total / len(batches.batches)


def value_of(problem, seed):
    """Return the loss at random embeddings that are exchangeable in atoms, from both sides."""
    generator, views = np.random.default_rng(seed), problem.loss.view_count
    embeddings = np.zeros((problem.samples, views, 40 + problem.samples * views))
    found = 0.0
    for piece in problem.loss.pieces(problem.class_sizes):
        glued = problem.loss.glued(problem.class_sizes, piece)
        atoms = len(piece.class_of_atom)
        centre, apart = generator.standard_normal((atoms, 40)) / 6, generator.random(atoms)
        embeddings[piece.samples, :, :40] = centre[piece.atom][:, None]
        for sample, atom in zip(piece.samples, piece.atom, strict=True):
            for view in range(views):
                embeddings[sample, view, 40 + sample * views + view] = apart[atom]
        pair = centre @ centre.T
        gram = CellGram(np.diag(pair) + apart**2, pair)
        several = views * piece.count > 1
        np.fill_diagonal(gram.pair, np.where(several, np.diag(pair), gram.own))
        rows = glued.at_level(glued.sizes(), Level.ORBITS)
        scaled = gram.scaled(1 / problem.temperature)
        found += rows.value(scaled)
    return found, objective_of(problem, embeddings)


@pytest.mark.parametrize("weights", [None, [1.0, 0.5, 3.0]])
@pytest.mark.parametrize("views", [1, 2, 3])
@pytest.mark.parametrize("batches", [GLUED, APART, TWICE], ids=["glued", "apart", "twice"])
def test_loss_is_the_mean_over_the_batches(batches, views, weights):
    loss = SupCon(views=views, class_weights=weights)
    problem = UFM(SIZES, Sphere(1.0), 0.7, loss=loss, batches=batches)
    found, expected = value_of(problem, views)
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("mean_over", ["all", "anchors"])
@pytest.mark.parametrize(
    "loss",
    [NegativesOnly(), NegativesOnly(views=2), ClassAveraged(), ClassAveraged(anchors="classes")],
    ids=str,
)
@pytest.mark.parametrize("batches", [GLUED, APART], ids=["glued", "apart"])
def test_other_losses_are_the_mean_over_the_batches(batches, loss, mean_over):
    batches = FixedBatches([*batches.batches, [0, 1]], mean_over=mean_over)
    control = Sphere(1.0)
    if mean_over == "anchors" and loss.name == "class-averaged" and loss.anchors == "classes":
        with pytest.raises(InvalidInputError, match="mean_over"):
            UFM(SIZES, control, 0.7, loss=loss, batches=batches)
        return
    problem = UFM(SIZES, control, 0.7, loss=loss, batches=batches)
    found, expected = value_of(problem, 5)
    assert found == pytest.approx(expected, rel=1e-12)
    solution = solve_relaxation(problem)
    assert solution.status == "optimal"
    floor = batch_floor(solution)
    assert floor.mean == pytest.approx(floor.optimum, rel=1e-9)


@settings(max_examples=30)
@given(st.integers(0, 10**6))
def test_loss_of_random_batches_is_the_mean_over_them(seed):
    generator = np.random.default_rng(seed)
    label = np.sort(generator.integers(0, 4, 14))
    counts = np.bincount(label)[np.unique(label)]
    sizes = generator.integers(1, 7, generator.integers(1, 6))
    batches = FixedBatches([generator.integers(0, 14, size) for size in sizes])
    views = int(generator.integers(1, 3))
    try:
        problem = UFM(counts, Sphere(1.0), 0.5, loss=SupCon(views=views), batches=batches)
    except InvalidInputError:
        return
    found, expected = value_of(problem, seed)
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-13)


def optimum_by_clarabel(problem):
    """Return the optimum of the relaxation over the Gram matrix of all samples."""
    batches, n, tau = problem.batches, problem.samples, problem.temperature
    label = batches.class_of_sample(problem.class_sizes)
    gram = cvxpy.Variable((n, n), PSD=True)
    terms = []
    for batch in batches.batches:
        for at, sample in enumerate(batch):
            others = np.delete(batch, at)
            positives = others[label[others] == label[sample]]
            if len(positives):
                logits = cvxpy.hstack([gram[sample, j] for j in others]) / tau
                mean = sum(gram[sample, j] for j in positives) / len(positives) / tau
                terms.append((cvxpy.log_sum_exp(logits) - mean) / len(batch))
    objective = n * sum(terms) / len(batches.batches)
    parameter, bounds = problem.control.parameter, []
    if problem.control.name == "ridge":
        objective += parameter / 2 * cvxpy.trace(gram)
    elif problem.control.name == "sphere":
        bounds = [cvxpy.diag(gram) == parameter]
    else:
        bounds = [cvxpy.diag(gram) <= parameter]
    return cvxpy.Problem(cvxpy.Minimize(objective), bounds).solve(solver="CLARABEL")


@pytest.mark.parametrize("control", CONTROLS, ids=lambda c: c.name)
@pytest.mark.parametrize("batches", [GLUED, APART], ids=["glued", "apart"])
def test_optimum_is_that_of_an_independent_solver(batches, control):
    problem = UFM(SIZES, control, 0.7, batches=batches)
    solution = solve_relaxation(problem)
    assert solution.status == "optimal"
    assert solution.value == pytest.approx(optimum_by_clarabel(problem), rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_random_batches_are_solved_as_by_an_independent_solver(seed):
    generator = np.random.default_rng(seed)
    batches = FixedBatches([generator.integers(0, 10, 4) for _ in range(5)])
    problem = UFM(SIZES, CONTROLS[seed % 3], 0.5, batches=batches)
    solution = solve_relaxation(problem)
    assert solution.status == "optimal"
    assert solution.value == pytest.approx(optimum_by_clarabel(problem), rel=1e-6)


@pytest.mark.parametrize("control", CONTROLS, ids=lambda c: c.name)
@pytest.mark.parametrize("times", [1, 3])
def test_one_batch_of_everything_is_the_loss_of_all_samples(control, times):
    whole = solve_relaxation(UFM(SIZES, control, 0.5))
    batches = FixedBatches([np.random.default_rng(0).permutation(10) for _ in range(times)])
    solution = solve_relaxation(UFM(SIZES, control, 0.5, batches=batches))
    assert solution.value == pytest.approx(whole.value, rel=1e-10)
    (component,) = solution.components
    assert distance_of_grams(component.class_gram, whole.class_gram) < 1e-6
    assert solution.left_open == whole.left_open


def test_every_component_is_named_with_its_optimum():
    solution = solve_relaxation(UFM(SIZES, Sphere(1.0), 0.7, batches=APART))
    first, *lines = components_in_words(solution.components, solution.problem.samples)
    assert first.startswith(f"{len(solution.components)} components")
    for component, line in zip(solution.components, lines, strict=False):
        assert line == f"{component}, optimum {component.upper:.10g}"


def test_class_means_of_a_component_are_means_of_its_samples():
    for component in solve_relaxation(UFM(SIZES, Sphere(1.0), 0.7, batches=GLUED)).components:
        names = np.unique(component.classes)
        share = (component.classes == names[:, None]).astype(float)
        share /= share.sum(axis=1, keepdims=True)
        expected = share @ component.sample_gram() @ share.T
        assert component.class_gram == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("control", CONTROLS, ids=lambda c: c.name)
def test_all_batches_there_are_have_the_optimum_of_random_ones(control):
    every = FixedBatches(list(itertools.combinations(range(7), 3)))
    fixed = solve_relaxation(UFM([4, 2, 1], control, 0.5, batches=every))
    drawn = solve_relaxation(UFM([4, 2, 1], control, 0.5, batches=RandomBatches(3, drop_last=True)))
    assert fixed.value == pytest.approx(drawn.value, rel=1e-8)
    (component,) = fixed.components
    assert component.repeated == 7
    assert distance_of_grams(component.class_gram, drawn.class_gram) < 1e-3


@settings(max_examples=60)
@given(st.integers(0, 10**6))
def test_pieces_are_the_connected_samples(seed):
    generator = np.random.default_rng(seed)
    batches = FixedBatches([generator.integers(0, 30, 4) for _ in range(generator.integers(1, 9))])
    label = np.repeat(range(5), 6)
    groups: list[tuple[set, set]] = []
    for number, batch in enumerate(batches.batches):
        if np.bincount(label[batch]).max() < 2:
            continue
        samples, names = set(batch.tolist()), {number}
        for group in [g for g in groups if g[0] & samples]:
            groups.remove(group)
            samples, names = samples | group[0], names | group[1]
        groups.append((samples, names))
    found = pieces_of(batches, UFM([6] * 5, Sphere(1.0)).class_sizes, 1)
    assert {(frozenset(p.samples.tolist()), frozenset(p.batches.tolist())) for p in found} == {
        (frozenset(samples), frozenset(names)) for samples, names in groups
    }
    for piece in found:
        meets = {}
        for sample, atom in zip(piece.samples, piece.atom, strict=True):
            counts = tuple((batches.batches[at] == sample).sum() for at in piece.batches)
            meets.setdefault(atom, set()).add((label[sample], counts))
        assert all(len(kinds) == 1 for kinds in meets.values())
        assert len({next(iter(kinds)) for kinds in meets.values()}) == len(meets)


def test_indices_are_into_the_labels_that_were_given():
    order = np.random.default_rng(3).permutation(10)
    names = np.array(["b", "c", "a"])  # whose sorted order is another one
    place = np.empty(10, dtype=int)
    place[order] = range(10)
    moved = FixedBatches([place[batch] for batch in GLUED.batches])
    problem = UFM.from_labels(names[CLASSES[order]], Sphere(1.0), 0.7, batches=moved)
    there = solve_relaxation(problem)
    here = solve_relaxation(UFM(SIZES, Sphere(1.0), 0.7, batches=GLUED))
    assert there.value == pytest.approx(here.value, rel=1e-9)
    first, second = there.components[0], here.components[0]
    assert np.allclose(
        first.sample_gram(place[second.samples]), second.sample_gram(), rtol=0, atol=1e-5
    )
    with pytest.raises(InvalidInputError, match="of other samples"):
        UFM([3, 5, 2], Sphere(1.0), batches=problem.batches.of_samples(CLASSES))
    with pytest.raises(InvalidInputError, match="of other samples"):
        UFM(SIZES, Sphere(1.0), batches=problem.batches)


@settings(max_examples=20)
@given(st.integers(0, 10**6))
def test_no_embeddings_are_below_the_bound(seed):
    generator = np.random.default_rng(seed)
    batches = FixedBatches([generator.integers(0, 10, 4) for _ in range(4)])
    try:
        problem = UFM(SIZES, Sphere(1.0), 0.4, batches=batches)
    except InvalidInputError:
        return
    embeddings = generator.standard_normal((10, 1, 5))
    embeddings /= np.linalg.norm(embeddings, axis=2, keepdims=True)
    solution = solve_relaxation(problem)
    assert solution.status == "optimal"
    assert objective_of(problem, embeddings) >= solution.lower


def test_components_have_the_value_of_their_gram_matrices():
    problem = UFM(SIZES, Sphere(1.0), 0.7, batches=APART)
    solution = solve_relaxation(problem)
    gram = np.eye(10)
    for component in solution.components:
        gram[np.ix_(component.samples, component.samples)] = component.sample_gram()
    values, vectors = np.linalg.eigh(gram)
    embeddings = (vectors * np.sqrt(np.maximum(values, 0)))[:, None]
    assert objective_of(problem, embeddings) == pytest.approx(solution.value, rel=1e-9)
    assert sum(c.value for c in solution.components) == pytest.approx(solution.value, rel=1e-12)


@pytest.mark.parametrize("views", [1, 2])
@pytest.mark.parametrize("batches", [GLUED, APART], ids=["glued", "apart"])
def test_floor_is_that_of_the_batches_there_are(batches, views):
    problem = UFM(SIZES, Sphere(1.0), 0.4, loss=SupCon(views=views), batches=batches)
    floor = batch_floor(solve_relaxation(problem))
    assert floor.draws == 3
    assert floor.mean == pytest.approx(floor.optimum, rel=1e-10)
    assert "among 3 that there are" in str(floor)
    assert not floor.holds_for_each


def test_a_component_of_one_batch_is_compared_as_a_problem_of_its_own():
    solution = solve_relaxation(UFM(SIZES, Sphere(1.0), 0.4, batches=APART))
    component = solution.components[1]
    values, vectors = np.linalg.eigh(component.sample_gram())
    embeddings = vectors * np.sqrt(np.maximum(values, 0))
    found = compare(embeddings, component.part.row_of_sample, component.solution)
    assert found.gram_distance < 1e-6


def test_batches_of_the_same_composition_are_solved_once():
    batches = FixedBatches([[0, 1, 4, 5], [2, 3, 6, 7], [4, 5, 0, 1]])
    solution = solve_relaxation(UFM([4, 4], Ridge(0.1), batches=batches))
    first, second = solution.components
    assert first.part.key != second.part.key  # one of them counts twice, and so has half the λ
    alike = solve_relaxation(UFM([4, 4], Ridge(0.1), batches=FixedBatches(batches.batches[:2])))
    assert alike.components[0].solution is alike.components[1].solution
    assert "1 of them different" in alike.level_reason


def test_a_batch_of_one_class_is_at_its_floor_with_anything_that_coincides():
    batches = FixedBatches([[0, 1, 2], [3, 4, 5, 6]])
    solution = solve_relaxation(UFM([5, 2], Ridge(0.1), batches=batches))
    assert solution.status == "optimal"
    alone = solution.components[0]
    assert alone.solution is None
    assert alone.upper == pytest.approx(7 / 2 / 3 * 3 * np.log(2), rel=1e-12)
    with pytest.raises(InvalidInputError, match="nothing is contrasted"):
        alone.sample_gram()


def test_class_means_are_refused_in_words_that_say_what_would_decide_them():
    solution = solve_relaxation(UFM(SIZES, Sphere(1.0), batches=APART))
    assert "never meet" in solution.left_open
    assert not solution.value_determines_geometry
    for read in (
        lambda: solution.class_gram,
        lambda: solution.embeddings(),
        lambda: solution.prototypes(),
        lambda: solution.rank,
        lambda: solution.determinacy(),
        lambda: solution.sensitivity(),
        lambda: solution.sample_gram([0, 1]),
        lambda: compare(np.eye(10), CLASSES, solution),
    ):
        with pytest.raises(InvalidInputError, match=r"drawn once|never meet"):
            read()
    assert "components" in repr(solution)


@pytest.mark.parametrize("batches", [GLUED, APART], ids=["glued", "apart"])
@pytest.mark.parametrize("control", CONTROLS, ids=lambda c: c.name)
def test_solutions_are_proved_again_from_their_file(tmp_path, batches, control):
    label = np.array(list("cabacbcaab"))
    problem = UFM.from_labels(label, control, 0.6, batches=batches)
    solution = solve_relaxation(problem)
    loaded = Solution.load(solution.save(tmp_path / "fixed.npz"))
    assert loaded.problem == problem
    assert loaded.value == pytest.approx(solution.value, rel=1e-14)
    assert loaded.recheck().proves(1e-9)
    for one, other in zip(solution.components, loaded.components, strict=True):
        assert str(one) == str(other)
        assert np.allclose(one.sample_gram(), other.sample_gram())


def test_a_file_that_claims_another_bound_is_refused(tmp_path):
    solution = solve_relaxation(UFM(SIZES, Sphere(1.0), batches=APART))
    claimed = dataclasses.replace(
        solution.certificate, lower=solution.lower - 1, upper=solution.upper - 1
    )
    path = dataclasses.replace(solution, certificate=claimed).save(tmp_path / "wrong.npz")
    with pytest.raises(FileFormatError, match="claims"):
        Solution.load(path)


@pytest.mark.parametrize("batches", [GLUED, APART], ids=["glued", "apart"])
def test_text_and_record_say_the_batches(batches):
    over_anchors = SupCon().in_batches(FixedBatches(batches.batches, mean_over="anchors"))
    assert check_loss(over_anchors.text) == over_anchors != SupCon().in_batches(batches)
    loss = SupCon(views=2).in_batches(batches)
    assert check_loss(loss.text) == loss
    record = json.loads(json.dumps(loss.record()))
    assert loss_of_record(record) == loss
    assert str(loss) == f"supcon:views=2 in {batches}"


@pytest.mark.parametrize("suffix", ["csv", "txt", "npy", "json", "numbers.csv", "numbers.npy"])
def test_batches_are_read_from_files(tmp_path, suffix, capsys):
    path = tmp_path / f"log.{suffix}"
    rows = [[0, 1, 5, 8], [2, 3, 6, 7]]
    numbers = [0, 0, 1, 1, -1, 0, 1, 1, 0, -1]
    if suffix == "csv":
        path.write_text("0,1,5,8\n\n2,3,6,7\n")
    elif suffix == "txt":
        path.write_text("0 1 5 8\n2 3 6 7\n")
    elif suffix == "json":
        path.write_text(json.dumps(rows))
    elif suffix == "npy":
        np.save(path, rows)
    elif suffix == "numbers.npy":
        np.save(path, numbers)
    else:
        path.write_text("\n".join(map(str, numbers)))
    assert FixedBatches(path) == FixedBatches(rows) == FixedBatches(numbers)
    (tmp_path / "counts.csv").write_text("5\n3\n2\n")
    given = ["--counts", str(tmp_path / "counts.csv"), "--sphere", "1"]
    assert main(["solve", *given, "--sampler", f"fixed:{path}"]) == 0
    shown = capsys.readouterr().out
    assert "2 components; 2 samples meet nobody" in shown
    assert "drawn anew in every epoch" in shown
    assert main(["solve", *given, "--sampler", f"fixed:{path}", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["components"]) == 2


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ([], "list of index arrays"),
        ([[0, 1], []], "has no samples"),
        ([[0, 1.5]], "whole numbers"),
        ([[0, -1]], "at least 0"),
        ([[[0, 1]]], "one dimension"),
        ([-1, -1], "any batch"),
        ([0, 0, 2, 2], "batch 1"),
        (3, "list of index arrays"),
        ([[True, False]], "whole numbers"),
    ],
)
def test_what_are_no_batches_is_refused(given, why):
    with pytest.raises(InvalidInputError, match=why):
        FixedBatches(given)


@pytest.mark.parametrize("from_file", [False, True])
def test_a_sample_twice_in_a_batch_is_a_positive_of_itself(from_file, tmp_path):
    """Drawn with replacement it is two equal embeddings, of which each is in the denominator."""

    def optimum(rows):
        (tmp_path / "b.json").write_text(json.dumps(rows))
        batches = FixedBatches(tmp_path / "b.json" if from_file else rows)
        return solve_relaxation(UFM([2, 1], Sphere(1.0), 0.5, batches=batches))

    assert optimum([[0, 0]]).value == 0.0  # log e^{1/τ} − 1/τ
    apart = optimum([[0, 0, 2, 2]])  # antipodal, whatever becomes of sample 1
    assert apart.status == "optimal"
    assert apart.value == pytest.approx(3 * np.log1p(2 * np.exp(-4)), rel=1e-12)
    once = solve_relaxation(UFM([2, 2], Sphere(1.0), 0.5, batches=FixedBatches([[0, 1, 2, 3]])))
    assert apart.mean_value == pytest.approx(once.mean_value, rel=1e-12)


def test_what_cannot_be_solved_is_refused():
    with pytest.raises(InvalidInputError, match="sample 12"):
        UFM(SIZES, Sphere(1.0), batches=FixedBatches([[0, 1, 12]]))
    with pytest.raises(InvalidInputError, match="positive partner"):
        UFM(SIZES, Sphere(1.0), batches=FixedBatches([[0, 5], [1, 8]]))
    with pytest.raises(InvalidInputError, match="instance-mix"):
        UFM(SIZES, Sphere(1.0), loss=InstanceMix(0.1), batches=APART)
    with pytest.raises(InvalidInputError, match="glue all"):
        UFM(SIZES, Sphere(1.0), loss=Queue(2), batches=APART)
    problem = UFM(SIZES, Sphere(1.0), batches=APART)
    with pytest.raises(InvalidInputError, match="level"):
        solve_relaxation(problem, level="samples")
    with pytest.raises(InvalidInputError, match="budget"):
        solve_relaxation(UFM(SIZES, Budget(1.0), batches=APART))
    with pytest.raises(InvalidInputError, match="drawn once"):
        build_program(problem, Level.ORBITS)


def test_conic_solvers_take_glued_batches():
    problem = UFM(SIZES, Sphere(1.0), 0.7, batches=GLUED)
    conic = solve_relaxation(problem, solver="Clarabel")
    assert conic.status == "optimal"
    assert conic.value == pytest.approx(solve_relaxation(problem).value, rel=1e-6)


def test_nonnegative_features():
    problem = UFM(SIZES, Sphere(1.0), 0.7, features="nonnegative", batches=APART)
    solution = solve_relaxation(problem)
    assert solution.status == "optimal"
    assert all(c.sample_gram().min() > -1e-9 for c in solution.components)
    glued = solve_relaxation(UFM(SIZES, Sphere(1.0), 0.7, features="nonnegative", batches=GLUED))
    real = solve_relaxation(UFM(SIZES, Sphere(1.0), 0.7, batches=GLUED))
    assert glued.status == "optimal"
    assert glued.lower > real.upper


def test_sweeps_have_the_value_and_no_geometry():
    (row,) = sweep(grid([SIZES], sphere=1.0, batches=APART)).rows
    problem = UFM(SIZES, Sphere(1.0), batches=APART)
    assert row["value"] == pytest.approx(solve_relaxation(problem).value, rel=1e-12)
    assert row["rank"] is None
    assert row["cosine_largest"] is None


def test_large_data_are_taken_batch_by_batch():
    label = np.random.default_rng(0).permutation(np.repeat(range(20), 250))
    order = np.random.default_rng(1).permutation(5000)
    batches = FixedBatches(np.array_split(order, 20))
    problem = UFM.from_labels(label, Sphere(1.0), 0.2, batches=batches)
    solution = solve_relaxation(problem)
    assert solution.status == "optimal"
    assert len(solution.components) == 20
    assert solution.certificate.relative_gap < 1e-12


def test_weights_that_leave_no_loss_are_refused():
    with pytest.raises(InvalidInputError, match="loss is zero everywhere"):
        UFM(SIZES, Sphere(1.0), loss=SupCon(class_weights=[0, 0, 0]), batches=GLUED)
