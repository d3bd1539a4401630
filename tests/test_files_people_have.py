"""Files of several arrays or columns: what is meant is read, what is not clear is refused."""

import io
import json
import pickle
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import screlax
from screlax.cli import main
from screlax.errors import FileFormatError, InvalidInputError, MissingExtraError
from screlax.geometry import InFile, as_embeddings, as_labels
from screlax.problem.batch_files import read_batches
from screlax.problem.count_files import read_labelled_counts
from screlax.problem.weight_files import read_class_weights

NAMES = ["cat"] * 4 + ["dog"] * 3 + ["owl"] * 2
NUMBERS = [0] * 4 + [1] * 3 + [2] * 2
ROWS = np.random.default_rng(0).standard_normal((9, 4)).astype(np.float32)


def npz(path, **arrays):
    np.savez(path.with_suffix(".npz"), **arrays)
    return path.with_suffix(".npz")


def pt(path, **arrays):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    tensors = {
        name: torch.as_tensor(values) if isinstance(values, np.ndarray) else values
        for name, values in arrays.items()
    }
    torch.save(tensors, path.with_suffix(".pt"))
    return path.with_suffix(".pt")


def safetensors(path, **arrays):
    """Write the format by hand: it is a length, a header and the numbers."""
    kinds = {"float32": "F32", "float64": "F64", "int64": "I64", "float16": "F16", "bool": "BOOL"}
    header, data = {"__metadata__": {"epoch": "7"}}, b""
    for name, values in arrays.items():
        array = np.asarray(values)
        header[name] = {
            "dtype": kinds[str(array.dtype)],
            "shape": array.shape,
            "data_offsets": [len(data), len(data) + array.nbytes],
        }
        data += array.tobytes()
    text = json.dumps(header).encode()
    file = path.with_suffix(".safetensors")
    file.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return file


def parquet(path, **arrays):
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    from pyarrow import parquet as writer

    columns = {
        name: list(values) if np.ndim(values) == 2 else values for name, values in arrays.items()
    }
    writer.write_table(pyarrow.table(columns), path.with_suffix(".parquet"))
    return path.with_suffix(".parquet")


WRITERS = [npz, pt, safetensors, parquet]


@pytest.fixture(params=WRITERS, ids=lambda writer: writer.__name__)
def write(request, tmp_path):
    return lambda **arrays: request.param(tmp_path / "run", **arrays)


@pytest.mark.parametrize("labels", [[1, 1.0, 2], np.array([1, 1.0, 2], object), [True, 1, 2]])
def test_equal_numbers_are_one_class_whatever_holds_them(labels, tmp_path):
    """As text of a file, which has no types; what is text in Python or Parquet stays text."""
    held = [labels, np.array(labels, object)]
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    held += [pandas.Series(labels, dtype=object), pandas.DataFrame({"y": held[1]})]
    (tmp_path / "y.csv").write_text("1\n1.0\n2\n")
    held.append(screlax.read_labels(tmp_path / "y.csv"))
    for one in held:
        problem = screlax.UFM.from_labels(one, screlax.Sphere(1.0))
        assert list(problem.class_sizes) == [2, 1]
        assert problem.class_labels == (1, 2)
    file = parquet(tmp_path / "y", label=["1", "1.0", "2"])
    assert screlax.read_labels(file) == ["1", "1.0", "2"]
    with pytest.raises(InvalidInputError, match="1"):
        screlax.UFM(
            pandas.Series([5, 3], index=pandas.Index([1, 1.0], dtype=object)), screlax.Sphere(1.0)
        )


# ------------------------------------------------------------------- several arrays


def test_embeddings_and_labels_in_one_file(write):
    for name in ("features", "embeddings", "Feats"):
        file = write(**{name: ROWS, "labels": np.array(NUMBERS), "order": np.arange(9)})
        assert np.array_equal(as_embeddings(file), ROWS)
        assert screlax.read_labels(file) == NUMBERS


def test_an_only_matrix_of_floats_is_the_embeddings(write):
    file = write(layer4=ROWS, y=np.array(NUMBERS), index=np.arange(9))
    found = as_embeddings(file)
    assert np.array_equal(found, ROWS)
    assert found.dtype == np.float32


