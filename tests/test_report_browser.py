"""The page in a real browser: no error, no request, everything within reach of the keyboard."""

import json
import shutil

import numpy as np
import pytest

import screlax
from screlax.report import path, write_report

LABELS = [f"species {number}" for number in range(118)] + ["<b>bold</b> & $x$", "two\nlines"]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
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
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(path, "_POINTS", 5)
        opened.get(a_page(tmp_path_factory.mktemp("page") / "report.html").as_uri())
    yield opened
    opened.quit()


def a_page(file):
    """Write a page with a comparison and labels that are no markup."""
    sizes = [1000 - 8 * number for number in range(len(LABELS))]
    solution = screlax.solve_relaxation(screlax.UFM(sizes, screlax.Ridge(0.02), 0.5, LABELS))
    labels = np.repeat(np.array(LABELS, dtype=object), 2)
    H = solution.embeddings().vectors.repeat(2, axis=0)
    H = H + 0.01 * np.random.default_rng(0).standard_normal(H.shape)
    return write_report(solution, file, {"last": screlax.compare(H, labels.tolist(), solution)})


def texts(browser, selector):
    return browser.execute_script(
        "return [...document.querySelectorAll(arguments[0])].map((e) => e.textContent)", selector
    )


def requests_of(browser):
    events = (json.loads(entry["message"])["message"] for entry in browser.get_log("performance"))
    return [
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    ]


def press(browser, *keys):
    from selenium.webdriver import ActionChains

    ActionChains(browser).send_keys(*keys).perform()


@pytest.mark.slow
def test_it_loads_without_an_error_or_a_request(browser):
    assert browser.execute_script("return document.body.dataset.ready") == "true"
    assert browser.get_log("browser") == []
    assert {url.split(":")[0] for url in requests_of(browser)} <= {"file", "data"}


@pytest.mark.slow
def test_the_keyboard_reaches_everything_by_its_name(browser):
    """Tab goes in the order of the page; what is focused is seen, and has an accessible name."""
    from selenium.webdriver.common.keys import Keys

    wanted = browser.execute_script("""
      window.focused = [];
      document.addEventListener("focusin", ({target}) => focused.push(target));
      document.activeElement.blur();
      window.wanted = [...document.querySelectorAll("a, button, input, summary, [tabindex='0']")]
        .filter((one) => !one.disabled && one.checkVisibility());
      return wanted.length;
    """)
    assert wanted > 40
    press(browser, *[Keys.TAB] * wanted)
    assert browser.execute_script(
        "return focused.length === wanted.length && focused.every((one, i) => one === wanted[i])"
    )
    browser.execute_cdp_cmd("Accessibility.enable", {})
    nodes = browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    named = {}
    for node in nodes:
        kinds = {one["name"] for one in node.get("properties", ()) if one["value"].get("value")}
        if "focusable" in kinds:
            named.setdefault(node["role"]["value"], []).append(node["name"]["value"].strip())
    named.pop("main")  # where the link to skip to it goes
    assert all(name for of in named.values() for name in of), named
    assert named["slider"] == ["Move λ, everything else as it is:"]
    assert named["searchbox"] == ["Find a class"]
    images = [node["name"]["value"] for node in nodes if node["role"]["value"] == "image"]
    assert any(name.startswith("Cosines between class means: cosine from") for name in images)


@pytest.mark.slow
def test_a_sentence_comes_up_at_a_number_and_goes_away(browser):
    from selenium.webdriver.common.keys import Keys

    term = browser.find_element("css selector", ".numbers .term")
    tip = term.find_element("css selector", "[role=tooltip]")
    assert not tip.is_displayed()
    browser.execute_script("arguments[0].focus()", term.find_element("tag name", "button"))
    assert tip.is_displayed()
    box = tip.rect
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= browser.execute_script("return innerWidth")
    press(browser, Keys.ESCAPE)
    assert not tip.is_displayed()


@pytest.mark.slow
def test_the_slider_moves_the_curves_and_not_the_axes(browser):
    from selenium.webdriver.common.keys import Keys

    def shown():
        return browser.execute_script(
            "return [...document.querySelectorAll('.path [data-frame]:not([display=none])')]"
            ".map((one) => one.dataset.frame)"
        )

    slider = browser.find_element("css selector", ".path-slider")
    place, axes = slider.get_attribute("value"), texts(browser, ".path svg > text")
    assert set(shown()) == {place}
    browser.execute_script("arguments[0].focus()", slider)
    press(browser, Keys.LEFT)
    assert set(shown()) == {str(int(place) - 1)}
    assert slider.get_attribute("aria-valuetext") == texts(browser, ".path output")[0]
    assert texts(browser, ".path svg > text") == axes


@pytest.mark.slow
def test_the_table_is_searched_sorted_and_turned_by_pages(browser):
    assert len(texts(browser, ".classes tbody tr")) == 100
    assert texts(browser, ".pages [role=status]") == ["Rows 1 to 100 of 120"]
    previous, following = browser.find_elements("css selector", ".pages button")
    browser.execute_script("arguments[0].click()", following)
    assert texts(browser, ".classes tbody th")[-2:] == ["<b>bold</b> & $x$", r"two\nlines"]
    assert previous.is_enabled()
    assert not following.is_enabled()
    samples = browser.find_elements("css selector", ".classes thead button")[1]
    for direction, first in (("descending", "species 0"), ("ascending", r"two\nlines")):
        browser.execute_script("arguments[0].click()", samples)
        assert samples.find_element("xpath", "..").get_attribute("aria-sort") == direction
        assert texts(browser, ".classes tbody th")[0] == first
    browser.find_element("css selector", "input[type=search]").send_keys("BOLD")
    assert texts(browser, ".classes tbody th") == ["<b>bold</b> & $x$"]
    assert texts(browser, ".pages [role=status]") == ["Rows 1 to 1 of 1 found of 120"]


@pytest.mark.slow
def test_arrow_keys_read_off_a_chart_from_left_to_right(browser):
    from selenium.webdriver.common.keys import Keys

    chart, points = browser.execute_script("""
      const svg = document.querySelector("svg[id^=chart][tabindex='0']");
      svg.focus();
      return [svg.id, JSON.parse(document.getElementById("data").textContent)[svg.id].points];
    """)
    in_order = [said for _, _, said in sorted(points, key=lambda one: (one[0], -(one[1] or 0)))]
    place = f".readout[data-of={chart}]"
    for key, wanted in (
        (Keys.HOME, in_order[0]),
        (Keys.ARROW_LEFT, in_order[0]),
        (Keys.ARROW_RIGHT, in_order[1]),
        (Keys.END, in_order[-1]),
        (Keys.ARROW_RIGHT, in_order[-1]),
        (Keys.ARROW_LEFT, in_order[-2]),
    ):
        press(browser, key)
        assert texts(browser, place) == [wanted]


@pytest.mark.slow
def test_the_pointer_reads_off_charts_and_heat_maps(browser):
    for selector, said in (("[id^=map]", "cosine "), ("[id^=chart]", " samples")):
        browser.execute_script(
            """const svg = document.querySelector(`svg${arguments[0]}`);
            const box = svg.getBoundingClientRect();
            svg.dispatchEvent(new PointerEvent("pointermove",
              {clientX: box.left + 0.5 * box.width, clientY: box.top + 0.3 * box.height}));""",
            selector,
        )
        assert any(said in text for text in texts(browser, ".readout"))
    assert browser.get_log("browser") == []
