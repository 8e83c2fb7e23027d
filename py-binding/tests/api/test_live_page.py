"""Tests the live page in a headless browser. Leaves screenshots in target/ci/screenshots."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.parse import parse_qsl, urlencode, urlsplit
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

import ictus
from harness import TESTS, eventually, free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from selenium.webdriver.remote.webelement import WebElement

SCREENSHOTS = TESTS.parents[1] / "target" / "ci" / "screenshots"
OPTIONS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    # Containers have little shared memory.
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,900",
]
NOTHING = "\N{EN DASH}"
ROWS = "#content [role=row]:not([hidden])"


class Page:
    """The live page in a browser, read as a waiting user sees it."""

    def __init__(self, browser: webdriver.Chrome, address: str) -> None:
        self.browser = browser
        self.address = address

    def open(self, fragment: str = "") -> None:
        self.browser.get("about:blank")
        self.browser.get(f"{self.address}/{fragment}")
        self.wait(lambda: self.snapshots() > 0)

    def wait(self, reached: Callable[[], Any]) -> Any:
        value = eventually(reached, bool)
        assert value, (self.text("state"), self.text("overview"))
        return value

    def snapshots(self) -> int:
        return int(self.browser.execute_script("return document.body.dataset.snapshots ?? 0"))

    def text(self, name: str) -> str:
        return str(self.browser.find_element(By.ID, name).text)

    def rows(self) -> list[list[str]]:
        """Returns the visible rows, from the top, with names and labels in full."""
        script = f"""return [...document.querySelectorAll("{ROWS}")]
            .sort((one, other) => one.ariaRowIndex - other.ariaRowIndex)
            .map((row) => [...row.children].map(
                (cell) => cell.className.includes("number") ? cell.textContent : cell.title))"""
        rows: list[list[str]] = self.browser.execute_script(script)
        return rows

    def press(self, *keys: str) -> None:
        focused: WebElement = self.browser.switch_to.active_element
        focused.send_keys(*keys)

    def shoot(self, name: str) -> None:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        assert self.browser.save_screenshot(str(SCREENSHOTS / f"{name}.png"))

    def colours(self, scheme: str) -> None:
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        assert os.environ.get("CI") != "true", "chromium or chromedriver is not installed"
        pytest.skip("chromium or chromedriver is not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for option in OPTIONS:
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with webdriver.Chrome(options=options, service=Service(driver)) as started:
        yield started


def severe(browser: webdriver.Chrome) -> list[Any]:
    """Returns the severe log entries since the last call: policy violations, exceptions, missing files."""
    logged: list[Any] = browser.get_log("browser")  # type: ignore[no-untyped-call]
    return [entry for entry in logged if entry["level"] == "SEVERE"]


@pytest.fixture
def registry(directory: str) -> ictus.Registry:
    registry = ictus.Registry(directory, max_series=10_000)
    jobs = registry.timer("job_seconds", "How long jobs take.", ["job", "status"])
    for number in range(1, 101):
        jobs.labels("import", "SUCCESS").observe(number / 1000)
        jobs.labels("export", "SUCCESS").observe(number / 10)
    for _ in range(25):
        jobs.labels("export", "FAILURE").observe(0.5)
    registry.counter("mails", "Mails sent.").inc(7)
    return registry


@pytest.fixture
def page(browser: webdriver.Chrome, registry: ictus.Registry) -> Iterator[Page]:
    with ictus.start_http_server(0, "127.0.0.1", registry=registry) as server:
        yield Page(browser, f"http://127.0.0.1:{server.port}")
        errors = severe(browser)
        # Leave the page before the server stops, because its requests would fail.
        browser.get("about:blank")
        assert errors == []


def test_page_shows_the_values_that_prometheus_gets(page: Page) -> None:
    page.open("#user/job_seconds?" + urlencode({"job": "export", "status": "SUCCESS"}))
    shown: dict[str, str] = page.wait(
        lambda: page.browser.execute_script(
            "return Object.fromEntries([...document.querySelectorAll('#detail .numbers div')]"
            ".map((one) => [one.children[0].textContent, one.children[1].title]))"
        )
    )
    with urlopen(f"{page.address}/metrics") as answer:
        families = text_string_to_metric_families(answer.read().decode())
    [family] = [family for family in families if family.name == "job_seconds"]
    wanted = {
        sample.labels["quantile"]: sample.value
        for sample in family.samples
        if sample.labels.get("job") == "export"
        and sample.labels["status"] == "SUCCESS"
        and "quantile" in sample.labels
    }
    assert len(wanted) == 5
    assert [float(shown[f"p{100 * float(q):g}"]) for q in wanted] == list(wanted.values())
    # The window has the values from 0.1 to 10.
    assert [float(shown[name]) for name in ("p99.9", "max")] == pytest.approx([9.9901, 10])
    [row] = [row for row in page.rows() if row[1] == "job=export status=SUCCESS"]
    assert row == ["job_seconds", row[1], "100", NOTHING, "20.0 %", "5.05 s", "9.50 s", "9.90 s"]


def test_page_refreshes_by_itself(page: Page, registry: ictus.Registry) -> None:
    page.open()
    assert "4 series of 1 live and 0 dead workers" in page.text("state")
    mails = registry.counter("mails", "Mails sent.")
    previous = page.snapshots()
    mails.inc(3)
    page.wait(lambda: page.snapshots() > previous + 1)
    [row] = [row for row in page.rows() if row[0] == "mails_total"]
    assert row[2] == "10"
    assert row[3] != NOTHING
    registry.timer("late_seconds").observe(1)
    page.wait(lambda: any(row[0] == "late_seconds" for row in page.rows()))


def test_page_is_searched_and_sorted(page: Page) -> None:
    page.open()
    names = [row[1] for row in page.rows()]
    assert names == [
        "job=export status=SUCCESS",
        "job=export status=FAILURE",
        "job=import status=SUCCESS",
        "",
    ]
    page.press("/")
    page.press("export succ")
    page.wait(lambda: [row[1] for row in page.rows()] == names[:1])
    page.press(Keys.ESCAPE)
    page.wait(lambda: len(page.rows()) == 4)
    labels = page.browser.find_element(By.XPATH, "//button[.='Labels']")
    labels.click()
    page.wait(lambda: [row[1] for row in page.rows()] == sorted(names))
    head = page.browser.find_element(By.XPATH, "//*[@role='columnheader'][contains(., 'Labels')]")
    assert head.get_attribute("aria-sort") == "ascending"
    labels.click()
    page.wait(lambda: [row[1] for row in page.rows()] == sorted(names, reverse=True))


CASES = json.loads((TESTS.parents[1] / "exporter/tests/search_cases.json").read_text(encoding="utf-8"))


def test_searches_find_the_series_of_the_shared_cases(page: Page) -> None:
    """A test of the exporter reads the same cases, for `ictus top`."""
    page.open()
    script = """
        const [snapshot, ids, searches, done] = arguments;
        import("/page/store.js").then(({ Store }) => {
            const store = new Store();
            store.add({ health: {}, ...snapshot }, 0);
            const all = [...store.series.values()];
            done(searches.map((search) => {
                const { matches, error } = store.find(search);
                return [matches.map((series) => ids[all.indexOf(series)]), error !== null];
            }));
        }).catch((error) => done(String(error)));
    """
    cases = CASES["cases"]
    searches = [case["search"] for case in cases]
    matches = page.browser.execute_async_script(script, CASES["snapshot"], CASES["series"], searches)
    assert dict(zip(searches, matches, strict=True)) == {
        case["search"]: [case["matches"], case.get("has_error", False)] for case in cases
    }


NUMBERS = json.loads((TESTS.parents[1] / "exporter/tests/number_cases.json").read_text(encoding="utf-8"))


def test_numbers_are_written_as_in_the_shared_cases(page: Page) -> None:
    """A test of the exporter reads the same cases, for `ictus top` and tables."""
    page.open()
    script = """
        const [cases, done] = arguments;
        import("/page/format.js").then(({ quantity, rate, short }) => {
            const write = { rate, none: short };
            done(cases.map(({ value, unit }) => (write[unit] ?? quantity)(value, unit).replaceAll(",", "")));
        }).catch((error) => done(String(error)));
    """
    written = page.browser.execute_async_script(script, NUMBERS)
    assert written == [case["text"] for case in NUMBERS]


SEARCHES = {
    "mails_total": ["mails_total"],
    "mails{}": ["mails_total"],
    'status="FAILURE"': ["job_seconds"],
    'job_seconds_count{job="export",status=~"S.*"}': ["job_seconds"],
    "job_seconds{job!='export'}[5m]": ["job_seconds"],
    'job_seconds{job="exp': ["job_seconds"] * 3,
    '{__name__=~"mails.*"}': ["mails_total"],
}


def wait_for_names(page: Page, names: list[str]) -> None:
    page.wait(lambda: [row[0] for row in page.rows()] == names)


def test_series_are_found_as_in_prometheus(page: Page) -> None:
    page.open()
    for search, names in SEARCHES.items():
        page.press("/")
        page.press(search)
        wait_for_names(page, names)
        page.press(Keys.ESCAPE)
        page.wait(lambda: len(page.rows()) == 4)
        page.browser.execute_script("document.activeElement.blur()")


def groups(page: Page) -> list[tuple[str, str, str, str]]:
    """Returns the groups: names, numbers of series, counts, and the greatest p99 of each."""
    return [(row[0], row[1], row[2], row[7]) for row in page.rows() if row[1].endswith(" series")]


def test_series_are_grouped_by_metric_or_label(page: Page) -> None:
    page.open()
    chosen = page.browser.find_element(By.ID, "group")
    options = [option.text for option in chosen.find_elements(By.TAG_NAME, "option")]
    assert options == ["none", "metric", "job", "status"]
    page.press("g")
    page.press(Keys.ARROW_DOWN)
    page.wait(lambda: len(groups(page)) == 2)
    assert groups(page) == [
        ("job_seconds", "3 series", "225", "9.90 s"),
        ("mails_total", "1 series", "7", NOTHING),
    ]
    assert [row[0] for row in page.rows()] == ["job_seconds"] * 4 + ["mails_total"] * 2
    page.press(Keys.ARROW_DOWN)
    page.wait(lambda: len(groups(page)) == 3)
    # Failures of an operation are those of all its series, and quantiles are the greatest.
    assert groups(page) == [
        ("job=export", "2 series", "125", "9.90 s"),
        ("job=import", "1 series", "100", "99.0 ms"),
        ("no job", "1 series", "7", NOTHING),
    ]
    [export] = [row for row in page.rows() if row[0] == "job=export"]
    assert export[4] == "20.0 %"
    page.browser.find_element(By.XPATH, "//button[starts-with(., 'Count')]").click()
    page.wait(lambda: [name for name, *_ in groups(page)] == ["job=export", "job=import", "no job"])
    page.browser.find_element(By.XPATH, "//button[starts-with(., 'Count')]").click()
    page.wait(lambda: [name for name, *_ in groups(page)] == ["no job", "job=import", "job=export"])
    page.browser.find_element(By.XPATH, "//button[.='Close groups']").click()
    page.wait(lambda: len(page.rows()) == 3)
    query = dict(parse_qsl(urlsplit(page.browser.current_url).query))
    assert query == {"group": "job", "closed": "1", "sort": "count"}
    page.open("?" + urlencode(query))
    assert [row[0] for row in page.rows()] == ["no job", "job=import", "job=export"]


def test_groups_of_several_metrics_have_no_sums(page: Page, registry: ictus.Registry) -> None:
    registry.counter("job_retries", "", ["job"]).labels("export").inc(5)
    page.open("?group=job")
    assert groups(page) == [
        ("job=export", "3 series", NOTHING, "9.90 s"),
        ("job=import", "1 series", "100", "99.0 ms"),
        ("no job", "1 series", "7", NOTHING),
    ]


def test_a_group_compares_durations_only_with_durations(page: Page) -> None:
    page.open()
    script = """
        const [members, done] = arguments;
        import("/page/group.js").then(({ groups }) => {
            done(groups(members, "job").map(({ unit, quantiles }) => [unit, quantiles]));
        }).catch((error) => done(String(error)));
    """

    def timer(name: str, unit: str, p99: float | None) -> dict[str, object]:
        quantiles = None if p99 is None else {"p99": p99}
        return {"name": name, "labels": {}, "type": "timer", "unit": unit, "quantiles": quantiles}

    mixed = [timer("sizes", "bytes", 3000), timer("jobs", "seconds", 0.5), timer("polls", "seconds", 0.7)]
    for members, expected in (
        (mixed, ["seconds", {"p99": 0.7}]),
        (mixed[:1], ["bytes", {"p99": 3000}]),
        ([mixed[0], timer("jobs", "seconds", None)], ["bytes", {"p99": 3000}]),
        ([timer("jobs", "seconds", None)], ["seconds", None]),
    ):
        assert page.browser.execute_async_script(script, members) == [expected], members


def test_groups_are_opened_and_closed_by_keyboard(page: Page) -> None:
    page.open("?group=job")
    grid = page.browser.find_element(By.ID, "table")
    assert grid.get_attribute("role") == "treegrid"
    page.browser.execute_script("document.querySelector('#content [tabindex=\"0\"]').focus()")

    def focused() -> tuple[str, str | None, str | None]:
        row = page.browser.switch_to.active_element
        name = row.find_elements(By.CSS_SELECTOR, ".labels")[0].get_attribute("title")
        return str(name), row.get_attribute("aria-level"), row.get_attribute("aria-expanded")

    assert focused() == ("2 series", "1", "true")
    page.press(Keys.ARROW_DOWN)
    page.press(Keys.ARROW_DOWN)
    assert focused() == ("job=export status=FAILURE", "2", None)
    page.press(Keys.ARROW_LEFT)
    assert focused() == ("2 series", "1", "true")
    page.press(Keys.ARROW_LEFT)
    page.wait(lambda: focused() == ("2 series", "1", "false"))
    assert len(page.rows()) == 5
    page.press(Keys.ARROW_RIGHT)
    page.wait(lambda: len(page.rows()) == 7)
    page.press(Keys.ENTER)
    page.wait(lambda: len(page.rows()) == 5)
    assert "#" not in page.browser.current_url
    page.press(Keys.ARROW_DOWN)
    page.press(Keys.ARROW_DOWN)
    page.press(Keys.ENTER)
    page.wait(lambda: page.browser.current_url.endswith("#user/job_seconds?job=import&status=SUCCESS"))


def test_lines_that_the_user_has_hidden_stay_hidden(page: Page) -> None:
    page.open("#user/job_seconds?job=export&status=SUCCESS")
    legends = "#detail figure:first-child .u-legend tr"
    names = ["p50", "p75", "p90", "p95", "p99", "p99.9", "max"]

    def hidden() -> list[str]:
        lines = page.browser.find_elements(By.CSS_SELECTOR, f"{legends}.u-off th")
        return [line.text.rstrip(":") for line in lines]

    page.wait(lambda: page.browser.find_elements(By.CSS_SELECTOR, legends))
    all_lines = page.browser.find_elements(By.CSS_SELECTOR, f"{legends} th")
    assert [line.text.rstrip(":") for line in all_lines][1:] == names
    all_lines[-1].click()
    assert hidden() == ["max"]
    page.browser.execute_script(f"document.querySelectorAll('{legends} .u-label')[1].focus()")
    page.press(Keys.ENTER)
    assert hidden() == ["p50", "max"]
    assert page.browser.switch_to.active_element.get_attribute("aria-pressed") == "false"
    page.press(Keys.SPACE)
    # The charts are drawn again, in another range and scale.
    page.press("]")
    page.press("l")
    assert hidden() == ["max"]


def test_a_series_takes_the_whole_screen_of_a_phone(page: Page) -> None:
    metrics = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": False}
    page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    page.open("#user/job_seconds?job=export&status=SUCCESS")
    page.wait(lambda: page.browser.find_element(By.ID, "detail").is_displayed())
    assert not page.browser.find_element(By.ID, "table").is_displayed()
    script = "return innerHeight - document.getElementById('detail').getBoundingClientRect().bottom"
    assert abs(page.browser.execute_script(script)) < 1
    page.browser.find_element(By.XPATH, "//button[contains(., 'All series')]").click()
    page.wait(lambda: len(page.rows()) == 4)
    assert page.browser.find_element(By.ID, "table").is_displayed()
    page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_search_without_a_match_has_a_way_back(page: Page) -> None:
    page.open("?" + urlencode({"q": "task_poll_total"}))
    assert "No series matches task_poll_total" in page.text("none")
    page.browser.execute_script("document.querySelector('#none button').focus()")
    seen = page.snapshots()
    page.wait(lambda: page.snapshots() > seen + 1)
    assert page.browser.switch_to.active_element.text == "Show all series"
    page.browser.find_element(By.CSS_SELECTOR, "#none button").click()
    page.wait(lambda: len(page.rows()) == 4)
    page.open("?" + urlencode({"q": 'job_seconds{job=~"("}'}))
    assert "The search has an error" in page.text("none")


def test_the_address_has_everything_that_is_chosen(page: Page) -> None:
    page.open("#user/job_seconds?job=export&status=SUCCESS")
    page.press("/")
    page.press("job")
    page.browser.execute_script("document.activeElement.blur()")
    page.press("]")
    page.press("l")
    page.browser.find_element(By.XPATH, "//button[starts-with(., 'Count')]").click()
    parts = urlsplit(page.browser.current_url)
    assert dict(parse_qsl(parts.query)) == {"q": "job", "sort": "-count", "range": "15", "log": "1"}
    page.open(f"?{parts.query}#{parts.fragment}")
    page.wait(lambda: page.browser.find_element(By.ID, "detail").is_displayed())
    assert page.browser.find_element(By.ID, "range").get_attribute("value") == "15"
    assert page.browser.find_element(By.ID, "search").get_attribute("value") == "job"
    assert [row[2] for row in page.rows()] == ["100", "100", "25"]
    assert "over the last 15 minutes" in page.text("detail")


def test_a_series_is_copied_and_saved(page: Page) -> None:
    page.open("#user/job_seconds?job=export&status=SUCCESS")
    page.wait(lambda: "p99.9" in page.text("detail"))
    assert "How long jobs take." in page.text("detail")
    copy = page.browser.find_element(By.XPATH, "//button[.='Copy PromQL']")
    title = str(copy.get_attribute("title"))
    assert title == 'y: job_seconds{job="export",status="SUCCESS",quantile="0.99"}'
    rows = saved_rows(page)
    assert rows[0]["count"] == "100"
    assert float(rows[0]["p99"]) == pytest.approx(9.901, rel=1e-3)
    assert float(rows[0]["max"]) == pytest.approx(10)


def saved_rows(page: Page) -> list[dict[str, str]]:
    """Returns the rows of the CSV file that the page saves."""
    page.browser.execute_script(
        "window.saved = []; URL.createObjectURL = (blob) => {"
        " blob.text().then((text) => saved.push(text)); return '#saved'; }"
    )
    page.browser.find_element(By.XPATH, "//button[.='CSV']").click()
    [text] = page.wait(lambda: page.browser.execute_script("return window.saved"))
    return list(csv.DictReader(io.StringIO(text)))


def test_history_begins_before_the_page_is_open(
    browser: webdriver.Chrome, registry: ictus.Registry, directory: str
) -> None:
    port = free_port()
    command = [sys.executable, "-m", "ictus", "serve", directory, "--listen", f"127.0.0.1:{port}"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as server, contextlib.ExitStack() as cleanup:
        # Also after a failure, because Popen waits for the end.
        cleanup.callback(server.terminate)
        page = Page(browser, f"http://127.0.0.1:{port}")
        assert eventually(lambda: reachable(f"{page.address}/metrics"), bool)
        opened = datetime.now(timezone.utc)
        registry.timer("job_seconds", "", ["job", "status"]).labels("import", "SUCCESS").observe(5)
        page.open("#user/job_seconds?job=import&status=SUCCESS")
        page.wait(lambda: "p99.9" in page.text("detail"))
        first, *_, last = saved_rows(page)
        assert datetime.fromisoformat(first["time"].replace("Z", "+00:00")) < opened
        assert (first["count"], last["count"]) == ("100", "101")
        assert (first["max"], last["max"]) == ("0.1", "5")
        browser.get("about:blank")
    severe(browser)


def reachable(address: str) -> bool:
    try:
        with urlopen(address):
            return True
    except URLError:
        return False


SIZES = [(1280, 900), (390, 844), (800, 600), (1920, 1080)]
SCREENS = {
    "all": "",
    "search": "?" + urlencode({"q": '{status="503"}'}),
    "series": "#user/job_seconds?job=export&status=SUCCESS",
    "groups": "?group=status",
}
CLIPPED = """return [...document.querySelectorAll("#content [role=gridcell], dt, dd, h2, p, button")]
    .filter((one) => one.offsetParent && one.scrollWidth > one.clientWidth && one.clientWidth > 0)
    .map((one) => `${one.textContent}: ${one.scrollWidth} in ${one.clientWidth}`)"""
OVERLAPPING = """const rows = [...document.querySelectorAll("#content [role=row]:not([hidden])")];
    const places = rows.flatMap((row) => [...row.children].filter((cell) => !cell.hidden)
        .map((cell) => [cell.textContent, cell.getBoundingClientRect()]));
    return places.filter(([, one], at) => places.some(([, other], index) => index > at
        && one.left < other.right - 1 && other.left < one.right - 1
        && one.top < other.bottom - 1 && other.top < one.bottom - 1)).map(([text]) => text)"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_text_is_cut_at_any_size(page: Page, registry: ictus.Registry, scheme: str) -> None:
    requests = registry.timer("http_client_request_duration_seconds", "", ["status", "uri"])
    for index, seconds in enumerate([2.5e-7, 0.0999, 59.0, 331_200, 86_340]):
        for status in ("200", "503"):
            uri = f"/api/v1/tenants/{index}/workflows/tasks/queue/update/and/so/on"
            requests.labels(status, uri).observe(seconds)
    registry.counter("rows_imported").inc(13_300_123)
    page.colours(scheme)
    for width, height in SIZES:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        for name, fragment in SCREENS.items():
            page.open(fragment)
            case = (width, name)
            assert page.browser.execute_script(CLIPPED) == [], case
            assert page.browser.execute_script(OVERLAPPING) == [], case
            script = "return document.documentElement.scrollWidth <= innerWidth"
            assert page.browser.execute_script(script), case
            if name == "search":
                # Rows of different series look different.
                script = (
                    f"return [...document.querySelectorAll('{ROWS} > .labels')].map((one) => one.textContent)"
                )
                labels = page.browser.execute_script(script)
                assert len(labels) == len(set(labels)) == 5, labels
                shown = page.browser.execute_script("return document.getElementById('content').innerText")
                assert "3 d 20 h" in shown, case
            page.shoot(f"{name}-{width}-{scheme}")
    page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    page.colours("")


