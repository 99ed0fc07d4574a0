"""The report and the plots in a real browser, without a screen."""

import json
from pathlib import Path

import pytest

from glove_spark.report.build import write_report
from glove_spark.report.neighbor_plot import write_plots
from glove_spark.settings.vectors import PageSettings
from glove_spark.vectors.word_vectors import WordVectors

from ..conftest import HOSTILE

pytest.importorskip("selenium", reason="selenium is not installed")
from tests.harness import browser as browsers

pytestmark = [
    pytest.mark.skipif(not browsers.CHROMIUM or not browsers.DRIVER, reason=browsers.MISSING),
    pytest.mark.filterwarnings("ignore"),
]

CONTRAST = """
const luminance = (text) => {
  const [r, g, b] = text.match(/[\\d.]+/g).slice(0, 3).map((v) => v / 255)
    .map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const back = luminance(getComputedStyle(document.body).backgroundColor);
const worst = {};
for (const one of document.querySelectorAll(
    "h1, h2, p, th, td, a, dt, dd, button, label, footer, #near span, #found strong," +
    "#figure-map text, #figure-training text, .plot text")) {
  const style = getComputedStyle(one);
  if (!one.textContent.trim() || style.display === "none" || !one.getClientRects().length) continue;
  const fore = luminance(one instanceof SVGElement ? style.fill : style.color);
  const ratio = (Math.max(fore, back) + 0.05) / (Math.min(fore, back) + 0.05);
  const name = one.tagName + "." + one.className;
  worst[name] = Math.min(worst[name] || 99, ratio);
}
return worst;
"""


@pytest.fixture(scope="module")
def browser():
    with browsers.headless_browser() as made:
        yield made


@pytest.fixture
def opened(browser, trained_folder, tmp_path):
    """The report in the browser, after it has drawn."""
    target = tmp_path / "report.html"
    write_report(trained_folder, target, PageSettings(map="pca", ratio=["w9", "w10", "w11"]))
    emulate(browser, "light")
    open_page(browser, target)
    wait(browser, "return document.querySelectorAll('.figure .main-svg').length >= 6")
    return browser


def open_page(browser, file):
    browser.get_log("browser")
    browser.get_log("performance")
    browser.get(file.as_uri())


def emulate(browser, scheme):
    features = [
        {"name": "prefers-color-scheme", "value": scheme},
        # the driver would click where something was before it scrolled
        {"name": "prefers-reduced-motion", "value": "reduce"},
    ]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def wait(browser, script):
    from selenium.webdriver.support.wait import WebDriverWait

    return WebDriverWait(browser, 30).until(lambda found: found.execute_script(script))


def asked_for(browser):
    """List what was requested but for the page itself and what it holds."""
    found = []
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            url = message["params"]["request"]["url"]
            if not url.startswith(("data:", "blob:")) and url != browser.current_url:
                found.append(url)
    return found


def type_word(browser, *keys):
    field = browser.find_element("id", "word")
    field.clear()
    field.send_keys(*keys)


def test_the_page_opens_without_errors_or_requests(opened):
    assert opened.get_log("browser") == []
    assert asked_for(opened) == []
    assert opened.execute_script("return window.pwned") is None
    wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert opened.execute_script(wide) <= 0


def test_search_finds_a_word_and_marks_its_neighbours(opened, trained_folder):
    from selenium.webdriver.common.keys import Keys

    type_word(opened, "TYR")
    assert [item.text for item in opened.find_elements("css selector", "#suggestions li")] == [
        "tyranny"
    ]
    type_word(opened, "tyranny", Keys.ENTER)
    wait(opened, "return document.querySelectorAll('#near li').length")
    assert opened.find_element("id", "found").text.startswith("tyranny rank 8, seen 593 times")
    shown = [row.text.split() for row in opened.find_elements("css selector", "#near button")]
    vectors = WordVectors.load(trained_folder)
    wanted = vectors.most_similar("tyranny", topn=12)
    assert shown == [[word, f"{cosine:.2f}"] for word, cosine in wanted]
    drawn = "return document.getElementById('figure-map').data.map((t) => t.customdata)"
    _, _, near, chosen = opened.execute_script(drawn)
    assert chosen == [HOSTILE.index("tyranny")]
    assert [vectors.words[k] for k in near] == [word for word, _ in wanted]
    opened.find_element("css selector", "#near button").click()
    wait(opened, f"return document.querySelector('#found strong').textContent === '{wanted[0][0]}'")
    opened.find_element("id", "clear").click()
    assert opened.execute_script(drawn)[3] == []