def test_what_is_not_clear_is_refused_with_what_there_is(write):
    file = write(first=ROWS, second=ROWS, species=np.array(NUMBERS), number=np.arange(9))
    with pytest.raises(FileFormatError, match=r"'first' \(.*float.*'second'.*embeddings"):
        as_embeddings(file)
    with pytest.raises(FileFormatError, match=r"holds .*'species'.*none is named as labels usual"):
        screlax.read_labels(file)
    with pytest.raises(FileFormatError, match=r"no (array|column) 'third'; it holds 'first'"):
        as_embeddings(InFile(file, "third"))
    assert np.array_equal(as_embeddings(InFile(file, "second")), ROWS)
    assert screlax.read_labels(InFile(file, "species")) == NUMBERS
    assert as_labels(InFile(file, "species"), 9).tolist() == NUMBERS


def test_two_usual_names_are_not_clear(write):
    file = write(features=ROWS, embeddings=ROWS, label=np.array(NUMBERS), y=np.array(NUMBERS))
    with pytest.raises(FileFormatError, match="'features', 'embeddings' may all be embeddings"):
        as_embeddings(file)
    with pytest.raises(FileFormatError, match="'label', 'y' may all be labels"):
        screlax.read_labels(file)


def test_counts_with_labels_beside_them(write):
    counts = {"label": np.array([5, 3, 9]), "count": np.array([50, 20, 5])}
    labels, found = read_labelled_counts(write(**counts))
    assert labels == [5, 3, 9]
    assert found.tolist() == [50, 20, 5]
    labels, found = read_labelled_counts(write(count=np.array([50, 20, 5])))
    assert labels is None
    assert found.tolist() == [50, 20, 5]
    more = {**counts, "other": np.array([1, 2, 3])}
    labels, found = read_labelled_counts(InFile(write(**more), "other"))
    assert (labels, found.tolist()) == ([5, 3, 9], [1, 2, 3])
    with pytest.raises(FileFormatError, match="different labels"):
        read_labelled_counts(write(label=np.array([5, 5, 9]), count=np.array([5, 2, 5])))
    with pytest.raises(FileFormatError, match="integers"):
        read_labelled_counts(write(count=np.array([0.5, 2.0])))


def test_labels_that_are_fractions_are_refused(write):
    with pytest.raises(FileFormatError, match="float64 values; labels must be integers"):
        screlax.read_labels(write(features=ROWS, labels=np.linspace(0, 1, 9)))