def test_page_is_usable_by_keyboard(page: Page) -> None:
    page.open()
    page.browser.execute_script("document.querySelector('#content [tabindex=\"0\"]').focus()")
    page.press(Keys.ARROW_DOWN)
    page.press(Keys.ARROW_DOWN)
    page.press(Keys.ENTER)
    page.wait(lambda: page.browser.find_element(By.ID, "detail").is_displayed())
    assert page.browser.current_url.endswith("#user/job_seconds?job=import&status=SUCCESS")
    titles = page.browser.execute_script(
        "return [...document.querySelectorAll('#detail [role=img]')].map((plot) => plot.ariaLabel)"
    )
    assert [title.split(":")[0] for title in titles] == [
        "Quantiles of the window, over the last 5 minutes",
        "Observations per second, over the last 5 minutes",
        "Observations of the window by range",
    ]
    page.wait(
        lambda: (
            "100 observations from 1.00 ms to 100 ms"
            in str(
                page.browser.find_elements(By.CSS_SELECTOR, "#detail [role=img]")[2].get_attribute(
                    "aria-label"
                )
            )
        )
    )
    page.press(Keys.ESCAPE)
    page.wait(lambda: not page.browser.find_element(By.ID, "detail").is_displayed())
    page.press("?")
    assert page.browser.find_element(By.ID, "keys").is_displayed()