def test_search_by_keyboard_and_for_a_word_that_is_not_there(opened):
    from selenium.webdriver.common.keys import Keys

    type_word(opened, "w1", Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ARROW_UP)
    active = opened.find_element("css selector", "#suggestions [aria-selected=true]")
    assert active.text == "w11"
    assert opened.find_element("id", "word").get_attribute(
        "aria-activedescendant"
    ) == active.get_attribute("id")
    type_word(opened, Keys.ESCAPE)
    type_word(opened, "xyzzy", Keys.ENTER)
    assert opened.find_element("id", "found").text == "xyzzy is not among the words on the map."


@pytest.mark.parametrize("word", HOSTILE)
def test_hostile_words_are_shown_as_they_are(opened, word):
    from selenium.webdriver.common.keys import Keys

    type_word(opened, word, Keys.ENTER)
    assert (
        opened.execute_script("return document.querySelector('#found strong').textContent") == word
    )
    labels = opened.find_elements("css selector", "#figure-map .annotation-text")
    assert word in [label.get_attribute("textContent") for label in labels]
    assert opened.execute_script("return document.images.length") == 0
    assert opened.execute_script("return window.pwned") is None
    assert opened.get_log("browser") == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_themes_are_readable(opened, scheme):
    from selenium.webdriver.common.keys import Keys

    emulate(opened, scheme)
    type_word(opened, "tyranny", Keys.ENTER)
    ground = "return getComputedStyle(document.body).backgroundColor"
    before = opened.execute_script(ground)
    assert before == {"light": "rgb(251, 250, 247)", "dark": "rgb(22, 23, 26)"}[scheme]
    worst = opened.execute_script(CONTRAST)
    assert len(worst) > 10
    assert {name: ratio for name, ratio in worst.items() if ratio < 4.5} == {}
    opened.find_element("id", "theme").click()
    assert opened.execute_script(ground) != before
    other = {"light": "Light", "dark": "Dark"}[scheme]
    assert opened.find_element("id", "theme").text == f"{other} theme"
    drawn = "return document.getElementById('figure-map').layout.font.color"
    assert opened.execute_script(drawn) == {"light": "#e9e6df", "dark": "#23211d"}[scheme]


def test_zoom_shows_more_names(opened):
    zoom = """
      const div = document.getElementById("figure-map");
      return Plotly.relayout(div, {"xaxis.range": [0.4, 0.6], "yaxis.range": [0.4, 0.6]})
        .then(() => div.layout.annotations.map((a) => [a.x, a.y]));
    """
    inside = opened.execute_script(zoom)
    assert inside
    assert all(0.4 <= x <= 0.6 and 0.4 <= y <= 0.6 for x, y in inside)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_plot_of_a_word_is_readable(browser, trained_folder, tmp_path, scheme):
    emulate(browser, scheme)
    [page] = write_plots(WordVectors.load(trained_folder), HOSTILE[0], 12, tmp_path, only="html")
    open_page(browser, Path(page.path))
    assert browser.find_element("css selector", ".plot .word").text == HOSTILE[0]
    worst = browser.execute_script(CONTRAST)
    assert {name: ratio for name, ratio in worst.items() if ratio < 4.5} == {}
    assert browser.get_log("browser") == []
    assert asked_for(browser) == []
    browser.find_element("id", "theme").click()
    assert browser.find_element("id", "theme").text.startswith(scheme.title())
