"""The page: what it says of every optimum, that nothing breaks out, and that all is named."""

import base64
import hashlib
import itertools
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

import screlax
from screlax.cli import main
from screlax.comparison.recipe import Recipe
from screlax.errors import InvalidInputError
from screlax.plots.colours import role
from screlax.report import path, write_report
from screlax.report.chart import DASHES, Chart, Series, series
from screlax.report.classes import class_data
from screlax.report.comparison import comparison_section
from screlax.report.document import embedded
from screlax.report.geometry import CURVES
from screlax.report.legends import ALONE, CENTRES, DUALITY, FRAME
from screlax.report.metrics import legend_of, metric_columns
from screlax.report.numbers import Sheet
from screlax.report.page import page_html
from screlax.report.pixels import is_dark, png
from screlax.report.scales import Scale, fitting_scale, sizes_scale
from screlax.report.side_by_side import distance_between

NASTY = ["</script><script>alert(1)</script>", "<b>", "a & b", '"><img src=x onerror=alert(1)>']


class Page(HTMLParser):
    """Elements of a page in order: name, attributes, and the text inside."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open = [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, name, attributes):
        self.elements.append((name, dict(attributes), []))
        if name not in ("meta", "link", "input"):
            self.open.append(len(self.elements) - 1)

    def handle_startendtag(self, name, attributes):
        self.elements.append((name, dict(attributes), []))

    def handle_endtag(self, name):
        assert self.elements[self.open.pop()][0] == name

    def handle_data(self, data):
        for place in self.open:
            self.elements[place][2].append(data)

    def all(self, name, **attributes):
        wanted = {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items()}
        return [
            ("".join(text), given)
            for of, given, text in self.elements
            if of == name and all(given.get(key) == value for key, value in wanted.items())
        ]

    def texts(self, name, **attributes):
        return [text for text, _ in self.all(name, **attributes)]

    @property
    def data(self):
        return json.loads(self.texts("script", id="data")[0])


def solved(labels=None, sizes=(40, 20, 9, 4), control=None, **kind):
    control = control or screlax.Ridge(0.02)
    return screlax.solve_relaxation(screlax.UFM(sizes, control, 0.5, labels, **kind))


def embeddings_of(solution, noise=0.05):
    y = np.repeat(np.arange(solution.problem.classes), np.asarray(solution.problem.class_sizes))
    H = solution.embeddings(8).vectors[y]
    return H + noise * np.random.default_rng(0).standard_normal(H.shape), y


def compared(solution, **options):
    return screlax.compare(*embeddings_of(solution), solution, **options)


def table_of(page):
    (data,) = [given for given in page.data.values() if "columns" in given]
    return {column["title"]: column for column in data["columns"]}, data


def in_parts():
    """Two batches that share no sample."""
    batches = screlax.batches.FixedBatches([[0, 1, 4, 5], [2, 3, 6, 7]])
    return screlax.solve_relaxation([4, 4], screlax.Sphere(1.0), temperature=0.5, batches=batches)


def of_cross_entropy():
    return solved(control=screlax.WeightDecay(0.5, 0.5), loss="cross-entropy:bias=true")


def uncertified():
    with pytest.warns(screlax.InaccurateWarning):
        return screlax.solve_relaxation([9, 4], screlax.Sphere(1.0), tol=1e-300)


KINDS = {
    "supcon": solved,
    "sphere": lambda: solved(control=screlax.Sphere(1.0)),
    "singletons": lambda: solved(sizes=(40, 20, 1, 1)),
    "one size": lambda: solved(sizes=(5, 5, 5)),
    "zero": lambda: solved(control=screlax.Ridge(90.0)),
    "nonnegative": lambda: solved(control=screlax.Sphere(1.0), features="nonnegative"),
    "cross-entropy": of_cross_entropy,
    "components": in_parts,
    "not collapsed": lambda: solved(sizes=(5, 4, 3), loss="self-supervised:views=2"),
    "weights": lambda: solved(sizes=(9, 9), loss="supcon:class_weights=[1,2]"),
    "not certified": uncertified,
}


@pytest.fixture(scope="module", autouse=True)
def few_steps():
    """Paths of a few steps: how many is tested by the slider."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(path, "_POINTS", 5)
        patch.setattr(path, "_POINTS_IN_TURN", 3)
        yield