def test_a_damaged_file_is_named(write):
    file = write(features=ROWS, labels=np.array(NUMBERS))
    whole = file.read_bytes()
    for data in (whole[: len(whole) // 2], b"x" * 100, whole[:3] + b"\0" * 40):
        file.write_bytes(data)
        with pytest.raises(FileFormatError, match=f"{file.name}: not a readable {file.suffix}"):
            as_embeddings(file)
    file.write_bytes(b"")
    with pytest.raises(FileFormatError, match="is empty"):
        as_embeddings(file)


def test_a_comparison_of_a_file_is_that_of_its_arrays(write):
    problem = screlax.UFM.from_labels(NUMBERS, screlax.Sphere(1.0), 0.5)
    solution = screlax.solve_relaxation(problem)
    file = write(features=ROWS, labels=np.array(NUMBERS))
    expected = screlax.compare(ROWS, NUMBERS, solution).gram_distance
    assert screlax.compare(file, file, solution).gram_distance == expected


def test_labels_may_be_left_out_where_they_are_in_the_file(tmp_path):
    """In Python as on the command line; of embeddings alone the refusal says what to give."""
    solution = screlax.solve_relaxation([4, 3, 2], screlax.Sphere(1.0))
    file = npz(tmp_path / "both", features=ROWS, y=NUMBERS, other=ROWS)
    known = screlax.compare(ROWS, NUMBERS, solution).to_dict()
    assert screlax.compare(InFile(file, "other"), None, solution).to_dict() == known
    assert screlax.compare(str(file), solution=solution).to_dict() == known
    fits = [
        screlax.fit_control(*given, temperature=1.0, points=3).distance
        for given in ((file,), (ROWS, NUMBERS))
    ]
    assert fits[0] == fits[1]
    np.save(tmp_path / "alone.npy", ROWS)
    for embeddings in (ROWS, tmp_path / "alone.npy", [tmp_path / "alone.npy"]):
        with pytest.raises(InvalidInputError, match="give the label of each"):
            screlax.compare(embeddings, None, solution)
    with pytest.raises(InvalidInputError, match="solution must be a screlax Solution"):
        screlax.compare(file)


RUN = {"features": ROWS, "labels": NUMBERS[:8]}
UNEQUAL = {
    "embeddings": (RUN, as_embeddings),
    "named embeddings": (RUN, lambda file: as_embeddings(InFile(file, "features"))),
    "labels": (RUN, screlax.read_labels),
    "weights": ({"weight": np.ones(3), "label": [0, 1]}, read_class_weights),
    "counts": ({"count": [4, 3, 2], "label": [0, 1]}, screlax.read_counts),
    "classifier": (
        {"weight": ROWS[:3], "y": [0, 1]},
        lambda file: screlax.compare(
            ROWS, NUMBERS, screlax.solve_relaxation([4, 3, 2], screlax.Sphere(1.0)), classifier=file
        ),
    ),
}


@pytest.mark.parametrize("case", UNEQUAL)
def test_labels_of_another_number_of_rows_are_refused(case, tmp_path):
    arrays, read = UNEQUAL[case]
    with pytest.raises(FileFormatError, match=r"holds \d .*: the labels are of no .*; save one"):
        read(npz(tmp_path / "run", **arrays))
    labels = list(arrays.values())[-1]
    read(npz(tmp_path / "more", **arrays, of_these=np.zeros((len(labels), 2), int)))


def test_a_classifier_is_a_layer_as_it_is_saved(write):
    problem = screlax.UFM.from_labels(NUMBERS, screlax.Sphere(1.0), 0.5)
    solution = screlax.solve_relaxation(problem)
    if write(weight=ROWS[:3]).suffix == ".parquet":
        pytest.skip("a table has rows of one length")
    file = write(weight=ROWS[:3], bias=np.arange(3.0))
    found = screlax.compare(ROWS, NUMBERS, solution, classifier=file)
    expected = screlax.compare(ROWS, NUMBERS, solution, classifier=ROWS[:3], bias=np.arange(3.0))
    assert found.classifier.agreement == expected.classifier.agreement

    layers = write(**{"fc.weight": ROWS[:3], "fc.bias": np.arange(3.0), "conv.weight": ROWS})
    for name in ("fc", "fc.weight"):
        found = screlax.compare(ROWS, NUMBERS, solution, classifier=InFile(layers, name))
        assert found.classifier.agreement == expected.classifier.agreement
        assert (found.classifier.norms == expected.classifier.norms).all()
    with pytest.raises(FileFormatError, match="--classifier-array NAME"):
        screlax.compare(ROWS, NUMBERS, solution, classifier=layers)


def test_class_weights_with_labels_beside_them(write):
    weights = {"label": np.array([5, 3, 9]), "weight": np.array([0.5, 2.0, 1.0])}
    assert read_class_weights(write(**weights)) == {5: 0.5, 3: 2.0, 9: 1.0}
    assert read_class_weights(write(weight=np.array([1.0, 2.0]))) == [1.0, 2.0]
    more = write(**weights, other=np.array([1, 2, 3]))
    assert read_class_weights(InFile(more, "other")) == {5: 1.0, 3: 2.0, 9: 3.0}
    with pytest.raises(FileFormatError, match="no class weight"):
        read_class_weights(write(weight=np.array([1.0, np.nan])))
    with pytest.raises(FileFormatError, match="--weights-column"):
        read_class_weights(write(a=np.ones(2), b=np.ones(2)))


def test_class_weights_in_a_column_of_text(tmp_path):
    (tmp_path / "w.csv").write_text("label,count,weight\ncat,9,0.5\ndog,5,2\n")
    assert read_class_weights(InFile(tmp_path / "w.csv", "weight")) == {"cat": 0.5, "dog": 2.0}
    assert read_class_weights(InFile(tmp_path / "w.csv", "count")) == {"cat": 9.0, "dog": 5.0}


def test_batches_are_read_as_labels_are(write, tmp_path):
    number = np.array([0, 1, 0, 1, 1])
    assert read_batches(write(batch=number, label=number * 2)).tolist() == number.tolist()
    assert read_batches(InFile(write(a=number, b=number[::-1].copy()), "b"))[0] == 1
    rows = np.array([[0, 1, 2], [2, 3, 4]])
    assert np.array_equal(read_batches(write(indices=rows)), rows)
    with pytest.raises(FileFormatError, match="batch or batches"):
        read_batches(write(a=number, b=number))
    (tmp_path / "batch.csv").write_text('"batch"\n0\n1\n0\n')
    assert read_batches(tmp_path / "batch.csv") == [0, 1, 0]


# ------------------------------------------------------------------- PyTorch, pickles


def test_tensors_of_every_kind(tmp_path):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    file = tmp_path / "run.pt"
    tensor = torch.tensor(ROWS)
    for value in (tensor, [tensor], {"a": {"b": tensor, "epoch": 3}}, tensor.requires_grad_()):
        torch.save(value, file)
        assert np.array_equal(as_embeddings(file), ROWS)
    torch.save(tensor.detach().bfloat16(), file)
    assert np.allclose(as_embeddings(file), ROWS, rtol=1e-2)
    torch.save((tensor.detach(), torch.tensor(NUMBERS)), file)
    assert np.array_equal(as_embeddings(file), ROWS)
    assert screlax.read_labels(InFile(file, "2")) == NUMBERS
    torch.save({"features": tensor.detach(), "labels": NAMES}, file)
    assert screlax.read_labels(file) == NAMES
    torch.save(tensor.detach(), file, _use_new_zipfile_serialization=False)
    assert np.array_equal(as_embeddings(file), ROWS)


class Obeyed:
    """What a pickle runs when it is read."""

    def __reduce__(self):
        return (exec, ("import sys; sys.modules['obeyed'] = True",))


def test_nothing_in_a_file_is_run(tmp_path):
    sys.modules.pop("obeyed", None)
    data = {"features": ROWS, "labels": NUMBERS, "x": Obeyed()}
    (tmp_path / "run.pkl").write_bytes(pickle.dumps(data))
    (tmp_path / "run.pt").write_bytes(pickle.dumps(data))
    np.savez(tmp_path / "run.npz", features=ROWS, labels=np.array([Obeyed()], dtype=object))
    np.save(tmp_path / "run.npy", np.array([Obeyed()], dtype=object))
    for name in ("run.pkl", "run.pt", "run.npz", "run.npy"):
        if name == "run.pt":
            pytest.importorskip("torch", reason="torch is not installed")
        for read in (screlax.read_labels, as_embeddings, read_labelled_counts):
            if (name, read) == ("run.npz", as_embeddings):
                continue  # which reads the features alone
            with pytest.raises(FileFormatError, match=name):
                read(tmp_path / name)
    assert "obeyed" not in sys.modules
    assert screlax.read_labels(InFile(tmp_path / "run.pkl", allow_pickle=True)) == NUMBERS
    assert sys.modules.pop("obeyed")


def test_arrays_of_numpy_in_a_torch_file_say_what_to_save(tmp_path):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    torch.save({"features": ROWS}, tmp_path / "run.pt")
    with pytest.raises(FileFormatError, match=r"Python objects.*torch.save\(\{'embeddings'"):
        as_embeddings(tmp_path / "run.pt")
    assert np.array_equal(as_embeddings(InFile(tmp_path / "run.pt", None, True)), ROWS)


def test_object_arrays_of_text_are_read_when_asked(tmp_path):
    np.save(tmp_path / "y.npy", np.array(NAMES, dtype=object))
    with pytest.raises(FileFormatError, match="pickled Python objects"):
        screlax.read_labels(tmp_path / "y.npy")
    assert screlax.read_labels(InFile(tmp_path / "y.npy", allow_pickle=True)) == NAMES


def test_without_the_library_the_command_to_install_it_is_named(tmp_path, monkeypatch):
    for name, library, extra in (
        ("run.pt", "torch", "torch"),
        ("run.parquet", "pyarrow", "parquet"),
    ):
        (tmp_path / name).write_bytes(b"x")
        monkeypatch.setitem(sys.modules, library, None)
        with pytest.raises(MissingExtraError, match=rf"{name}.*pip install 'screlax\[{extra}\]'"):
            as_embeddings(tmp_path / name)


# ------------------------------------------------------------------- safetensors


def test_what_the_library_wrote_is_read_the_same(tmp_path):
    library = pytest.importorskip("safetensors.numpy", reason="safetensors is not installed")
    arrays = {
        "embeddings": ROWS.astype(np.float16),
        "labels": np.array(NUMBERS, dtype=np.int32),
        "flags": np.array([True, False]),
        "scalar": np.array(3.0),
        "none": np.zeros((0, 4)),
    }
    library.save_file(arrays, tmp_path / "run.safetensors", metadata={"a": "b"})
    for name, array in arrays.items():
        found = as_embeddings if array.ndim == 2 and array.size else None
        if found:
            assert np.array_equal(found(InFile(tmp_path / "run.safetensors", name)), array)
    assert screlax.read_labels(tmp_path / "run.safetensors") == NUMBERS


def test_safetensors_are_not_read_into_memory(tmp_path):
    found = as_embeddings(safetensors(tmp_path / "run", embeddings=ROWS))
    assert isinstance(found, np.memmap)


def test_bfloat16_of_safetensors(tmp_path):
    halves = (ROWS.view(np.uint32) >> 16).astype(np.uint16)
    text = json.dumps({"x": {"dtype": "BF16", "shape": [9, 4], "data_offsets": [0, 72]}}).encode()
    file = tmp_path / "run.safetensors"
    file.write_bytes(struct.pack("<Q", len(text)) + text + halves.tobytes())
    found = as_embeddings(file)
    assert np.array_equal(found, (ROWS.view(np.uint32) & 0xFFFF0000).view(np.float32))


@pytest.mark.parametrize(
    "said",
    [
        {"dtype": "F32", "shape": [9, 4], "data_offsets": [0, 140]},
        {"dtype": "F32", "shape": [9, 40000], "data_offsets": [0, 1440000]},
        {"dtype": "F32", "shape": [-9, -4], "data_offsets": [0, 144]},
        {"dtype": "F32", "shape": [9, 4], "data_offsets": [-144, 0]},
        {"dtype": "F8_E4M3", "shape": [9, 4], "data_offsets": [0, 36]},
        {"dtype": "F32", "shape": "94", "data_offsets": [0]},
        {"shape": [9, 4]},
        7,
    ],
)
def test_headers_that_lie_are_refused(tmp_path, said):
    text = json.dumps({"x": said}).encode()
    file = tmp_path / "run.safetensors"
    file.write_bytes(struct.pack("<Q", len(text)) + text + ROWS.tobytes())
    with pytest.raises(FileFormatError, match=r"run\.safetensors"):
        as_embeddings(file)


# ------------------------------------------------------------------- tables


def test_columns_of_parquet(tmp_path):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    file = tmp_path / "run.parquet"
    table = pandas.DataFrame(ROWS, columns=[f"f{n}" for n in range(4)])
    table["label"] = pandas.Series(NAMES, dtype="category")
    table.index = range(100, 109)
    table.to_parquet(file)
    assert np.array_equal(as_embeddings(file), ROWS)
    assert screlax.read_labels(file) == NAMES
    table["epoch"] = 7
    table.to_parquet(file)
    with pytest.raises(FileFormatError, match="'epoch'"):
        as_embeddings(file)
    table.loc[103, "label"] = None
    table.to_parquet(file)
    with pytest.raises(FileFormatError, match=r"'label': 1 entries are missing.*position 3"):
        screlax.read_labels(file)
    pandas.DataFrame({"h": [[1.0, 2.0], [1.0]]}).to_parquet(file)
    with pytest.raises(FileFormatError, match=r"row 1 .*a list of 1.* of 2"):
        as_embeddings(file)


def test_what_polars_writes(tmp_path):
    polars = pytest.importorskip("polars", reason="polars is not installed")
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    file = tmp_path / "run.parquet"
    polars.DataFrame({"embedding": ROWS, "target": NAMES}).write_parquet(file)
    assert np.array_equal(as_embeddings(file), ROWS)
    assert screlax.read_labels(file) == NAMES


TABLES = {
    ".csv": "path,species,split,label\n{}".format,
    ".tsv": lambda rows: "path\tspecies\tsplit\tlabel\n" + rows.replace(",", "\t"),
    ".txt": lambda rows: "path\tspecies\tsplit\tlabel\n" + rows.replace(",", "\t"),
}
IMAGES = "".join(f"{n}.png,{name},train,{name[0]}\n" for n, name in enumerate(NAMES))


@pytest.mark.parametrize("suffix", TABLES)
def test_a_column_of_labels(tmp_path, suffix):
    file = tmp_path / f"table{suffix}"
    file.write_text(TABLES[suffix](IMAGES))
    assert screlax.read_labels(file) == [name[0] for name in NAMES]
    assert screlax.read_labels(InFile(file, "species")) == NAMES
    with pytest.raises(FileFormatError, match=r"no column 'breed'; its first line is .*species"):
        screlax.read_labels(InFile(file, "breed"))
    file.write_text(TABLES[suffix](IMAGES).partition("\n")[2])
    assert screlax.read_labels(InFile(file, "2")) == NAMES
    with pytest.raises(FileFormatError, match=r"keep the label only.* has '0.png', 'cat',"):
        screlax.read_labels(file)


@pytest.mark.parametrize("file", ["run.npz", Path("run.npz")])
def test_labels_in_a_file_are_told_from_labels(file):
    with pytest.raises(InvalidInputError, match=r"in a file are screlax.read_labels\('run.npz'\)"):
        screlax.UFM.from_labels(file, screlax.Sphere(1.0))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,y\n1,0\n\n1,0\n", "line 3: blank"),
        ("a,y\n1,0\n1\n", "line 3: 1 columns"),
        ("a,y\n1,0\n1,\n", "line 3: no label in column 'y'"),
        ("a,y\n1,0\n1,NaN\n", "line 3: the label 'NaN' is missing"),
        ("y,y\n1,0\n1,2\n", "several columns 'y'"),
    ],
)
def test_columns_that_are_not_labels(tmp_path, text, message):
    (tmp_path / "l.csv").write_text(text)
    with pytest.raises(FileFormatError, match=message):
        screlax.read_labels(InFile(tmp_path / "l.csv", "y"))