def test_page_can_be_paused(page: Page) -> None:
    page.open()
    pause = page.browser.find_element(By.ID, "pause")
    page.press("p")
    page.wait(lambda: pause.get_attribute("aria-pressed") == "true")
    seen = page.snapshots()
    # Longer than the interval between two updates.
    page.browser.set_script_timeout(10)
    page.browser.execute_async_script("setTimeout(arguments[0], 4500)")
    assert page.snapshots() <= seen + 1
    pause.click()
    page.wait(lambda: page.snapshots() > seen + 1)


def test_a_paused_page_takes_another_theme(page: Page) -> None:
    page.colours("light")
    page.open("#user/job_seconds?job=export&status=SUCCESS")
    marker = "document.querySelector('#detail .u-series:nth-child(8) .u-marker')"
    marker = f"return getComputedStyle({marker}).borderColor"
    page.wait(lambda: "p99.9" in page.text("detail"))
    light = page.browser.execute_script(marker)
    page.press("p")
    page.wait(lambda: page.browser.find_element(By.ID, "pause").get_attribute("aria-pressed") == "true")
    page.colours("dark")
    page.wait(lambda: page.browser.execute_script(marker) != light)
    # The series keeps its values and the window.
    charts = page.browser.find_elements(By.CSS_SELECTOR, "#detail [role=img]")
    page.wait(lambda: "100 observations" in str(charts[2].get_attribute("aria-label")))
    page.colours("")


