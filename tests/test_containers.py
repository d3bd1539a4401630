"""Labels, counts and weights in the containers people have: what each means, or why not."""

from collections import Counter
from datetime import datetime

import numpy as np
import pytest

import screlax
from screlax import UFM, ClassSizes, GeometryTracker, Sphere, compare, fit_control, supcon_loss
from screlax.errors import InvalidInputError

pandas = pytest.importorskip("pandas", reason="needs pandas")

SPHERE = Sphere(1.0)
NAMES = ["fox", "cat", "cat", "fox", "cat", "owl", "owl", "cat"]
NUMBERS = [2, 0, 0, 2, 0, 5, 5, 0]
POINTS = np.random.default_rng(0).standard_normal((8, 3))


def optimum(labels):
    return screlax.solve_relaxation(UFM.from_labels(labels, SPHERE, 0.5))


SOLVED = optimum(NAMES), optimum(NUMBERS)


def from_labels(labels):
    problem = UFM.from_labels(labels, SPHERE)
    return problem.class_labels, list(problem.class_sizes)


def class_index(labels):
    number = class_numbers(labels)
    return tuple(number), None


def class_numbers(labels):
    for solution in SOLVED:
        try:
            return solution.problem.class_index(labels).tolist()
        except InvalidInputError as error:
            refusal = error
    raise refusal


def loss(labels):
    return supcon_loss(POINTS, labels)


def compared(labels):
    for solution in SOLVED:
        try:
            return compare(POINTS, labels, solution).gram_distance
        except InvalidInputError as error:
            refusal = error
    raise refusal


def fitted(labels):
    return fit_control(POINTS, labels, "sphere", temperature=0.5, points=3).distance


def tracked(labels):
    tracker = GeometryTracker(classes=[*NAMES, *NUMBERS])
    tracker.update(POINTS, labels)
    return tracker.end_epoch()["class_centred_trace_ratio"]


def of_gram(labels):
    return screlax.gram_loss(POINTS @ POINTS.T, labels)


def in_chunks(labels):
    array = pytest.importorskip("dask.array", reason="needs dask")
    return screlax.supcon_loss_chunked(array.from_array(POINTS, chunks=4), labels)


READERS = [from_labels, class_index, loss, in_chunks, compared, fitted, tracked, of_gram]

