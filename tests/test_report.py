"""The interactive page: its numbers, its safety, and its behaviour in a real browser."""

import json
import re
import shutil
import sys

import numpy as np
import pytest

import screlax
from screlax.cli import main
from screlax.errors import InvalidInputError, MissingExtraError
from screlax.report import write_report

pytest.importorskip("plotly", reason="plotly is not installed")


def solved(labels=None, sizes=(40, 20, 9, 4), control=None):
    control = control or screlax.Ridge(0.02)
    return screlax.solve_relaxation(screlax.UFM(sizes, control, 0.5, labels))


def embeddings_of(solution, noise=0.05):
    y = np.repeat(np.arange(solution.problem.classes), np.asarray(solution.problem.class_sizes))
    H = solution.embeddings(8).vectors[y]
    return H + noise * np.random.default_rng(0).standard_normal(H.shape), y


def data_of(path):
    text = path.read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    return json.loads(found.group(1))


def test_the_numbers_are_those_of_the_solution(tmp_path):
    solution = solved()
    data = data_of(write_report(solution, tmp_path / "report.html"))
    assert data["summary"]["status"] == "optimal"
    assert data["summary"]["lower"] == solution.lower
    gram = solution.class_gram
    norms = np.sqrt(np.diag(gram))
    cosines = gram / np.outer(norms, norms)
    np.fill_diagonal(cosines, np.nan)
    shown = np.array(data["heat_map"]["cosines"], dtype=float)
    np.testing.assert_allclose(shown, cosines, rtol=1e-4, atol=1e-5)
    assert data["heat_map"]["limit"] == pytest.approx(np.nanmax(np.abs(cosines)))
    np.testing.assert_allclose(data["spectrum"], solution.eigenvalues[: solution.rank], rtol=1e-4)
    np.testing.assert_allclose(data["curves"]["norm"], norms, rtol=1e-4)
    assert data["table"]["columns"][:3] == ["class", "samples", "norm"]
    assert [row[1] for row in data["table"]["rows"]] == [40, 20, 9, 4]
    np.testing.assert_allclose([row[2] for row in data["table"]["rows"]], norms, rtol=1e-4)
    start = data["path"]["steps"][data["path"]["start"]]
    assert start["parameter"] == 0.02
    np.testing.assert_allclose(start["norm"], norms, rtol=1e-4)
    assert all(step["relative_gap"] < 1e-9 for step in data["path"]["steps"])


@pytest.mark.parametrize("control", [screlax.Sphere(1.0), screlax.Ball(2.0), screlax.Budget(1.0)])
def test_every_control_has_a_path(tmp_path, control):
    data = data_of(write_report(solved(control=control), tmp_path / "report.html"))
    steps = data["path"]["steps"]
    assert steps[data["path"]["start"]]["parameter"] == control.parameter
    parameters = [step["parameter"] for step in steps]
    assert len(set(parameters)) == len(parameters) == 25


@pytest.mark.parametrize("batches", [None, "shuffle:size=16"])
def test_the_verdict_is_on_the_page_with_what_it_stands_on(tmp_path, batches):
    """Every bound with its loss, and whether it is of all samples or an expectation."""
    solution = screlax.solve_relaxation(
        [20, 12, 4], screlax.Sphere(1.0), temperature=0.3, batches=batches
    )
    labels = np.repeat([0, 1, 2], [20, 12, 4])
    rows = 2 * solution.prototypes(3)[labels]
    rows += 0.1 * np.random.default_rng(0).standard_normal(rows.shape)
    found = screlax.compare(rows, labels, solution, draws=20)
    write_report(solution, tmp_path / "report.html", {"last": found})
    data = data_of(tmp_path / "report.html")
    (shown,) = data["comparisons"]
    assert shown["verdict"] == found.verdict.sentence
    assert shown["flags"] == [[flag.name, flag.sentence] for flag in found.flags]
    assert shown["optimum_of"] == f"{found.recipe}: {found.recipe.kind}"
    assert data["summary"]["averaged_over"] == found.recipe.averaged_over
    assert shown["split"] == pytest.approx(found.split.parts)
    assert (shown["estimate"] is None) == (batches is None)


