"""Results in a notebook: what they say, escaped, and pictures that a cell ends with."""

import html
import re
from html.parser import HTMLParser

import numpy as np
import pytest

import screlax

SPHERE = screlax.Sphere(1.0)
NASTY = "<script>alert('x')</script>"
COUNTS = {"cat": 20, "dog": 8, NASTY: 3}
LABELS = [label for label, count in COUNTS.items() for _ in range(count)]
ROWS = np.random.default_rng(0).standard_normal((len(LABELS), 5))


class Tags(HTMLParser):
    """Which tags there are, whether they nest, and the text between them."""

    def __init__(self, text):
        super().__init__()
        self.open, self.seen, self.text = [], set(), ""
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.seen.add(tag)
        assert {name for name, _ in attrs} <= {"style", "scope"}

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data + " "


def shown(result):
    text = result._repr_html_()
    tags = Tags(text)
    assert tags.seen <= {"div", "strong", "table", "tr", "th", "td", "details", "summary", "pre"}
    colours = re.findall(r"(?:color|background):\s*([^;\"]+)", text)
    assert set(colours) <= {"inherit", "none"}  # those of the page, light or dark
    assert len(text) < 30_000
    return tags.text


@pytest.fixture(scope="module")
def solution():
    return screlax.solve_relaxation(COUNTS, SPHERE, temperature=0.5)


@pytest.fixture(scope="module")
def of_batches():
    batches = screlax.batches.RandomBatches(8)
    return screlax.solve_relaxation(COUNTS, SPHERE, temperature=0.5, batches=batches)


def test_a_solution_says_what_its_numbers_are_of(solution, of_batches):
    text = shown(solution)
    for said in (
        f"status optimal (certified relative gap {solution.certificate.gap_in_words})",
        "3 classes, 31 samples, loss supcon",
        "temperature 0.5",
        "of all samples at once; features of any sign",
        f"{solution.certificate.lower:.10g} ≤ optimum ≤ {solution.certificate.upper:.10g}",
        "per anchor",
        NASTY[:20],
    ):
        assert re.search(re.escape(said).replace(r"\ ", r"\s+"), text), said
    text = shown(of_batches)
    assert "the expectation over mini-batches, not a single one" in text
    assert "per embedding" in text


def test_a_nonnegative_solution_says_whether_its_bounds_are_reached():
    found = screlax.solve_relaxation([5, 4], SPHERE, temperature=0.5, features="nonnegative")
    text = shown(found)
    assert "features nonnegative" in text
    assert found.tightness_in_words in text


def test_many_classes_have_few_rows():
    counts = np.arange(1, 100_001)
    problem = screlax.UFM(counts, screlax.Ridge(0.5), class_labels=[f"c{n}" for n in counts])
    text = shown(screlax.solve_relaxation(problem))
    assert "100,000 classes" in text
    assert text.count("c1") < 50


def test_components_have_no_geometry_in_common():
    fixed = screlax.batches.FixedBatches([[0, 1, 2], [3, 4, 5]])
    problem = screlax.UFM.from_labels([0, 0, 1, 2, 2, 3], SPHERE, loss="supcon", batches=fixed)
    found = screlax.solve_relaxation(problem)
    assert f"{len(found.components)} components" in shown(found)


def test_a_comparison_has_all_that_its_text_has(solution, of_batches):
    for optimum in (solution, of_batches):
        found = screlax.compare(ROWS, LABELS, optimum, normalize=True)
        text = " ".join(shown(found).split())
        for word in found.table().split():
            assert word in text, word
        assert found.recipe.kind in text


def test_a_certificate(solution):
    text = shown(solution.certificate)
    assert "holds in double precision, at level orbits" in " ".join(text.split())
    assert solution.certificate.gap_in_words in text


def test_a_sweep_has_what_varies_as_columns():
    points = screlax.grid({NASTY: [5, 3, 2]}, sphere=1.0, temperature=np.linspace(0.2, 2, 12))
    table = screlax.sweep(points)
    text = " ".join(shown(table).split())
    assert "12: 12 optimal" in text
    assert "control sphere" in text
    assert "of all samples at once" in text
    assert "and 2 more rows" in text
    mixed = screlax.sweep(
        screlax.grid({"a": [5, 3]}, sphere=1.0, temperature=0.5, batches=["all", "shuffle:size=4"])
    )
    assert "where it is one in a sampler of the expectation" in shown(mixed)
    assert "0 more" not in shown(screlax.sweep(points[:1]))


def test_a_landscape_has_a_row_for_each_dimension():
    problem = screlax.UFM([6, 4, 2], SPHERE)
    found = screlax.survey_landscape(problem, dims=[2, 3], starts=2)
    text = " ".join(shown(found).split())
    assert "4 at level classes" in text
    assert "loss supcon" in text
    assert "all samples at once" in text


def test_results_in_text_show_their_text(solution, of_batches):
    for result in (
        solution.determinacy(),
        solution.sensitivity(),
        screlax.design([9, 4], SPHERE, 0.5, knobs=["temperature"]),
        screlax.compare(ROWS, LABELS, solution, normalize=True).verdict,
        screlax.batch_floor(of_batches, draws=20),
        screlax.compare_losses([9, 4], SPHERE, 0.5, ["supcon"]),
    ):
        told = result.table() if hasattr(result, "table") else str(result)
        text = html.unescape(result._repr_html_())
        for line in told.splitlines():
            assert line in text
        shown(result)


# ------------------------------------------------------------------- pictures


def test_a_cell_that_ends_with_a_picture_shows_it(solution):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    from screlax import plots

    for returned in (
        plots.plot_gram(solution),
        plots.plot_norms(solution),
        plots.plot_embedding(solution, dim=3),
        plots.plot_solution(solution),
    ):
        data = returned._repr_png_()
        assert data.startswith(b"\x89PNG")
        assert len(data) > 3000


def test_ipython_shows_pictures_and_results(solution):
    formatters = pytest.importorskip("IPython.core.formatters", reason="IPython is not installed")
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    from screlax import plots

    display = formatters.DisplayFormatter()
    for returned in (plots.plot_gram(solution), plots.plot_solution(solution)):
        data, _ = display.format(returned)
        assert data["image/png"].startswith(b"\x89PNG")
    data, _ = display.format(solution)
    assert data["text/html"] == solution._repr_html_()


def test_collapse_and_limit_show_what_they_print():
    problem = screlax.UFM(COUNTS, screlax.WeightDecay(1.0, 1.0), loss="cross-entropy")
    assert "minority collapse by" in shown(screlax.minority_collapse(problem))
    assert "limit as λ → 0" in shown(screlax.solve_limit(problem))


def test_sizes_that_are_left_out_are_counted():
    many = screlax.solve_relaxation(range(2, 12), SPHERE, temperature=0.5)
    assert "7 of 10 class sizes" in shown(many)


def test_a_verdict_is_prose_that_wraps(solution):
    rows = np.repeat(np.arange(solution.problem.classes), 2)
    labels = [solution.problem.class_labels[row] for row in rows]
    verdict = screlax.compare(solution.prototypes()[rows], labels, solution).verdict
    assert str(verdict) in shown(verdict).replace("\n", " ")
    assert "<pre" not in verdict._repr_html_()
