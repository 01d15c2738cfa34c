"""The page in a real browser: nothing goes wrong, it fits a phone, and the keyboard reaches everything."""

import pytest

from report_samples.browser import Browser, find_browser
from report_samples.samples import full
from tinyml_plugins.report.html import HtmlReporter

HOSTILE = "<img src=x onerror='window.pwned=1'>"
REACHED = "document.activeElement.closest('svg, th, nav, summary, [role=region], body > a')"


@pytest.fixture(scope="module")
def browser():
    executable = find_browser()
    if executable is None:
        pytest.skip("no chromium on PATH")
    with Browser(executable) as running:
        yield running


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    build = full(30, name=HOSTILE + "x" * 200, source="a/very/long/path/" * 20)
    build["layers"][0]["name"] = build["nodes"][1]["name"] = build["memory"]["buffers"][0]["name"] = HOSTILE * 3
    return HtmlReporter().write({"version": "1", "builds": [build]}, tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
def comparison(tmp_path_factory):
    builds = [full(5, name=f"build{number}") for number in range(4)]
    return HtmlReporter().write({"version": "1", "builds": builds}, tmp_path_factory.mktemp("comparison"))


@pytest.mark.parametrize("width", [375, 1280])
@pytest.mark.parametrize("dark", [False, True])
def test_it_renders_without_a_fault_and_never_scrolls_sideways(browser, page, comparison, width, dark):
    backgrounds = set()
    for path in (page, comparison):
        browser.open(path, width=width, dark=dark)
        assert browser.faults() == []
        assert browser.evaluate("document.documentElement.scrollWidth") <= width
        assert browser.evaluate("document.querySelectorAll('svg .mark').length") > 50
        assert browser.evaluate("[...document.querySelectorAll('svg')].every(each => each.clientHeight > 90)")
        backgrounds.add(browser.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert browser.evaluate("window.pwned") is None
    assert backgrounds == {"rgb(20, 23, 27)" if dark else "rgb(251, 250, 247)"}


def test_the_keyboard_reaches_everything_once(browser, page):
    browser.open(page)
    browser.evaluate("document.querySelector('details').open = true")
    stops = browser.evaluate(
        "document.querySelectorAll('a, button, summary, .scroll[tabindex], [data-chart] .mark[tabindex=\"0\"]').length"
    )
    reached = []
    for _ in range(stops):
        browser.press("Tab")
        reached.append(browser.evaluate(f"{REACHED} && {REACHED}.tagName"))
    assert None not in reached
    assert reached.count("svg") == browser.evaluate("document.querySelectorAll('[data-chart]').length")
    browser.press("Tab")
    assert browser.evaluate("document.activeElement.matches('body, .skip')")


def test_arrows_walk_through_a_chart_and_tell_each_mark(browser, page):
    browser.open(page)
    browser.evaluate("document.querySelector('.memory .mark').focus()")
    told = "document.querySelector('.memory').closest('.frame').querySelector('.readout').textContent"
    first = browser.evaluate(told)
    browser.press("ArrowRight")
    second = browser.evaluate(told)
    assert "tensor1: 128 B" in second != first
    assert "2 of 4 rows" in second
    assert browser.evaluate("document.querySelectorAll('.memory .mark[tabindex=\"0\"]').length") == 1
    browser.evaluate("document.activeElement.blur()")
    assert browser.evaluate(told).startswith("Point at a buffer")


def test_a_table_is_sorted_by_the_keyboard(browser, page):
    browser.open(page)
    rows = "[...document.querySelectorAll('td.layer')].map(each => Number(each.parentElement.cells[0].textContent))"
    assert browser.evaluate(rows) == list(range(30))
    cycles = "[...document.querySelectorAll('th button')].find(each => each.textContent === 'cycles')"
    browser.evaluate(f"{cycles}.focus()")
    browser.press("Enter")
    assert browser.evaluate(rows) == list(range(29, -1, -1))
    assert browser.evaluate(f"{cycles}.parentElement.ariaSort") == "descending"
    browser.press("Enter")
    assert browser.evaluate(rows) == list(range(30))
