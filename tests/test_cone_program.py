"""The relaxation as matrices, cones and files: other solvers find the same certified optimum."""

import json
import re

import clarabel
import cvxpy
import numpy as np
import pytest
import scs
from scipy import sparse

import screlax
from screlax import UFM, Ball, Budget, Ridge, Sphere, losses
from screlax.cli import main
from screlax.constraints import Linear
from screlax.errors import InvalidInputError, ProblemTooLargeError

SIZES = [20, 9, 5, 5, 1]
PROBLEMS = {
    "ridge": UFM(SIZES, Ridge(0.5), 0.7),
    "ball": UFM(SIZES, Ball(1.5), 0.7),
    "sphere": UFM(SIZES, Sphere(1.2), 0.7),
    "budget": UFM(SIZES, Budget(0.8), 0.7),
    "nonnegative": UFM(SIZES, Ridge(0.5), 0.7, features="nonnegative"),
    "weighted": UFM([20, 9, 5], Ridge(0.5), loss=losses.SupCon(class_weights=[1.0, 2.0, 3.0])),
}
every_problem = pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
every_level = pytest.mark.parametrize("level", ["classes", "orbits"])


def agrees(program, problem, value, tol=1e-6):
    """What another solver found has our certificate, and the optimum by the native method."""
    certificate, native = program.certify(), screlax.solve_relaxation(problem)
    assert certificate.proves(tol)
    assert certificate.lower <= native.upper
    assert native.lower <= certificate.upper
    assert value == pytest.approx(native.value, rel=1e-5, abs=1e-5)


# ----------------------------------------------------------------- from the raw matrices


@every_level
@every_problem
def test_scs_finds_the_certified_optimum_from_the_matrices(problem, level):
    program = screlax.cvxpy_program(problem, level)
    cone = program.cone_program()
    found = scs.solve(
        {"A": cone.A, "b": cone.b, "c": cone.c},
        cone.cones,
        **{"eps_abs": 1e-9, "eps_rel": 1e-9, "max_iters": 400_000, "verbose": False},
    )
    program.take(found["x"], found["y"])
    agrees(program, problem, cone.value(found["x"]))
    pair = found["x"][cone.gram_entries]
    np.testing.assert_array_equal(pair, program.gram.value)
    on_top = np.where(cone.spread_entries < 0, 0.0, found["x"][cone.spread_entries])
    np.testing.assert_allclose(
        np.diagonal(pair) + on_top,
        program._model.found().own * problem.temperature,
        rtol=1e-12,
    )


def clarabel_cones(cones):
    """In the order of the rows, as in SCS."""
    assert not cones.get("q")
    return [
        *([clarabel.ZeroConeT(cones["z"])] if "z" in cones else []),
        *([clarabel.NonnegativeConeT(cones["l"])] if "l" in cones else []),
        *(clarabel.PSDTriangleConeT(order) for order in cones.get("s", [])),
        *(clarabel.ExponentialConeT() for _ in range(cones.get("ep", 0))),
    ]


def to_upper(cones, rows):
    """Rows in Clarabel's order: its semidefinite blocks have the upper triangle by columns."""
    order = list(range(rows))
    start = cones.get("z", 0) + cones.get("l", 0)
    for size in cones.get("s", []):
        column, row = np.triu_indices(size)  # lower triangle, column by column
        place = {
            (int(i), int(j)): start + n for n, (i, j) in enumerate(zip(row, column, strict=True))
        }
        upper = [(i, j) for j in range(size) for i in range(j + 1)]
        order[start : start + len(place)] = [place[j, i] for i, j in upper]
        start += len(place)
    return np.array(order)


@every_problem
def test_clarabel_finds_the_certified_optimum_from_the_matrices(problem):
    program = screlax.cvxpy_program(problem, "orbits")
    cone = program.cone_program()
    order = to_upper(cone.cones, len(cone.b))
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    A = sparse.csc_matrix(cone.A.tocsr()[order])
    empty = sparse.csc_matrix((len(cone.c), len(cone.c)))
    found = clarabel.DefaultSolver(
        empty, cone.c, A, cone.b[order], clarabel_cones(cone.cones), settings
    ).solve()
    y = np.empty(len(order))
    y[order] = found.z
    program.take(np.array(found.x), y)
    agrees(program, problem, cone.value(np.array(found.x)), tol=1e-5)