def test_a_column_of_counts(tmp_path):
    file = tmp_path / "table.csv"
    file.write_text("class,train,test\ncat,50,5\ndog,20,5\n")
    assert read_labelled_counts(InFile(file, "train"))[0] == ["cat", "dog"]
    assert read_labelled_counts(InFile(file, "train"))[1].tolist() == [50, 20]
    file.write_text("breed;number of images\ncat;50\ndog;20\n")
    labels, counts = read_labelled_counts(InFile(file, "number of images"))
    assert (labels, counts.tolist()) == (["cat", "dog"], [50, 20])
    file.write_text("class,train,test\ncat,50,5\ncat,20,5\n")
    with pytest.raises(FileFormatError, match="line 3: label 'cat' already"):
        read_labelled_counts(InFile(file, "train"))
    file.write_text("class,train,test\ncat,50,5\ndog,many,5\n")
    with pytest.raises(FileFormatError, match="line 3: 'many' is not a class count"):
        read_labelled_counts(InFile(file, "train"))


def test_files_without_columns_have_none(tmp_path):
    (tmp_path / "l.json").write_text("[0, 1]")
    np.save(tmp_path / "l.npy", [1, 2])
    for name in ("l.json", "l.npy"):
        for read in (screlax.read_labels, read_labelled_counts):
            with pytest.raises(FileFormatError, match=f"{name} has no columns, so none named 'y'"):
                read(InFile(tmp_path / name, "y"))