@pytest.fixture(scope="module")
def pages(few_steps):
    """A page of every kind."""
    return {name: (one := make(), page_html(one)) for name, make in KINDS.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_says_what_is_proved_and_what_is_left_open(pages, kind):
    solution, text = pages[kind]
    page = Page(text)
    (verdict,) = (said for said, of in page.all("p") if "verdict" in of.get("class", ""))
    assert verdict.startswith("NOT certified" if kind == "not certified" else "Certified optimal")
    assert solution.certificate.gap_in_words.removeprefix("< ") in verdict
    assert f"{solution.mean_value:.6g} per {solution.problem.mean_unit}" in verdict
    if solution.left_open and kind != "not certified":
        assert solution.left_open in verdict
    (heading,) = page.texts("h1")
    assert heading == page.texts("title")[0]
    assert str(solution.problem.loss) in heading
    assert solution.problem.control.caption in heading
    said = " ".join(page.texts("p"))
    assert ("all samples at once" if solution.problem.batches is None else "expectation") in said


@pytest.mark.parametrize("kind", KINDS)
def test_every_element_is_named_for_those_who_do_not_see_it(pages, kind):
    page = Page(pages[kind][1])
    places = [of["id"] for _, of, _ in page.elements if "id" in of]
    assert len(places) == len(set(places))
    for name, of, _ in page.elements:
        for key in ("aria-labelledby", "aria-describedby", "for"):
            assert of.get(key) is None or of[key] in places
        if of.get("role") in ("img", "group"):
            assert of["aria-label"]
        if name == "svg":
            assert of.get("role") == "img" or of.get("aria-hidden") == "true"
        if name == "th":
            assert of["scope"] in ("row", "col")
    figures = page.texts("figure")
    assert len(figures) == len(page.all("svg", role="img"))
    assert all("the numbers" in figure for figure in figures)  # the same as text, to unfold
    levels = [int(name[1]) for name, _, _ in page.elements if re.fullmatch("h[1-6]", name)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert '<html lang="en">' in pages[kind][1]


@pytest.mark.parametrize("kind", KINDS)
def test_the_policy_allows_the_page_and_nothing_else(pages, kind):
    page = Page(pages[kind][1])
    ((_, of),) = page.all("meta", http_equiv="Content-Security-Policy")
    policy = of["content"]
    assert policy.startswith("default-src 'none'; ")
    scripts = [text for text, of in page.all("script") if "type" not in of]
    for text in [*scripts, *page.texts("style")]:
        found = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{found}'" in policy
    assert len(scripts) == len(page.all("style")) == 1
    for name, of, _ in page.elements:
        assert "style" not in of
        assert not any(key.startswith("on") for key in of)
        for key in ("src", "href"):
            assert of.get(key, "data:").startswith(("data:", "#")), (name, of)


def test_the_numbers_are_those_of_the_solution(pages):
    solution, text = pages["supcon"]
    page = Page(text)
    columns, data = table_of(page)
    norms = np.sqrt(np.diag(solution.class_gram))
    assert data["rows"] == 4
    assert columns["samples"]["values"] == [40, 20, 9, 4]
    np.testing.assert_allclose(columns["norm"]["values"], norms, rtol=1e-4)
    assert columns["class"]["values"] is None  # the numbers of the rows
    cells = page.texts("td")
    for shown in (f"{solution.lower:,.12g}", f"{solution.mean_value:,.10g}", "3 of 4"):
        assert shown in cells
    decided = solution.determinacy()
    assert f"allows distances up to about {decided.distance(1e-6):.3g}" in " ".join(page.texts("p"))


def entries(given):
    """Decode a heat map, as the script does."""
    whole = np.frombuffer(base64.b64decode(given["entries"]), "<i2").astype(float)
    size = len(given["names"])
    if not given["symmetric"]:
        matrix = whole.reshape(size, size)
    else:
        matrix = np.empty((size, size))
        matrix[np.triu_indices(size)] = whole
        matrix = np.triu(matrix) + np.triu(matrix, 1).T
    return np.where(matrix == -32768, np.nan, matrix / 32767 * given["limit"])


def test_heat_maps_carry_cosines_classifier_and_logits(pages):
    solution, text = pages["cross-entropy"]
    cosines, rows, logits = (given for given in Page(text).data.values() if "entries" in given)
    for given, gram in ((cosines, solution.class_gram), (rows, solution.classifier_gram)):
        expected = gram / np.sqrt(np.outer(np.diag(gram), np.diag(gram)))
        np.fill_diagonal(expected, np.nan)
        np.testing.assert_allclose(entries(given), expected, atol=2e-5)
    assert not logits["symmetric"]
    np.testing.assert_allclose(entries(logits), solution.logits, atol=2e-4)


def test_components_are_drawn_and_listed_apart(pages):
    solution, text = pages["components"]
    page = Page(text)
    maps = [given for given in page.data.values() if "entries" in given]
    assert len(maps) == len(solution.components) == 2
    cells = page.texts("td")
    assert all(f"{part.upper:,.8g}" in cells for part in solution.components)
    assert "nothing is decided between them" in text


def test_what_is_refused_says_why(pages):
    for kind in ("nonnegative", "cross-entropy", "components", "zero", "not collapsed"):
        solution, text = pages[kind]
        with pytest.raises(screlax.ScrelaxError) as refused:
            solution.determinacy()
        assert f"is not said: {refused.value}." in " ".join(Page(text).texts("p"))


@pytest.mark.parametrize(
    "control", [screlax.Ridge(0.02), screlax.Sphere(1.0), screlax.Ball(2.0), screlax.Budget(1.0)]
)
def test_the_slider_has_every_step_of_the_path(control):
    page = Page(page_html(solved(control=control)))
    ((_, slider),) = page.all("input", type="range")
    said = page.data[slider["id"]]["said"]
    steps = int(slider["max"]) + 1
    assert len(set(said)) == len(said) == steps == 5 + control.is_penalty
    assert said[int(slider["value"])] == slider["aria-valuetext"]
    assert f"= {control.parameter:g} (as above)" in slider["aria-valuetext"]
    frames = [of for _, of in page.all("g") if "data-frame" in of]
    assert len(frames) % steps == 0
    shown = [of["data-frame"] for of in frames if "display" not in of]
    assert shown == [slider["value"]] * (len(frames) // steps)


def test_a_comparison_has_its_verdict_first_and_all_its_numbers():
    solution = solved()
    found = compared(solution, classifier=solution.embeddings(8).vectors)
    text = page_html(solution, {"epoch 9": found})
    page = Page(text)
    first, second = (said for said, of in page.all("p") if "verdict" in of.get("class", ""))
    assert first == f"epoch 9: {found.verdict.sentence}"
    assert second.startswith("The optimum: Certified optimal")
    cells = page.texts("td")
    assert f"{found.gram_distance:,.4g}" in cells
    assert f"{found.recipe}: {found.recipe.kind}" in cells
    assert f"{found.classifier.agreement:.6g}" in cells
    assert f"{found.metrics.uncentred.equinorm:.5g}" in cells
    columns, _ = table_of(page)
    np.testing.assert_allclose(columns["epoch 9: norm"]["values"], found.per_class.norms, rtol=1e-4)


def test_flags_and_estimates_are_said():
    solution = screlax.solve_relaxation(
        [20, 12, 4], screlax.Sphere(1.0), temperature=0.3, batches="shuffle:size=16"
    )
    labels = np.repeat([0, 1, 2], [20, 12, 4])
    rows = 2 * solution.prototypes(3)[labels]
    rows += 0.1 * np.random.default_rng(0).standard_normal(rows.shape)
    found = screlax.compare(rows, labels, solution, draws=20)
    said = Page(comparison_section(Sheet(), "last", found, says_verdict=False))
    flagged = [text for text in said.texts("p") if text.startswith("norms: ")]
    assert flagged == [f"{flag.name}: {flag.sentence}" for flag in found.flags[:1]]
    assert any("(20 batches)" in cell for cell in said.texts("td"))


def test_every_metric_has_a_sentence():
    """Of embeddings alone, of a classifier, and of logits beside an optimum of cross-entropy."""
    solution = of_cross_entropy()
    rows = np.random.default_rng(0).standard_normal((73, 5))
    labels = np.repeat(range(4), [40, 20, 9, 4])
    found = screlax.compare(rows, labels, solution, classifier=rows[:4])
    grouped = {f"{centre}_{name}" for centre in CENTRES for name in {**FRAME, **DUALITY}}
    for name in metric_columns(found):
        assert name in grouped or legend_of(name)
    section = Page(comparison_section(Sheet(), "net", found, says_verdict=True))
    terms = section.texts("span", role="tooltip")
    assert len(terms) > 60
    assert all(terms)
    assert set(ALONE) >= {"agreement", "balance"}


def test_several_recipes_are_side_by_side():
    whole = solved(control=screlax.Sphere(1.0))
    other = solved(control=screlax.Sphere(1.0), features="nonnegative")
    elsewhere = solved(sizes=(9, 4))
    assert distance_between(whole, whole) == 0
    apart = distance_between(whole, other)
    assert apart == pytest.approx(
        screlax.geometry.gram_distance(whole.class_gram, other.class_gram), rel=1e-9
    )
    assert np.isnan(distance_between(whole, elsewhere))
    moved = solved(sizes=(41, 20, 9, 4), control=screlax.Sphere(1.0))
    assert 0 < distance_between(whole, moved) < 0.1
    rows, labels = embeddings_of(whole)
    found = screlax.compare(rows, labels, [whole, other])
    recipes = {"first": whole, "second": other, "third": elsewhere}
    page = Page(page_html(recipes, {"net": found}))
    verdicts = [said for said, of in page.all("p") if "verdict" in of.get("class", "")]
    assert verdicts[0].startswith(f"net, nearest to first: {found[0].verdict.sentence}")
    assert f"All 3 optima are certified; their geometries are {apart:.3g} apart" in verdicts[1]
    assert len(verdicts) == 2 + 2 + 3  # those of every recipe are with its section
    assert f"{apart:.4f}" in page.texts("td")
    assert str(Recipe.of(other)) in page.texts("td")  # under names of one's own
    assert {"Classes of first", "Optimum of second"} <= set(page.texts("h2"))


def test_comparisons_belong_to_their_solutions(tmp_path):
    solution, other = solved(), solved(sizes=(40, 20, 9, 5))
    found = compared(other)
    with pytest.raises(InvalidInputError, match="'mine' is with a solution for other"):
        page_html(solution, {"mine": found})
    colder = screlax.solve_relaxation(screlax.UFM([40, 20, 9, 4], screlax.Ridge(0.02), 0.25))
    with pytest.raises(InvalidInputError, match="and this solution is that of loss supcon"):
        page_html(colder, {"mine": compared(solution)})
    with pytest.raises(InvalidInputError, match="'mine' it is given twice"):
        page_html(solution, {"mine": [compared(solution)] * 2})
    with pytest.raises(InvalidInputError, match="about a solution, or a sequence"):
        page_html([])
    alike = Page(page_html([solution, solution]))
    assert "Optimum of supcon (ridge 0.02, τ = 0.5), number 2" in alike.texts("h2")


def test_nothing_that_was_given_breaks_out():
    solution = solved(NASTY)
    y = np.repeat(NASTY, [40, 20, 9, 4])
    H = embeddings_of(solution)[0]
    title = "A </title><b>title</b> & <!--SCRIPT-->\n\x1b[31m\ud800"
    text = page_html(solution, {NASTY[0]: screlax.compare(H, y, solution)}, title=title)
    page = Page(text)
    written = r"A </title><b>title</b> & <!--SCRIPT-->\n\x1b[31m\ud800"
    assert page.texts("h1") == page.texts("title") == [written]
    assert not page.all("b")
    assert not page.all("img")
    assert len(page.all("script")) == 2
    assert not any("onerror" in of for _, of, _ in page.elements)
    columns, _ = table_of(page)
    assert columns["class"]["values"] == NASTY
    assert f"{NASTY[0]}: norm" in columns
    assert "</script" not in embedded({"label": NASTY[0]}).lower()


def test_many_classes_fit_on_a_page(tmp_path):
    sizes = [1000, 100, 10], [5, 50, 10_000_000]
    problem = screlax.UFM.from_pairs(*sizes, screlax.Ridge(0.01))
    path = write_report(screlax.solve_relaxation(problem), tmp_path / "report.html")
    assert path.stat().st_size < 1e6
    columns, data = table_of(Page(path.read_text("utf-8")))
    assert columns["classes of this size"]["values"] == sizes[1]
    assert data["orbit"] is None


def test_every_one_of_200_000_classes_has_its_row():
    counts = 2 + (5000 / np.arange(1, 200_001) ** 0.7).astype(int)
    labels = [f"species {number}" for number in range(200_000)]
    problem = screlax.UFM(counts, screlax.Ridge(1e-3), 0.5, labels)
    data = class_data(screlax.solve_relaxation(problem), {})
    columns = {column["title"]: column for column in data["columns"]}
    assert (data["rows"], len(data["orbit"])) == (200_000, 200_000)
    assert columns["class"]["values"][199_999] == "species 199999"
    assert len(columns["norm"]["values"]) == problem.class_sizes.orbits < 300
    for row in (0, 777, 199_999):
        assert columns["samples"]["values"][data["orbit"][row]] == counts[row]


def test_colours_are_those_of_the_pictures(pages):
    pytest.importorskip("matplotlib")
    from screlax import plots

    solution = pages["supcon"][0]
    image = plots.plot_gram(solution).images[0]
    low, high = image.get_clim()
    palette = re.search(rb"PLTE(.{768})", png(np.zeros((1, 1), np.uint8)), re.DOTALL)[1]
    for place in (0, 51, 127, 200, 254):
        value = low + place / 254 * (high - low)
        drawn = image.to_rgba(np.array([[value]]), bytes=True)[0, 0, :3]
        np.testing.assert_allclose(drawn, list(palette[3 * place : 3 * place + 3]), atol=2)
    for reference in ("largest", "nearest"):
        line = plots.plot_angles(solution, references=reference).lines[0]
        name, look = CURVES[f"cosine_{reference}"]
        mine = series(name, [1.0, 2.0], [0.0, 1.0], look)
        assert mine.colour == line.get_color()
        assert mine.dash == DASHES[line.get_linestyle()]


def contrast(one, other):
    """Return the contrast ratio of two colours (WCAG 2.2)."""

    def luminance(colour):
        colour = colour if len(colour) == 7 else "#" + "".join(2 * digit for digit in colour[1:])
        parts = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_numbers_in_cells_stand_out_from_every_colour():
    places = np.arange(256, dtype=np.uint8)
    palette = re.search(rb"PLTE(.{768})", png(places[None]), re.DOTALL)[1]
    for place, dark in enumerate(is_dark(places)):
        colour = "#" + palette[3 * place : 3 * place + 3].hex()
        assert contrast("#ffffff" if dark else "#000000", colour) >= 4.5


def test_text_stands_out_from_its_ground_in_both_themes(pages):
    """At least 4.5 to 1 (WCAG 2.2, success criterion 1.4.3)."""
    (style,) = Page(pages["supcon"][1]).texts("style")
    themes = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    assert len(themes) == 3  # light, dark, paper
    for theme in themes:
        of = {"shade": "#ffffff"} | dict(re.findall(r"--(\w+): (#\w+)", theme))
        for ground in ("paper", "shade"):
            for ink in ("ink", "soft", "accent", "good", "bad"):
                assert contrast(of[ink], of[ground]) >= 4.5, (ink, ground)


@pytest.mark.parametrize(
    ("scale", "expected"),
    [
        (Scale(0.0, 1.0), ["0", "0.2", "0.4", "0.6", "0.8", "1"]),
        (Scale(5.0, 1280.0, is_log=True, counts=True), ["10", "100", "1,000"]),
        (Scale(-0.08, 0.14), ["−0.05", "0", "0.05", "0.1"]),
        (Scale(1.0, 3.0, counts=True), ["1", "2", "3"]),
    ],
)
def test_ticks_are_round(scale, expected):
    assert [text for _, text in scale.ticks()] == expected


def test_axes_fit_what_is_drawn():
    flat = fitting_scale([[1.0, 1.0 + 1e-12]])
    assert flat.low < 0.95 < 1.05 < flat.high
    assert fitting_scale([[np.nan]]) == Scale(0.0, 1.0)
    assert fitting_scale([[0.0, 0.0]]).place([0.0]) == 0.5
    assert fitting_scale([[2.0, 3.0]], zero=True).low == 0
    assert sizes_scale([5, 5000]).is_log
    assert not sizes_scale([5, 6]).is_log
    assert np.isnan(Scale(1.0, 10.0, is_log=True).place([0.0])[0])


def test_no_two_curves_of_a_panel_have_one_line_style():
    dashes = [series(name, [1.0, 2.0], [0.0, 1.0], look).dash for name, look in CURVES.values()]
    assert len(set(dashes)) == len(dashes)


def test_a_curve_with_gaps_has_none_drawn_across():
    line = Series("", np.arange(4.0), np.array([0.0, np.nan, 1.0, 1.0]), role("mean"))
    chart = Chart(Scale(0, 3), Scale(0, 1), "x", "y", [line])
    (drawn,) = re.findall(r'd="([^"]*)" class="curve"', chart.svg("name", "id"))
    assert drawn.count("M") == 2
    assert drawn.count("L") == 1


def test_bad_targets(tmp_path):
    with pytest.raises(InvalidInputError, match="must end in"):
        write_report(solved(), tmp_path / "report.txt")
    with pytest.raises(InvalidInputError, match="cannot write"):
        write_report(solved(), tmp_path / "none" / "report.html")
    assert not list(tmp_path.iterdir())


def test_the_same_input_has_the_same_bytes(tmp_path):
    solution = solved()
    pages = [write_report(solution, tmp_path / name) for name in ("first.html", "second.html")]
    assert pages[0].read_bytes() == pages[1].read_bytes()


def test_the_command(tmp_path, capsys):
    solution, other = solved(), solved(control=screlax.Sphere(1.0))
    solution.save(tmp_path / "solution.npz")
    other.save(tmp_path / "other.npz")
    H, y = embeddings_of(solution)
    np.savez(tmp_path / "last.npz", embeddings=H)
    np.save(tmp_path / "labels.npy", y)
    names = ("solution.npz", "last.npz", "other.npz", "labels.npy", "report.html")
    one, rows, two, labels, out = (str(tmp_path / name) for name in names)
    assert main(["report", one, rows, "--labels", labels, "-o", out]) == 0
    assert "was written" in capsys.readouterr().out
    page = Page((tmp_path / "report.html").read_text("utf-8"))
    assert page.texts("h2")[0] == "last beside the optimum"
    assert main(["report", one, rows, two, "--labels", labels, "-o", out, "--title", "<T>"]) == 0
    page = Page((tmp_path / "report.html").read_text("utf-8"))
    assert page.texts("h1") == ["<T>"]
    assert {"last under other beside the optimum", "Optimum of solution"} <= set(page.texts("h2"))
    assert main(["report", one, one, "-o", out]) == 2
    assert "is given twice" in capsys.readouterr().err
