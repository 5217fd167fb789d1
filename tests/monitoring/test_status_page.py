"""The status page in a real browser."""

import urllib.parse

import pytest

import browser
import client as api
import processes
import status_page
from status_page import TABLES

SCREENS = {"desktop": (1280, 800, False), "phone": (360, 740, True)}
# What a person reads of a pipeline, by the heading of its column.
FIGURES = """(table) => {
  const row = document.querySelector(`tr[data-key="db/${table}"]`);
  const cells = [...row.querySelectorAll('td')];
  return Object.fromEntries(cells.map((cell) => [cell.dataset.label, cell.textContent]));
}"""
# WCAG's contrast of each text that is seen with what lies behind it, where it is less than 4.5.
FAINT = """(() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = (rgb) => {
    const [r, g, b] = rgb.slice(0, 3).map((c) => c / 255).map(
      (c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if (color.length < 4 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const element of document.body.querySelectorAll('*')) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || !element.checkVisibility()) continue;
    const both = [light(parse(getComputedStyle(element).color)), light(behind(element))].sort((a, b) => b - a);
    const contrast = (both[0] + 0.05) / (both[1] + 0.05);
    if (contrast < 4.5) found.push(`${element.tagName} ${element.textContent}: ${contrast}`);
  }
  return found;
})()"""
# What lies beyond the screen's right edge.
BEYOND = """[...document.body.querySelectorAll('*')].filter(
  (element) => element.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5
).map((element) => element.outerHTML.slice(0, 80))"""
FOCUS = """(() => {
  const at = document.activeElement;
  const style = getComputedStyle(at);
  const box = at.getBoundingClientRect();
  return {what: at.getAttribute('href') ?? at.id ?? at.tagName, outline: style.outlineStyle,
          seen: box.left >= 0 && box.right <= innerWidth && box.width > 0};
})()"""


@pytest.fixture(scope="module")
def chromium():
    with browser.Browser() as running:
        yield running


@pytest.fixture(scope="module")
def scene():
    with status_page.Scene() as made:
        yield made


@pytest.fixture
def page(chromium, scene):
    """Open, with a row for each pipeline."""
    opened = chromium.open(scene.url)
    opened.wait_for(f"document.querySelectorAll('#pipelines tbody tr').length === {len(TABLES)}")
    yield opened
    opened.close()


def figures(page, table):
    return page.evaluate(f"({FIGURES})('{table}')")


def wait_for_figure(page, table, label, condition):
    """Until the figure, as the variable `figure`, meets a condition in JavaScript."""
    page.wait_for(f"((figure) => {condition})(({FIGURES})('{table}')['{label}'])")


def facts(page):
    return page.evaluate("Object.fromEntries([...document.querySelectorAll('#daemon > div')].map("
                         "(box) => [...box.children].map((child) => child.textContent)))")


def test_figures_move_while_rows_flow_and_rest_when_none_do(page, scene):
    table, idle = TABLES[1], TABLES[2]
    wait_for_figure(page, table, "Rows/s", "figure === '0'")
    with scene.flow(table):
        wait_for_figure(page, table, "Rows/s", "Number(figure.replace(',', '')) > 50")
        first = figures(page, table)["Rows/s"]
        wait_for_figure(page, table, "Rows/s", f"figure !== '{first}'")
        wait_for_figure(page, table, "Commit", "/^[0-9.]+ m?s$/.test(figure)")
        heights = ("[...new Set(document.querySelector('tr[data-key=\"db/%s\"] polyline').getAttribute('points')"
                   ".split(' ').map((point) => point.split(',')[1]))].length > 1")
        page.wait_for(heights % table)
        assert not page.evaluate(heights % idle)
        shown = figures(page, table)
        assert shown["State"] == "running" and shown["Integrity"] == "100.00 %"
        rows, target = shown["Batch size"].replace(",", "").split(" of ")
        assert 10 <= float(rows) <= float(target)
    wait_for_figure(page, table, "Rows/s", "figure === '0'")
    assert figures(page, idle)["Batch size"] == "–"