def test_comparisons_are_on_the_page(tmp_path):
    solution = solved()
    H, y = embeddings_of(solution)
    found = screlax.compare(H, y, solution)
    data = data_of(write_report(solution, tmp_path / "report.html", {"epoch 9": found}))
    (shown,) = data["comparisons"]
    assert shown["name"] == "epoch 9"
    assert shown["gram_distance"] == found.gram_distance
    assert [shown["cosines"][c][c] for c in range(4)] == [None] * 4
    assert "epoch 9: norm" in data["table"]["columns"]


def test_metrics_of_a_classifier_are_on_the_page(tmp_path):
    solution = solved()
    H, y = embeddings_of(solution)
    found = screlax.compare(H, y, solution, classifier=solution.embeddings(8).vectors)
    data = data_of(write_report(solution, tmp_path / "report.html", comparisons={"run": found}))
    shown = data["comparisons"][0]["metrics"]
    assert shown["uncentred_equinorm"] == found.metrics.uncentred.equinorm
    assert shown["classifier_agreement"] == found.classifier.agreement
    expected = found.classifier.class_centred.self_duality
    assert shown["classifier_class_centred_self_duality"] == expected


@pytest.mark.parametrize("scale", [1.0, 20.0])
def test_norms_are_those_of_the_embeddings_not_of_their_alignment(tmp_path, scale):
    """Normalised features have norm one wherever they are drawn, and however far they align."""
    solution = solved(sizes=(12, 6, 4), control=screlax.Sphere(1.0))
    labels = np.repeat(np.arange(3), [12, 6, 4])
    H = scale * np.eye(3)[labels] @ np.array([[1.0, 0, 0], [0.8, 0.6, 0], [0.8, -0.6, 0]])
    found = screlax.compare(H, labels, solution)
    assert found.scale * scale < 0.9
    data = data_of(write_report(solution, tmp_path / "report.html", {"mine": found}))
    np.testing.assert_allclose(data["comparisons"][0]["norms"], scale, rtol=1e-4)
    column = data["table"]["columns"].index("mine: norm")
    np.testing.assert_allclose([row[column] for row in data["table"]["rows"]], scale, rtol=1e-4)


def test_the_title_is_the_heading_as_it_is_written(tmp_path):
    title = "A <b>title</b> & <!--SCRIPT-->\n\x1b[31m\ud800"
    text = write_report(solved(), tmp_path / "report.html", title=title).read_text("utf-8")
    written = r"A &lt;b&gt;title&lt;/b&gt; &amp; &lt;!--SCRIPT--&gt;\n\x1b[31m\ud800"
    assert f"<h1>{written}</h1>" in text
    assert f"<title>{written}</title>" in text
    assert not re.search("<!--[A-Z]+-->", re.sub("<script>.*</script>", "", text, flags=re.DOTALL))


def test_the_page_has_the_colours_of_the_pictures(tmp_path):
    plots = pytest.importorskip("matplotlib") and pytest.importorskip("screlax.plots")
    solution = solved()
    colours = data_of(write_report(solution, tmp_path / "report.html"))["colours"]
    image = plots.plot_gram(solution).images[0]
    low, high = image.get_clim()
    for place, colour in colours["signed"]:
        drawn = image.to_rgba(np.array([[low + place * (high - low)]]), bytes=True)[0, 0, :3]
        wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
        np.testing.assert_allclose(drawn, wanted, atol=2)
    norms = plots.plot_comparison(solution.class_gram, solution.class_gram, [40, 20, 9, 4]).axes[2]
    assert [line.get_color() for line in norms.lines] == [colours["embeddings"], colours["optimum"]]
    for reference in ("largest", "nearest"):
        line = plots.plot_angles(solution, references=reference).lines[0]
        assert line.get_color() == colours[reference]