def test_an_interruption_is_a_gap(page: Page) -> None:
    page.open()
    script = """
        const [snapshot, done] = arguments;
        import("/page/store.js").then(({ Store }) => {
            const store = new Store();
            for (const time of [0, 2000, 4000, 60000, 62000]) store.add({ health: {}, ...snapshot }, time);
            const [first] = store.series.values();
            done(store.order(15).map((at) => [store.times[at], Number.isFinite(first.counts[at])]));
        }).catch((error) => done(String(error)));
    """
    points = page.browser.execute_async_script(script, CASES["snapshot"])
    assert points == [[0, True], [2000, True], [4000, True], [6000, False], [60000, True], [62000, True]]


def test_labels_are_shown_as_text(page: Page, registry: ictus.Registry) -> None:
    hostile = "<img src=x onerror='document.title=1'>\"&?#/ ü"
    registry.timer("job_seconds", "", ["job", "status"]).labels(hostile, "SUCCESS").observe(99)
    page.open()
    page.wait(lambda: page.rows()[0][1] == f"job={hostile} status=SUCCESS")
    page.browser.find_elements(By.CSS_SELECTOR, ROWS)[0].click()
    quoted = hostile.replace('"', '\\"')
    page.wait(lambda: f'{{job="{quoted}",status="SUCCESS"}}' in page.text("detail"))
    page.open("#" + page.browser.current_url.split("#", 1)[1])
    page.wait(lambda: quoted in page.text("detail"))
    assert page.browser.title.startswith("Ictus")


