"""The table of docs/sdks.md: what the adapters of the other languages record."""

from __future__ import annotations

import re

from harness import TESTS

ROOT = TESTS.parents[1]
PAGE = (ROOT / "docs/sdks.md").read_text(encoding="utf-8")
CANONICAL_ONLY = {
    "active_workers",
    "task_ack_error_total",
    "task_ack_failed_total",
    "task_execution_started_total",
    "task_poll_error_total",
    "thread_uncaught_exceptions_total",
}
CONSTANTS = {
    "api_request_time_seconds": "API_REQUEST_TIME",
    "thread_uncaught_exceptions_total": "UNCAUGHT_EXCEPTION",
}
"""Rows whose names differ from their constants in ictus.h."""
SUFFIX = re.compile(r"(_total|_seconds)$")
RECORDED = {"recorded", "from 6.0", "with the patch", "your code"}


def section(page: str, title: str) -> str:
    return page.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]


def rows() -> list[tuple[list[str], list[str]]]:
    """The names and the cells of each row."""
    lines = section(PAGE, "Which metrics each adapter records").splitlines()
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| `")
    ]
    return [(re.findall(r"`(\w+)`", row[0]), row[1:]) for row in cells]


def sources(*patterns: str) -> str:
    files = [path for pattern in patterns for path in sorted((ROOT / "bindings").glob(pattern))]
    assert len(files) >= len(patterns)
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


def constants() -> list[str]:
    """The names of ictus_conductor_metric, by number."""
    header = (ROOT / "include/ictus.h").read_text(encoding="utf-8")
    numbered = re.findall(r"^ +ICTUS_CONDUCTOR_METRIC_(\w+) = (\d+)", header, re.MULTILINE)
    assert [int(number) for _, number in numbered] == list(range(len(numbered)))
    return [name for name, _ in numbered]


def recorded() -> dict[str, set[str]]:
    """The metrics that the code of each adapter names."""
    ruby = sources("ruby/lib/ictus/conductor.rb")
    numbers = dict(re.findall(r"(\w+) = (\d+)$", ruby, re.MULTILINE))
    entries = re.findall(r"\[:(?:counter|timer|gauge), (\w+), ", ruby)
    words = {name.lower().replace("_", ""): name for name in constants()}
    return {
        "Go": {
            words[name.lower()]
            for name in re.findall(
                r"ictus\.(\w+)", sources("go/conductor/collector.go", "go/conductor/hook.go")
            )
            if name.lower() in words
        },
        "JavaScript": {
            words[name.lower()]
            for name in re.findall(r"'(\w+)'", sources("javascript/src/conductor.js"))
            if name.lower() in words
        },
        "Java": set(
            re.findall(
                r"Metric\.(\w+)",
                sources(
                    "java/src/main/java/io/ictus/conductor/*.java",
                    "java/src/main/java21/io/ictus/conductor/*.java",
                ),
            )
        )
        & set(constants()),
        "Ruby": {constants()[int(numbers.get(entry, entry))] for entry in entries},
    }


def constant(names: list[str]) -> str:
    first = names[0]
    return CONSTANTS.get(first, SUFFIX.sub("", first).upper())


def test_rows_are_the_documented_and_the_canonical_metrics() -> None:
    page = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
    documented = re.findall(r"^\| `(\w+)` \|", section(page, "The documented metrics"), re.MULTILINE)
    documented = documented[: documented.index("workflow_start_error_total") + 1]
    assert len(documented) == 24
    listed = [name for names, _ in rows() for name in names]
    assert sorted(listed) == sorted({*documented, *CANONICAL_ONLY})


def test_cells_equal_the_records_of_the_adapters() -> None:
    adapters = recorded()
    for names, cells in rows():
        for adapter, cell in zip(adapters, cells, strict=True):
            is_recorded = constant(names) in adapters[adapter]
            assert is_recorded == (cell in RECORDED), (adapter, names[0], cell)
            assert cell in {*RECORDED, "not offered"}, (adapter, names[0], cell)


def test_each_number_of_the_header_has_a_row() -> None:
    without_row = {name for name in constants() if name.endswith("_MESSAGE")}
    assert {constant(names) for names, _ in rows()} == set(constants()) - without_row


def test_numbers_of_csharp_are_those_of_the_header() -> None:
    listener = sources("csharp/src/ConductorListener.cs")
    numbers = dict(re.findall(r"(\w+) = (\d+)", section_of_enum(listener)))
    names = {name.lower().replace("_", ""): str(number) for number, name in enumerate(constants())}
    assert numbers == {name: names[name.lower()] for name in numbers}
    without_entry = {"workerrestart"} | {name for name in names if name.endswith("message")}
    assert {name.lower() for name in numbers} == set(names) - without_entry
    assert set(re.findall(r"Kind\.\w+, Metric\.(\w+)", listener)) == set(numbers)


def section_of_enum(source: str) -> str:
    return source.split("enum Metric", 1)[1].split("}", 1)[0]