def test_labels_cannot_break_out_of_the_page(tmp_path):
    labels = ["</script><script>alert(1)</script>", "<b>", "a & b", "d"]
    path = write_report(solved(labels), tmp_path / "report.html", title="<i>title</i>")
    text = path.read_text(encoding="utf-8")
    assert "alert(1)</script>" not in text
    assert "<i>title" not in text
    assert [row[0] for row in data_of(path)["table"]["rows"]] == labels


def test_ten_million_classes_fit_on_a_page(tmp_path):
    problem = screlax.UFM.from_pairs([1000, 100, 10], [5, 50, 10_000_000], screlax.Ridge(0.01))
    path = write_report(screlax.solve_relaxation(problem), tmp_path / "report.html")
    assert path.stat().st_size < 10e6
    data = data_of(path)
    assert data["table"]["columns"][0] == "classes of this size"
    assert [row[0] for row in data["table"]["rows"]] == [5, 50, 10_000_000]


def test_nothing_is_fetched(tmp_path):
    text = write_report(solved(), tmp_path / "report.html").read_text(encoding="utf-8")
    shell = re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)
    assert not re.search(r"(src|href)=\"(?!data:)", shell)


def test_a_comparison_with_another_solution_is_refused(tmp_path):
    solution, other = solved(), solved(sizes=(40, 20, 9, 5))
    found = screlax.compare(*embeddings_of(other), other)
    with pytest.raises(InvalidInputError, match="'mine' is with a solution for other"):
        write_report(solution, tmp_path / "report.html", {"mine": found})


def test_bad_targets(tmp_path, monkeypatch):
    with pytest.raises(InvalidInputError, match="must end in"):
        write_report(solved(), tmp_path / "report.txt")
    with pytest.raises(InvalidInputError, match="cannot write"):
        write_report(solved(), tmp_path / "none" / "report.html")
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    with pytest.raises(MissingExtraError, match=r"screlax\[report\]"):
        write_report(solved(), tmp_path / "report.html")
    assert not list(tmp_path.iterdir())


def test_the_command(tmp_path, capsys):
    solution = solved()
    solution.save(tmp_path / "solution.npz")
    H, y = embeddings_of(solution)
    np.save(tmp_path / "last.npy", H)
    np.save(tmp_path / "labels.npy", y)
    files = [str(tmp_path / name) for name in ("solution.npz", "last.npy")]
    out = str(tmp_path / "report.html")
    assert main(["report", *files, "--labels", str(tmp_path / "labels.npy"), "-o", out]) == 0
    assert "was written" in capsys.readouterr().out
    assert [found["name"] for found in data_of(tmp_path / "report.html")["comparisons"]] == ["last"]
    assert main(["report", *files, "-o", out]) == 2
    assert "--labels" in capsys.readouterr().err