def test_invisible_labels_are_written_out(page: Page, registry: ictus.Registry) -> None:
    jobs = registry.timer("job_seconds", "", ["job", "status"])
    values = {
        "": '""',
        "  ": '"  "',
        "a\nb\x1b": "a\\nb\\u{1b}",
        "\u202eevil\u200b": "\\u{202e}evil\\u{200b}",
    }
    for value in values:
        jobs.labels(value, "SUCCESS").observe(99)
    # Without space for their names, only values are shown.
    jobs.labels("long " * 50, "SUCCESS").observe(99)
    page.open("?q=SUCCESS")
    script = f"return [...document.querySelectorAll('{ROWS} > .labels')].map((one) => one.textContent)"
    shown = page.wait(lambda: page.browser.execute_script(script))
    assert {f"{value} SUCCESS" for value in values.values()} < set(shown), shown
    page.open("#user/job_seconds?" + urlencode({"job": "\u202eevil\u200b", "status": "SUCCESS"}))
    page.wait(lambda: 'job_seconds{job="\\u{202e}evil\\u{200b}",status="SUCCESS"}' in page.text("detail"))


def test_the_numbers_of_a_series_with_long_labels_are_in_sight(page: Page, registry: ictus.Registry) -> None:
    registry.timer("job_seconds", "", ["job", "status"]).labels("x" * 1000, "SUCCESS").observe(1)
    metrics = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": False}
    page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    page.open("#user/job_seconds?" + urlencode({"job": "x" * 1000, "status": "SUCCESS"}))
    page.wait(lambda: "p99.9" in page.text("detail"))
    script = "return document.querySelector('#detail .numbers').getBoundingClientRect().bottom"
    assert page.browser.execute_script(script) < 844
    # The rest is reached by keyboard, too.
    heading = page.browser.find_element(By.CSS_SELECTOR, "#detail h2")
    assert heading.get_attribute("tabindex") == "0"
    page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_distribution_fills_its_chart(page: Page) -> None:
    page.open()
    script = """
        const [values, done] = arguments;
        Promise.all([import("/page/plot.js"), import("/page/distribution.js")]).then(([plot, { ranges }]) => {
            const drawn = values.map((window) => {
                const all = ranges(window);
                const figures = document.createElement("div");
                document.body.append(figures);
                const options = { ranges: () => all, rangeText: String };
                const chart = new plot.Plot(figures, "", ["n"], String, options);
                chart.set([all.map((_, at) => at), all.map(({ count }) => count)], "");
                return new Promise((settled) => setTimeout(() => {
                    const { min, max } = chart.plot.scales.x;
                    settled([all.length, min, max, chart.plot.axes[0]._values.some(Boolean)]);
                }, 100));
            });
            return Promise.all(drawn).then(done);
        }).catch((error) => done(String(error)));
    """
    drawn = page.browser.execute_async_script(script, [[0, 0], [1.5] * 500, [0, 1.5], [0.1, 5]])
    assert drawn == [[1, -0.5, 0.5, True], [1, -0.5, 0.5, True], [2, -0.5, 1.5, True], [40, -0.5, 39.5, True]]