def test_a_constraint_of_ones_own_goes_with_the_problem():
    constrained = UFM([20, 9, 5], Ridge(0.5), constraints=[Linear(_between(0, 1), lower=0.5)])
    program = screlax.cvxpy_program(constrained, "classes")
    cone = program.cone_program()
    found = scs.solve(
        {"A": cone.A, "b": cone.b, "c": cone.c},
        cone.cones,
        **{"eps_abs": 1e-9, "eps_rel": 1e-9, "verbose": False},
    )
    program.take(found["x"], found["y"])
    assert program.gram.value[0, 1] == pytest.approx(0.5, abs=1e-6)
    free = screlax.solve_relaxation(UFM([20, 9, 5], Ridge(0.5)))
    assert cone.value(found["x"]) > free.value + 1e-3


def _between(row, column):
    matrix = np.zeros((3, 3))
    matrix[row, column] = matrix[column, row] = 0.5
    return matrix


@pytest.mark.parametrize(
    ("x", "y", "said"),
    [
        (np.zeros(3), None, "x must be"),
        (None, np.zeros((2, 2)), "y must be"),
        (np.nan, None, "x must be"),
        ("text", None, "x must be numbers"),
    ],
)
def test_numbers_of_another_shape_are_refused(x, y, said):
    program = screlax.cvxpy_program(PROBLEMS["ridge"], "orbits")
    rows, columns = program.cone_program().A.shape
    x = np.zeros(columns) if x is None else np.full(columns, x) if x is np.nan else x
    y = np.zeros(rows) if y is None else y
    with pytest.raises(InvalidInputError, match=said):
        program.take(x, y)


def test_a_program_that_does_not_fit_is_refused(monkeypatch):
    program = screlax.cvxpy_program(PROBLEMS["ridge"])
    monkeypatch.setattr("screlax.optional.available_memory", lambda: 1000)
    with pytest.raises(ProblemTooLargeError, match="cone program of 5 cells"):
        program.cone_program()


# ----------------------------------------------------------------- files