@pytest.mark.parametrize("header", ["", "a,b,c,d\n"])
@pytest.mark.parametrize("separator", [",", "\t", ";", " "])
def test_embeddings_as_text(tmp_path, header, separator):
    file = tmp_path / "h.txt"
    lines = "\n".join(",".join(repr(float(x)) for x in row) for row in ROWS)
    file.write_text((header + lines).replace(",", separator))
    assert np.array_equal(as_embeddings(file), ROWS.astype(float))


def test_embeddings_as_text_with_labels(tmp_path):
    file = tmp_path / "h.csv"
    lines = [
        ",".join([name, *(repr(float(x)) for x in row)])
        for name, row in zip(NAMES, ROWS, strict=True)
    ]
    file.write_text("\n".join(["label,a,b,c,d", *lines]))
    assert np.array_equal(as_embeddings(file), ROWS.astype(float))
    assert screlax.read_labels(file) == NAMES
    for bad in ("x", "", "nan?"):
        file.write_text("a,b\n1,2\n3," + bad + "\n")
        with pytest.raises(FileFormatError, match=r"h.csv is no table of numbers.*row"):
            as_embeddings(file)


# ------------------------------------------------------------------- folders


def folder_of(path, names):
    for number, name in enumerate(names):
        (path / name).mkdir(parents=True, exist_ok=True)
        (path / name / f"{number}.jpg").write_bytes(b"")
    return path