@pytest.fixture(scope="module")
def browser():
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("chromium and chromedriver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--window-size=1300,1000",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(executable_path=driver)
    opened = webdriver.Chrome(options=options, service=service)
    yield opened
    opened.quit()


def requests_of(browser):
    events = (json.loads(entry["message"])["message"] for entry in browser.get_log("performance"))
    return [
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    ]


@pytest.mark.slow
def test_in_a_real_browser(browser, tmp_path):
    """Loads from a file without errors or requests; the slider and the search work."""
    labels = [f"species {number}" for number in range(60)]
    solution = solved(labels, sizes=[1000 - 16 * number for number in range(60)])
    H, y = embeddings_of_names(solution)
    path = write_report(
        solution, tmp_path / "report.html", {"last": screlax.compare(H, y, solution)}
    )
    browser.get(path.as_uri())
    assert browser.execute_script("return document.body.dataset.ready") == "true"
    assert browser.get_log("browser") == []
    assert {url.split(":")[0] for url in requests_of(browser)} <= {"file", "data"}

    def text(selector):
        return browser.execute_script(
            f"return document.querySelector({json.dumps(selector)}).textContent"
        )

    assert "optimal" in text("#verdict")
    assert "These features are" in text("#comparisons .verdict")
    plots = "return document.querySelectorAll('.plot .main-svg').length"
    assert browser.execute_script(plots) >= 10
    before = text("#path-label")
    browser.execute_script(
        "const s = document.getElementById('path-slider'); s.value = 0;"
        "s.dispatchEvent(new Event('input'))"
    )
    assert text("#path-label") != before
    assert len(browser.find_elements("css selector", "#class-table tbody tr")) == 60
    browser.find_element("id", "search").send_keys("species 5")
    assert len(browser.find_elements("css selector", "#class-table tbody tr")) == 11
    assert text("#found") == "11 of 60 rows"
    browser.execute_script("document.querySelectorAll('#class-table th button')[1].click()")
    first = text("#class-table tbody tr td")
    browser.execute_script("document.querySelectorAll('#class-table th button')[1].click()")
    assert {first, text("#class-table tbody tr td")} == {"species 5", "species 59"}
    assert browser.get_log("browser") == []


@pytest.mark.slow
def test_a_real_browser_shows_labels_as_they_are_written(browser, tmp_path):
    """In tick labels, legends, headings, hover texts and the table; nothing is a tag or formula."""
    labels = ["<b>bold</b>", "A&amp;B", "$x$", "猫", "two\nlines", "<script>1</script>"]
    shown = [label.replace("\n", r"\n") for label in labels]
    solution = solved(labels, sizes=(40, 20, 9, 6, 5, 4))
    H, y = embeddings_of_names(solution)
    found = screlax.compare(H, y, solution)
    name, title = "<i>net</i> &lt; $y$", "A <b>title</b>"
    browser.get(write_report(solution, tmp_path / "r.html", {name: found}, title=title).as_uri())
    assert browser.execute_script("return document.body.dataset.ready") == "true"
    assert browser.get_log("browser") == []

    def texts(selector):
        return browser.execute_script(
            "return [...document.querySelectorAll(arguments[0])].map((e) => e.textContent)",
            selector,
        )

    assert texts("h1") == [title]
    ticks = [short if len(short) <= 14 else short[:13] + "…" for short in shown]
    for target in ("heat-map", "comparison-0-mine", "comparison-0-optimal"):
        assert texts(f"#{target} .xtick text") == ticks
        assert texts(f"#{target} .ytick text") == ticks
    assert f"{name} against the optimum" in texts("h2")
    assert texts("#comparison-0-norms .legendtext") == [name, "optimum"]
    assert texts("#comparison-0-mine .gtitle") == [f"Cosines of {name}"]
    assert sorted(texts("#class-table tbody td:first-child")) == sorted(shown)
    assert f"{name}: norm" in texts("#class-table th")
    browser.execute_script("Plotly.Fx.hover('heat-map', {xval: 1, yval: 0})")
    assert texts("#heat-map .hovertext")[0].startswith(f"{shown[0]} / {shown[1]}cosine")
    browser.execute_script(
        "Plotly.Fx.hover('comparison-0-norms', [{curveNumber: 0, pointNumber: 2}])"
    )
    (hovering,) = texts("#comparison-0-norms .hovertext")
    assert hovering.startswith(name)
    assert hovering.endswith(shown[2])
    numbers = browser.execute_script("return document.getElementById('spectrum').data[0].x")
    assert numbers == list(range(1, solution.rank + 1))
    background = browser.execute_script(
        "return document.getElementById('heat-map').layout.plot_bgcolor"
    )
    assert background == "#d1d1d1"


def embeddings_of_names(solution):
    labels = np.repeat(solution.problem.class_labels, 3)
    H = solution.embeddings().vectors.repeat(3, axis=0)
    return H + 0.01 * np.random.default_rng(0).standard_normal(H.shape), labels


def test_the_same_input_has_the_same_bytes(tmp_path):
    solution = solved()
    pages = [write_report(solution, tmp_path / name) for name in ("first.html", "second.html")]
    assert pages[0].read_bytes() == pages[1].read_bytes()