def test_a_refused_row_shows_as_a_dead_letter_and_in_the_integrity(page, scene):
    assert figures(page, TABLES[0])["Dead letters"] == "0"
    with api.Client(scene.daemon.grpc_address) as client:
        scene.write(client, TABLES[0], 20, bad=1)
    wait_for_figure(page, TABLES[0], "Dead letters", "figure === '1'")
    wait_for_figure(page, TABLES[0], "Integrity", "figure === '95.00 %'")


def test_the_daemon_tells_of_itself(page):
    shown = facts(page)
    assert {"Up for", "Memory", "Rows in memory", "Journals", "db connections"} <= shown.keys()
    page.wait_for("document.querySelector('#version').textContent.length > 0")
    assert page.evaluate("document.querySelector('#summary').textContent") == "All pipelines run."


def test_nothing_is_complained_of_and_nobody_else_is_asked(page, scene):
    processes.wait_until(lambda: page.requests().count(scene.url + "status.json") >= 3, 60, "some polls")
    asked = page.requests()
    assert {scene.url, scene.url + "status.css", scene.url + "status.js"} < set(asked)
    origins = {urllib.parse.urljoin(url, "/") for url in asked if not url.startswith("data:")}
    assert origins == {scene.url}
    assert page.complaints() == []


def test_a_complaint_would_be_seen(chromium, scene):
    page = chromium.open(scene.url)
    page.evaluate("setTimeout(() => { throw new Error('thrown'); })")
    page.evaluate("console.error('written')")
    page.evaluate("fetch('http://127.0.0.1:1/').catch(() => 0)")  # the page's own policy forbids it
    for word in ("thrown", "written", "Content Security Policy"):
        processes.wait_until(lambda: word in str(page.complaints()), 60, word)
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", SCREENS)
def test_it_fits_every_screen_and_can_be_read_in_both_schemes(page, screen, scheme):
    width, height, mobile = SCREENS[screen]
    page.show_as(width, height, scheme, mobile)
    page.wait_for(f"innerWidth === {width}")
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width
    assert page.evaluate(BEYOND) == []
    assert page.evaluate(FAINT) == []
    back = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (back == "rgb(255, 255, 255)") == (scheme == "light")


def test_what_is_too_wide_or_too_faint_would_be_seen(page):
    page.evaluate("""{
      const added = document.createElement('p');
      added.textContent = 'added';
      Object.assign(added.style, {width: '200vw', color: '#999', background: '#fff'});
      document.body.append(added);
    }""")
    assert len(page.evaluate(BEYOND)) == 1
    assert len(page.evaluate(FAINT)) == 1


def test_a_narrow_screen_names_each_figure(page):
    page.show_as(*SCREENS["phone"][:2], "light", mobile=True)
    page.wait_for("innerWidth === 360")
    labels = page.evaluate("[...document.querySelectorAll('#pipelines td')].map("
                           "(cell) => getComputedStyle(cell, '::before').content)")
    assert len(labels) == 10 * len(TABLES) and set(labels[:2]) == {'"State"', '"Rows/s"'}


def test_the_keyboard_reaches_everything_and_shows_where_it_is(page):
    reached = []
    for _ in range(page.evaluate("document.querySelectorAll('a').length")):
        page.press("Tab")
        focus = page.evaluate(FOCUS)
        assert focus["outline"] != "none" and focus["seen"], focus
        reached.append(focus["what"])
    assert reached == ["#pipelines", "/metrics", "/healthz", "/readyz", "/status.json"]


def test_the_first_link_skips_to_the_pipelines(page):
    page.press("Tab")
    page.press("Enter")
    page.wait_for("document.activeElement.id === 'pipelines'")


def test_a_daemon_that_is_away_is_told_and_one_that_is_back(chromium):
    with status_page.Scene() as scene:
        page = chromium.open(scene.url)
        page.wait_for("document.querySelector('#summary').className === 'good'")
        scene.daemon.kill9()
        page.wait_for("document.querySelector('#summary').textContent.startsWith("
                      "'batchsqld does not answer; these figures are of ')")
        assert page.evaluate("document.title") == "batchsqld: no answer"
        scene.daemon.start()
        page.wait_for("document.title === 'batchsqld'")