def test_a_folder_of_class_folders(tmp_path):
    folder = folder_of(tmp_path / "train", NAMES)
    (folder / "cat" / "nested").mkdir()
    (folder / "cat" / "nested" / "more.PNG").write_bytes(b"")
    (folder / "cat" / ".DS_Store").write_bytes(b"")
    (folder / "cat" / "notes.txt").write_bytes(b"")
    (folder / ".cache").mkdir()
    (folder / "README.md").write_bytes(b"")
    labels, counts = read_labelled_counts(folder)
    assert (labels, counts.tolist()) == (["cat", "dog", "owl"], [5, 3, 2])
    assert screlax.read_labels(folder) == ["cat", *NAMES]


def test_files_that_are_no_images_count_where_there_are_none(tmp_path):
    for name in NAMES:
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / "a.wav").write_bytes(b"")
        (tmp_path / name / ".DS_Store").write_bytes(b"")
    assert screlax.read_counts(tmp_path).tolist() == [1, 1, 1]


@pytest.mark.filterwarnings("default:rows are taken")
def test_a_folder_as_labels_says_which_order_rows_are_taken_in(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    folder_of(tmp_path / "train", NAMES)
    features = np.random.default_rng(0).standard_normal((len(NAMES), 4))
    np.save("features.npy", features)
    assert main(["loss", "features.npy", "--labels", "train"]) == 0
    assert "rows are taken to be in the order of train, class after" in capsys.readouterr().err


def test_folders_that_are_no_classes(tmp_path):
    with pytest.raises(FileFormatError, match="is a directory without a folder for each class"):
        screlax.read_counts(tmp_path)
    folder_of(tmp_path, ["train", "val"])
    with pytest.raises(FileFormatError, match=r"of splits \(train, val\).*such as .*train"):
        screlax.read_counts(tmp_path)
    folder_of(tmp_path / "train", NAMES)
    (tmp_path / "train" / "ibis").mkdir()
    with pytest.raises(FileFormatError, match="folder 'ibis' holds no images"):
        screlax.read_counts(tmp_path / "train")


# ------------------------------------------------------------------- the command line


@pytest.fixture
def optimum(tmp_path):
    path = tmp_path / "optimum.npz"
    main(["solve", "--counts", "4,3,2", "--sphere", "1", "--out", str(path)])
    return path


def sizes_in(text):
    return json.loads(text)["geometry"]["size"]


def test_counts_in_place(capsys):
    assert main(["solve", "--counts", "500, 50,5", "--sphere", "1", "--json"]) == 0
    assert sizes_in(capsys.readouterr().out) == [500, 50, 5]
    for text, message in (
        ("500,0", "number 2: '0' is not a class count"),
        ("1,2,x", "no such"),
        ("1e3,5", "neither a file nor whole numbers with commas, such as 500,50,5"),
        ("5;3", "neither a file nor"),
    ):
        assert main(["solve", "--counts", text, "--sphere", "1"]) == 2
        assert message in capsys.readouterr().err


def test_three_commands_from_one_file_to_a_verdict(write, tmp_path, capsys):
    file = write(features=ROWS, labels=np.array(NUMBERS))
    out = tmp_path / "best.npz"
    assert main(["solve", "--labels", str(file), "--sphere", "1", "--out", str(out)]) == 0
    assert main(["compare", str(out), str(file), "--normalize"]) == 0
    assert "verdict" in capsys.readouterr().out
    assert main(["loss", str(file), "--normalize"]) == 0
    expected = screlax.supcon_loss(ROWS, NUMBERS, temperature=0.1, normalize=True)
    assert float(capsys.readouterr().out) == pytest.approx(expected, rel=1e-11)


def test_names_on_the_command_line(write, optimum, capsys):
    file = str(write(a=ROWS, b=ROWS, species=np.array(NUMBERS), other=np.arange(9)))
    assert main(["compare", str(optimum), file, "--array", "a", "--column", "species"]) == 0
    assert main(["compare", str(optimum), file, "--array", "a"]) == 2
    told = capsys.readouterr().err
    assert "'species'" in told
    assert "--column NAME" in told
    assert main(["solve", "--labels", file, "--column", "species", "--sphere", "1"]) == 0


@pytest.mark.parametrize("write", WRITERS[:3], indirect=True)  # no table: of several lengths
def test_names_of_everything_else_on_the_command_line(write, optimum, capsys):
    tensors = {"h": ROWS, "y": np.array(NUMBERS), "k": ROWS[:3], "z": np.arange(3)}
    file = str(write(**tensors, u=np.ones(3), w=np.array([1.0, 2.0, 1.0])))
    rows = ["--array", "h", "--column", "y", "--normalize"]
    weights = ["--class-weights", file, "--weights-column", "w"]
    keys = ["--keys", file, "--keys-array", "k", "--key-column", "z"]
    assert main(["loss", file, *rows, *weights, *keys]) == 0
    expected = screlax.contrastive_loss(
        ROWS,
        NUMBERS,
        loss=screlax.losses.SupCon(class_weights=[1.0, 2.0, 1.0]),
        keys=ROWS[:3],
        key_labels=[0, 1, 2],
        temperature=0.1,
        normalize=True,
    )
    assert float(capsys.readouterr().out.split()[0]) == pytest.approx(expected, rel=1e-11)
    layer = ["--classifier", file, "--classifier-array", "k"]
    assert main(["compare", str(optimum), file, *rows, *layer, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["classifier"]["norms"] == pytest.approx(
        np.linalg.norm(ROWS[:3], axis=1)
    )
    target = ["design", "--counts", "4,3,2", "--sphere", "1", "--knob", "temperature"]
    square = str(write(gram=np.eye(3), other=np.eye(2)))
    assert main([*target, "--target", square, "--array", "gram"]) == 0
    assert main([*target, "--target", square, "--array", "other"]) == 2
    assert main(["loss", file, *rows, "--key-column", "z"]) == 2
    assert "--keys FILE" in capsys.readouterr().err


def test_embeddings_alone_need_labels(tmp_path, optimum, capsys):
    np.save(tmp_path / "h.npy", ROWS)
    for command in (["compare", str(optimum)], ["loss"], ["report", "-o", "r.html", str(optimum)]):
        assert main([*command, str(tmp_path / "h.npy")]) == 2
        assert "holds embeddings alone; give the label of each: --labels" in capsys.readouterr().err


@pytest.fixture
def piped(monkeypatch, capsys):
    """Run a command in this process with these bytes on standard input."""

    def run(data, *arguments):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        capsys.readouterr()
        code = main(arguments)
        return subprocess.CompletedProcess(arguments, code, *capsys.readouterr())

    return run


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("option", "data"),
    [
        ("--counts", b"4\n3\n2\n"),
        ("--counts", b"\n[4, 3, 2]"),
        ("--counts", b'{"cat": 4, "dog": 3, "owl": 2}'),
        ("--labels", npy(NUMBERS)),
        ("--labels", "\n".join(NAMES).encode()),
        ("--pairs", b"4,1\n3,1\n2,1\n"),
    ],
)
def test_standard_input(piped, option, data):
    done = piped(data, "solve", option, "-", "--sphere", "1", "--json")
    assert done.returncode == 0, done.stderr
    assert sizes_in(done.stdout) == [4, 3, 2]


def test_a_pipe_is_standard_input():
    command = [sys.executable, "-m", "screlax", "solve", "--labels", "-", "--sphere", "1", "--json"]
    done = subprocess.run(command, input=npy(NUMBERS), capture_output=True)
    assert done.returncode == 0, done.stderr
    assert sizes_in(done.stdout) == [4, 3, 2]


@pytest.mark.filterwarnings("default::screlax.errors.HeaderWarning")
def test_standard_input_is_named_in_messages_and_read_once(piped, optimum):
    done = piped(b"4\nx\n", "solve", "--counts", "-", "--sphere", "1")
    assert done.returncode == 2
    assert "error: standard input, line 2: 'x' is not a class count" in done.stderr
    done = piped(b"", "solve", "--counts", "-", "--sphere", "1")
    assert "standard input is empty" in done.stderr
    done = piped(npy(ROWS), "compare", str(optimum), "-", "--labels", "-")
    assert done.returncode == 2
    assert "standard input is one file" in done.stderr
    done = piped(b"kind\ncat\ncat\ndog\ndog\n", "solve", "--labels", "-", "--ridge", "0.1")
    assert "warning: standard input, line 1: 'kind' occurs only once" in done.stderr


def test_embeddings_on_standard_input(piped, write, optimum):
    file = write(features=ROWS, labels=np.array(NUMBERS))
    done = piped(file.read_bytes(), "compare", str(optimum), "-", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["gram_distance"] > 0


def test_a_pickle_on_the_command_line(tmp_path, optimum, capsys):
    (tmp_path / "run.pkl").write_bytes(pickle.dumps({"features": ROWS, "labels": NUMBERS}))
    command = ["compare", str(optimum), str(tmp_path / "run.pkl")]
    assert main(command) == 2
    assert "--allow-pickle" in capsys.readouterr().err
    assert main([*command, "--allow-pickle"]) == 0


def test_labels_of_an_odd_number_are_refused(write):
    with pytest.raises(InvalidInputError, match="9 embeddings but 8 labels"):
        as_labels(write(labels=np.array(NUMBERS[:8])), 9)