def read_cbf(text):
    """A reader of its own of the Conic Benchmark Format: what is in these files of it."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    blocks, place = {}, 0
    while place < len(lines):
        name = lines[place]
        if name in ("VER", "OBJSENSE", "OBJBCOORD"):
            blocks[name] = lines[place + 1]
            place += 2
            continue
        header = [int(word) for word in lines[place + 1].split()]
        blocks[name] = [line.split() for line in lines[place + 2 : place + 2 + header[-1]]]
        assert len(blocks[name]) == header[-1], name
        if name in ("VAR", "CON"):
            assert sum(int(size) for _, size in blocks[name]) == header[0]
        place += 2 + header[-1]
    return blocks


def posed_in_cvxpy(blocks):
    """Pose the file again, from the definition of the format alone."""
    assert (blocks["VER"], blocks["OBJSENSE"]) == ("3", "MIN")
    ((kind, count),) = blocks["VAR"]
    assert kind == "F"
    x = cvxpy.Variable(int(count))
    rows = sum(int(size) for _, size in blocks["CON"])
    A, b = np.zeros((rows, int(count))), np.zeros(rows)
    for row, column, number in blocks["ACOORD"]:
        A[int(row), int(column)] += float(number)
    for row, number in blocks.get("BCOORD", []):
        b[int(row)] = float(number)
    scalar, start, constraints = A @ x + b, 0, []
    for kind, size in blocks["CON"]:
        part = scalar[start : start + int(size)]
        start += int(size)
        if kind == "EXP":  # first ≥ second · exp(third / second)
            constraints.append(cvxpy.ExpCone(part[2], part[1], part[0]))
        else:
            constraints.append(part == 0 if kind == "L=" else part >= 0)
    for block, (order,) in enumerate(blocks["PSDCON"]):
        size = int(order)
        H = np.zeros((size * size, int(count)))
        D = np.zeros((size, size))
        for number, column, i, j, entry in blocks["HCOORD"]:
            assert int(i) >= int(j)
            if int(number) == block:
                for place in {(int(i), int(j)), (int(j), int(i))}:
                    H[place[0] * size + place[1], int(column)] = float(entry)
        for number, i, j, entry in blocks.get("DCOORD", []):
            if int(number) == block:
                D[int(i), int(j)] = D[int(j), int(i)] = float(entry)
        constraints.append(cvxpy.reshape(H @ x, (size, size), order="C") + D >> 0)
    cost = np.zeros(int(count))
    for column, number in blocks["OBJACOORD"]:
        cost[int(column)] = float(number)
    objective = cvxpy.Minimize(cost @ x + float(blocks["OBJBCOORD"]))
    return cvxpy.Problem(objective, constraints), x


@every_level
@every_problem
def test_a_cbf_file_is_the_problem(problem, level, tmp_path):
    path = screlax.export_conic(problem, tmp_path / "x.cbf", level)
    text = path.read_text(encoding="ascii")
    assert all(len(line) <= 512 for line in text.splitlines())  # the format's longest line
    posed, x = posed_in_cvxpy(read_cbf(text))
    value = posed.solve(solver="CLARABEL")
    native = screlax.solve_relaxation(problem)
    assert value == pytest.approx(native.value, rel=1e-6)
    cone = screlax.cvxpy_program(problem, level).cone_program()
    found = x.value[cone.gram_entries]
    if level == "classes" and problem.features is screlax.UFM([2, 2], Ridge(1.0)).features:
        np.testing.assert_allclose(found, native.class_gram, atol=5e-3)


@every_problem
def test_an_npz_file_holds_the_same_numbers(problem, tmp_path):
    cone = screlax.cvxpy_program(problem, "orbits").cone_program()
    path = cone.write(tmp_path / "x.npz")
    assert (sparse.load_npz(path) != sparse.csc_matrix(cone.A)).nnz == 0
    with np.load(path, allow_pickle=False) as stored:
        for name in ("b", "c", "gram_entries", "spread_entries"):
            np.testing.assert_array_equal(stored[name], getattr(cone, name))
        assert float(stored["offset"]) == cone.offset
        assert json.loads(str(stored["cones"])) == cone.cones


@pytest.mark.parametrize("name", ["x.txt", "x", "x.CBF", "missing/x.cbf"])
def test_other_files_are_refused_before_any_work(name, tmp_path):
    with pytest.raises(InvalidInputError, match=re.escape(str(tmp_path))):
        screlax.export_conic(PROBLEMS["ridge"], tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_failing_write_leaves_nothing(tmp_path, monkeypatch):
    def full(*_given):
        raise OSError("disk full")

    monkeypatch.setattr("screlax.io.atomic.os.replace", full)
    with pytest.raises(InvalidInputError):
        screlax.export_conic(PROBLEMS["ridge"], tmp_path / "x.cbf")
    assert list(tmp_path.iterdir()) == []


# ----------------------------------------------------------------- the command


def test_the_command_writes_what_the_function_writes(tmp_path, capsys):
    arguments = ["export", "--profile", "exponential:4,90,10", "--ridge", "0.1"]
    for suffix in ("cbf", "npz"):
        out = tmp_path / f"x.{suffix}"
        assert main([*arguments, "--out", str(out), "--level", "classes"]) == 0
        shown = capsys.readouterr().out
        assert f"written      {out}" in shown
        assert "ep 16" in shown
    problem = UFM(screlax.exponential(4, 90, 10), Ridge(0.1))
    again = screlax.export_conic(problem, tmp_path / "y.cbf", "classes")
    assert again.read_bytes() == (tmp_path / "x.cbf").read_bytes()
    assert main([*arguments, "--out", str(tmp_path / "z.cbf"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["cones"]["s"] == [4]


def test_the_command_takes_constraints(tmp_path, capsys):
    file, rows = tmp_path / "c.json", []
    file.write_text('[{"terms": [[0, 1, 1.0]], "equal": -0.2}]', encoding="utf-8")
    arguments = ["export", "--counts", "9,5,3", "--sphere", "1", "--out", str(tmp_path / "x.npz")]
    for own in ([], ["--constraints", str(file)]):
        assert main([*arguments, *own, "--json"]) == 0
        rows.append(json.loads(capsys.readouterr().out)["rows"])
    assert rows[1] == rows[0] + 1


def test_the_command_refuses_other_files(tmp_path, capsys):
    arguments = ["export", "--profile", "exponential:4,90,10", "--ridge", "0.1"]
    assert main([*arguments, "--out", str(tmp_path / "x.txt")]) == 2
    assert "must end in .cbf or .npz" in capsys.readouterr().err