EQUIVALENT = {
    "tuple": tuple,
    "array": np.array,
    "object array": lambda labels: np.array(labels, dtype=object),
    "column": lambda labels: np.array(labels)[:, None],
    "list of 0-d arrays": lambda labels: [np.array(label) for label in labels],
    "list of scalars": lambda labels: list(np.array(labels)),
    "Series": lambda labels: pandas.Series(labels, index=range(80, 88)),
    "categorical": lambda labels: pandas.Series(labels, dtype="category"),
    "Index": pandas.Index,
    "frame of one column": lambda labels: pandas.DataFrame({"y": labels}),
    "unmasked": lambda labels: np.ma.array(labels),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("container", EQUIVALENT.values(), ids=EQUIVALENT)
@pytest.mark.parametrize("labels", [NAMES, NUMBERS], ids=["text", "integers"])
def test_containers_that_mean_the_same(reader, container, labels):
    assert reader(container(labels)) == reader(labels)


MISSING = {
    "None": [*NAMES[:5], None, *NAMES[6:]],
    "nan": [*NAMES[:5], float("nan"), *NAMES[6:]],
    "nan among numbers": [*NUMBERS[:5], float("nan"), *NUMBERS[6:]],
    "float array": np.array([*NUMBERS[:5], np.nan, *NUMBERS[6:]]),
    "NA": pandas.array([*NUMBERS[:5], None, *NUMBERS[6:]], dtype="Int64"),
    "Series": pandas.Series([*NAMES[:5], None, *NAMES[6:]]),
    "NaT": pandas.to_datetime(pandas.Series(["2020"] * 5 + [None] + ["2021"] * 2)),
    "datetime64": np.array(["2020"] * 5 + ["NaT"] + ["2021"] * 2, dtype="datetime64[ns]"),
    "category": pandas.Series([*NAMES[:5], None, *NAMES[6:]], dtype="category"),
    "masked": np.ma.array(NUMBERS, mask=[0, 0, 0, 0, 0, 1, 0, 0]),
    "in a tuple": [("a", 1)] * 5 + [("a", None)] + [("b", 1)] * 2,
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("labels", MISSING.values(), ids=MISSING)
def test_missing_labels_are_refused_with_their_position(reader, labels):
    with pytest.raises(InvalidInputError, match=r"labels\[5\] is missing|masked .* position 5"):
        reader(labels)


REMEDIES = {
    "one-hot": (np.eye(8), "argmax"),
    "one-hot lists": (np.eye(8, dtype=int).tolist(), "argmax"),
    "probabilities": (np.full((8, 4), 0.25), "argmax"),
    "row": (np.array([NUMBERS]), "ravel"),
    "two columns": (pandas.DataFrame({"y": NUMBERS, "z": NUMBERS}), "2 columns .'y', 'z'.; choose"),
    "lists of one": ([[label] for label in NUMBERS], "not hashable"),
    "batches": ([np.array([0, 1, 2]), np.array([0, 1, 2, 0, 1])], "concatenate"),
    "mapping": (dict(enumerate(NUMBERS)), "one label per sample"),
    "set": ({1, 2, 3}, "no order"),
    "number": (8, "one label per sample|one-dimensional"),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(("labels", "remedy"), REMEDIES.values(), ids=REMEDIES)
def test_what_is_no_sequence_of_labels_names_the_remedy(reader, labels, remedy):
    with pytest.raises(InvalidInputError, match=remedy):
        reader(labels)


@pytest.mark.parametrize(
    "reader", [from_labels, class_index, loss, in_chunks, of_gram]
)  # else a path
def test_text_is_no_sequence_of_labels(reader):
    with pytest.raises(InvalidInputError, match="one label per sample"):
        reader("abcdabcd")


@pytest.mark.parametrize("reader", [from_labels, loss, fitted, of_gram])
def test_tuples_are_labels(reader):
    pairs = [(name, len(name)) for name in NAMES]
    numbers = np.unique(NAMES, return_inverse=True)[1]
    found, expected = reader(pairs), reader(numbers)
    assert (found[1] if reader is from_labels else found) == (
        expected[1] if reader is from_labels else expected
    )


def test_dates_stay_dates():
    dates = np.array(["2020-01-01", "2021-01-01", "2021-01-01"], dtype="datetime64[ns]")
    problem = UFM.from_labels(dates, SPHERE)
    assert problem.class_labels == (datetime(2020, 1, 1), datetime(2021, 1, 1))
    assert problem.class_index(pandas.Series(dates)).tolist() == [0, 1, 1]


def test_integers_of_any_size_are_told_apart():
    labels = [2**70, 2**70 + 1, 2**70 + 1, -(2**63), 2**63, 2**63]
    problem = UFM.from_labels(labels, SPHERE)
    assert problem.class_labels == tuple(sorted(set(labels)))
    assert list(problem.class_sizes) == [1, 2, 1, 2]
    assert problem.class_index(labels).tolist() == [2, 3, 3, 0, 1, 1]


# ------------------------------------------------------------------- tensors


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason="needs torch")


@pytest.mark.parametrize("reader", READERS)
def test_tensors(reader, torch):
    expected = reader(NUMBERS)
    tensor = torch.tensor(NUMBERS)
    for same in (
        tensor,
        tensor[:, None],
        list(tensor),
        [label for _, label in zip(POINTS, tensor, strict=True)],
        tensor.to(torch.bfloat16),
        tensor.to(torch.uint8),
        tensor.double().requires_grad_(),
    ):
        assert reader(same) == expected


def test_numbers_of_torch(torch):
    weights = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    expected = supcon_loss(POINTS, NUMBERS, temperature=0.5, class_weights=[1.0, 2.0, 3.0])
    for given in (weights, list(weights), dict(zip([0, 2, 5], weights, strict=True))):
        temperature = torch.nn.Parameter(torch.tensor(0.5))
        found = supcon_loss(POINTS, NUMBERS, temperature=temperature, class_weights=given)
        assert found == expected
    assert UFM([3, 2], SPHERE, torch.nn.Parameter(torch.tensor(0.5))).temperature == 0.5
    assert Sphere(torch.tensor(2.0, dtype=torch.bfloat16)) == Sphere(2.0)
    sizes = UFM(torch.tensor([50, 20]), SPHERE).class_sizes
    assert list(sizes) == list(UFM(list(torch.tensor([50, 20])), SPHERE).class_sizes) == [50, 20]


# ------------------------------------------------------------------- counts

SERIES = pandas.Series(NAMES)
COUNTS = {
    "dict": {"fox": 2, "cat": 4, "owl": 2},
    "Counter": Counter(NAMES),
    "value_counts": SERIES.value_counts(),
    "nullable": SERIES.value_counts().astype("Int64"),
    "of categories": SERIES.astype("category").value_counts(),
    "groupby": pandas.DataFrame({"y": NAMES}).groupby("y").size(),
    "one level": pandas.DataFrame({"y": NAMES}).value_counts(),
    "frame": SERIES.value_counts().to_frame(),
    "frame of two columns": SERIES.value_counts().reset_index(),
    "numpy values": {name: np.int64(NAMES.count(name)) for name in ("owl", "fox", "cat")},
}


@pytest.mark.parametrize("counts", COUNTS.values(), ids=COUNTS)
def test_counts_by_label(counts):
    expected = UFM.from_labels(NAMES, SPHERE)
    problem = UFM(counts, SPHERE)
    assert problem == expected
    assert problem.class_labels == expected.class_labels == ("cat", "fox", "owl")
    assert list(ClassSizes.from_counts(counts)) == [4, 2, 2]
    assert screlax.solve_relaxation(counts, control=SPHERE).problem.class_labels == (
        "cat",
        "fox",
        "owl",
    )


def test_keys_are_not_counts():
    counts = {1: 50, 2: 20, 3: 5}
    assert list(UFM(counts, SPHERE).class_sizes) == [50, 20, 5]
    assert UFM(counts, SPHERE).class_labels == (1, 2, 3)
    assert screlax.grid({"mine": counts}, sphere=1.0)[0].counts == (50, 20, 5)
    assert screlax.grid([counts], sphere=1.0)[0].counts == (50, 20, 5)
    sized = fit_control(POINTS, NAMES, temperature=0.5, points=3, class_sizes=Counter(NAMES))
    assert sized.solution.problem.class_labels == ("cat", "fox", "owl")


def test_class_labels_give_the_order_of_counts_by_label():
    problem = UFM(Counter(NAMES), SPHERE, class_labels=["owl", "cat", "fox"])
    assert problem.class_labels == ("owl", "cat", "fox")
    assert list(problem.class_sizes) == [2, 4, 2]
    with pytest.raises(InvalidInputError, match="no number for label 'cow'"):
        UFM(Counter(NAMES), SPHERE, class_labels=["owl", "cat", "cow"])


def test_pairs_are_taken_in_order():
    sizes = pandas.Series([9, 4, 9, 4, 4]).value_counts()
    pairs = ClassSizes.from_pairs(sizes.index, sizes)
    assert list(pairs) == [9, 9, 4, 4, 4]
    with pytest.raises(InvalidInputError, match="different index"):
        ClassSizes.from_pairs(pandas.Series([9, 4]), pandas.Series([1, 2], index=[1, 0]))
    with pytest.raises(InvalidInputError, match="sequence with one number each"):
        ClassSizes.from_pairs([9, 4], {9: 1, 4: 2})


BAD_COUNTS = {
    "zero of a label": ({"cat": 3, "dog": 0}, "got 0 for label 'dog'; leave out"),
    "missing": ({"cat": 3, "dog": None}, "got None for label 'dog', which is missing"),
    "NA": (pandas.array([3, None], dtype="Int64"), "got (<NA>|nan) at position 1"),
    "nan": (pandas.Series([3, np.nan], index=["a", "b"]), "got nan for label 'b'"),
    "missing label": (pandas.Series([3, 2], index=["a", None]), r"labels of class sizes\[1\]"),
    "label twice": (pandas.Series([3, 2, 1], index=["a", "b", "a"]), "label 'a' twice"),
    "masked": (np.ma.array([3, 2], mask=[0, 1]), "masked entries, the first at position 1"),
    "set": ({3, 2}, "no order"),
    "frame": (pandas.DataFrame({"size": [3, 2], "count": [3, 2]}), "2 columns .'size', 'c"),
    "frame with a label twice": (
        pandas.DataFrame({"label": ["a", "a"], "count": [3, 2]}),
        "label 'a' twice",
    ),
    "pairs": ([("a", 3), ("b", 2)], r"dict\(pairs\)"),
    "unique": (np.unique([1, 1, 1, 2, 2, 3], return_counts=True), "as numpy.unique returns them"),
    "masked constant": ([3, np.ma.masked], "position 1, which is missing"),
}


@pytest.mark.parametrize(("counts", "message"), BAD_COUNTS.values(), ids=BAD_COUNTS)
def test_counts_that_mean_nothing(counts, message):
    for call in (lambda: UFM(counts, SPHERE), lambda: ClassSizes.from_counts(counts)):
        with pytest.raises(InvalidInputError, match=message):
            call()


# ------------------------------------------------------------------- weights


@pytest.mark.parametrize("labels", [NAMES, NUMBERS])
def test_weights_by_label(labels):
    series = 1 / pandas.Series(labels).value_counts()
    by_hand = {label: 1 / labels.count(label) for label in reversed(labels)}
    expected = supcon_loss(POINTS, labels, class_weights=[by_hand[x] for x in sorted(by_hand)])
    assert len(set(by_hand.values())) > 1
    for weights in (series, series.sort_index(ascending=False), by_hand, series.to_frame()):
        assert supcon_loss(POINTS, labels, class_weights=weights) == expected
    more = {**by_hand, labels[0] * 9: 7.0}
    assert supcon_loss(POINTS, labels, class_weights=more) == expected


BAD_WEIGHTS = {
    "absent class": (NUMBERS, [1.0] * 6, r"shape \(3,\).*got \(6,\).*mapping from label to weight"),
    "text keys": (NUMBERS, {"0": 1.0, "2": 1.0, "5": 1.0}, "classes text, so convert with str"),
    "number keys": (list("0011"), {0: 1.0, 1: 2.0}, r"labels are text .* int\(\)"),
    "masked": (NUMBERS, np.ma.array([1.0, 2.0, 3.0], mask=[0, 0, 1]), "masked .* position 2"),
    "nan": (NUMBERS, {0: 1.0, 2: np.nan, 5: 1.0}, "finite"),
    "None": (NUMBERS, {0: 1.0, 2: None, 5: 1.0}, "None for label 2, which is missing"),
    "frame": (NUMBERS, pandas.DataFrame({"a": [1.0] * 3, "b": [1.0] * 3}), "2 columns"),
    "index": (NAMES, pandas.Series([1.0, 2.0, 3.0]), "no number for label 'cat'"),
}


@pytest.mark.parametrize(("labels", "weights", "message"), BAD_WEIGHTS.values(), ids=BAD_WEIGHTS)
def test_weights_that_fit_no_labels(labels, weights, message):
    with pytest.raises(InvalidInputError, match=message):
        supcon_loss(POINTS[: len(labels)], labels, class_weights=weights)


# ------------------------------------------------------------------- another type of label


@pytest.mark.parametrize(
    ("labels", "given", "message"),
    [
        (NUMBERS, list(map(str, NUMBERS)), r"label '2' is no class.*convert the text with int\(\)"),
        (list(map(str, NUMBERS)), NUMBERS, r"label 2 is no class.*convert with str\(\)"),
        (NAMES, np.array(NAMES, dtype="S"), r"label b'fox' is no class.*convert with"),
        (NAMES, ["horse"] * 8, "label 'horse' is no class; there are 3: 'cat', 'fox', 'owl'$"),
        (NAMES, [0] * 8, "label 0 is no class; there are 3: .*make the problem from these labels"),
        (NUMBERS, ["cow"] * 8, "label 'cow' is no class; .*make the problem from these labels"),
    ],
)
def test_labels_of_another_type_name_the_remedy(labels, given, message):
    solution = optimum(labels)
    tracker = GeometryTracker(solution=solution)
    for call in (
        lambda: solution.problem.class_index(given),
        lambda: compare(POINTS, given, solution),
        lambda: tracker.update(POINTS, given),
    ):
        with pytest.raises(InvalidInputError, match=message):
            call()


def test_numbered_classes_refuse_text():
    problem = UFM([3, 2], SPHERE)
    with pytest.raises(InvalidInputError, match=r"'1' is no class.*convert the text with int\(\)"):
        problem.class_index(["1", "0"])


def test_masks_of_other_numbers_are_refused():
    masked = np.ma.array([0.5, 0.1], mask=[0, 1])
    numbers = np.ma.array([0, 1] * 4, mask=[0, 1] * 4)
    for call in (
        lambda: screlax.grid("cifar10-lt", sphere=1.0, temperature=masked),
        lambda: screlax.regularization_path(UFM([3, 2], SPHERE), temperatures=masked),
        lambda: screlax.geometry.class_statistics(POINTS, numbers, classes=[0, 1]),
        lambda: supcon_loss(POINTS, mask=np.ma.masked_less(np.eye(8), 0.5)),
        lambda: supcon_loss(POINTS[None], mask=np.ma.masked_less(np.eye(8), 0.5)),
        lambda: ClassSizes.from_pairs([3, 2], np.ma.array([1, 2], mask=[0, 1])),
    ):
        with pytest.raises(InvalidInputError, match="masked entries"):
            call()