def test_thousands_of_series_are_shown_in_part(page: Page, registry: ictus.Registry) -> None:
    many = registry.timer("many_seconds", "", ["number"])
    for number in range(5000):
        many.labels(number).observe(1 + number)
    page.open()
    assert "5,004 series" in page.text("state")
    elements = "return document.querySelectorAll('*').length"
    assert page.browser.execute_script(elements) < 800
    assert page.rows()[0][1] == "number=4999"
    page.browser.execute_script("document.querySelector('#content [tabindex=\"0\"]').focus()")
    page.press(Keys.END)
    page.wait(lambda: page.rows()[-1][0] == "mails_total")
    assert page.browser.execute_script(elements) < 800


def test_page_reports_an_unreachable_server(browser: webdriver.Chrome, registry: ictus.Registry) -> None:
    port = free_port()
    page = Page(browser, f"http://127.0.0.1:{port}")
    with ictus.start_http_server(port, "127.0.0.1", registry=registry):
        page.open()
    page.wait(lambda: "Not connected since" in page.text("state"))
    stale = page.browser.execute_script("return document.body.dataset.stale")
    assert re.fullmatch(r"\d\d:\d\d:\d\d", stale)
    assert stale in page.text("state")
    assert len(page.rows()) == 4
    opacity = "return getComputedStyle(document.getElementById('table')).opacity"
    assert float(page.browser.execute_script(opacity)) < 1
    with ictus.start_http_server(port, "127.0.0.1", registry=registry):
        page.wait(lambda: "Connected again" in page.text("state"))
        assert "4 series" in page.text("state")
        assert float(page.browser.execute_script(opacity)) == 1
        browser.get("about:blank")
    severe(browser)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_has_a_light_and_a_dark_theme(page: Page, scheme: str) -> None:
    page.colours(scheme)
    page.open("#user/job_seconds?job=export&status=SUCCESS")
    seen = page.snapshots()
    page.wait(lambda: page.snapshots() > seen + 2)
    ground = page.browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") == (scheme == "light")
    page.shoot(f"series-{scheme}")
    page.open()
    page.shoot(f"all-{scheme}")
    page.colours("")


def test_page_makes_no_request_to_other_hosts(page: Page) -> None:
    page.open()
    requested = page.browser.execute_script(
        "return performance.getEntriesByType('resource').map((one) => one.name)"
    )
    assert len(requested) >= 9
    assert all(name.startswith(page.address) or name == "data:," for name in requested), requested
