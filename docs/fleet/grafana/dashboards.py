#!/usr/bin/env python3
"""Writes the dashboards, one for each set of names; with `--check`, reports which are out of date.

Import a JSON file into Grafana (10 or newer), and choose your Prometheus. To change a panel, change it here,
run this, and import again.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).resolve().parent
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
# One job: those of other surfaces show the same observations again, and a sum would count them once more.
TASK = 'job="$job", taskType=~"$taskType"'
JOB = 'job="$job"'
RATE = "[$__rate_interval]"


@dataclass
class Panel:
    """A panel of time series, or of one number for each."""

    title: str
    unit: str
    queries: dict[str, str]
    """By their legends."""
    about: str = ""
    kind: str = "timeseries"
    limits: list[float] = field(default_factory=list)
    """From which a value is drawn as a warning, and as a failure."""
    exemplars: bool = False
    """Whether Grafana requests the exemplars of the last query."""


def summed(metric: str, where: str = TASK, by: str = "taskType", function: str = "rate") -> str:
    """A counter's rate or increase, of all instances together."""
    return f"sum by ({by}) ({function}({metric}{{{where}}}{RATE}))"


def slowest(metric: str) -> Panel:
    """The ten slowest requests."""
    query = f'topk(10, max by (method, uri) ({metric}{{{JOB}, quantile="0.99"}}))'
    return Panel("Slowest requests: p99", "s", {"{{method}} {{uri}}": query})


def share(of: str, which: str, by: str) -> str:
    """A part of all, as a share."""
    part = of.replace("}", f", {which}}}", 1)
    return f"sum by ({by}) (rate({part}{RATE})) / sum by ({by}) (rate({of}{RATE}))"


WORST = (
    "Exact, of the newest 1,000 observations of each series. For several instances the maximum,"
    " because quantiles cannot be averaged."
)


def quantiles(name: str, title: str) -> Panel:
    """Exact ones, which the names have ready."""

    def query(q: str) -> str:
        return f'max by (taskType) ({name}{{{TASK}, status="SUCCESS", quantile="{q}"}})'

    return Panel(f"{title}: quantiles", "s", legends("taskType", query), WORST)


def legends(by: str, query: Callable[[str], str]) -> dict[str, str]:
    """Three quantiles, and their legends."""
    return {f"{{{{{by}}}}} p{q[2:].ljust(2, '0')}": query(q) for q in ("0.5", "0.95", "0.99")}


def buckets(name: str, title: str, by: str, where: str, unit: str) -> Panel:
    """Estimates of histograms, which can be added up."""

    def query(q: str) -> str:
        return f"histogram_quantile({q}, sum by (le, {by}) (rate({name}_bucket{{{where}}}{RATE})))"

    return Panel(
        f"{title}: quantiles",
        unit,
        legends(by, query),
        "Over all instances, estimated from buckets. Dots are exemplars: observations with a trace.",
        exemplars=True,
    )


def requests(name: str) -> list[Panel]:
    """Responses of the Conductor server."""
    count = f"{name}_count{{{JOB}}}"
    return [
        Panel(
            "Requests by status",
            "reqps",
            {"{{status}}": f"sum by (status) (rate({count}{RATE}))"},
            "401 and 403 are a wrong key, 5xx a server in trouble, 0 and error no answer.",
        ),
        Panel(
            "Requests that fail",
            "percentunit",
            {
                "of the server (5xx, none)": share(count, 'status=~"5..|0|error"', "job"),
                "of the key (401, 403)": share(count, 'status=~"401|403"', "job"),
            },
            limits=[0.01, 0.05],
        ),
    ]


def tasks(count: str) -> list[Panel]:
    """Executed tasks."""
    return [
        Panel("Executions", "ops", {"{{taskType}}": f"sum by (taskType) (rate({count}{RATE}))"}),
        Panel(
            "Executions that fail",
            "percentunit",
            {"{{taskType}}": share(count, 'status="FAILURE"', "taskType")},
            limits=[0.01, 0.05],
        ),
    ]


def workers() -> list[Panel]:
    """What all names have of the workers themselves."""
    return [
        Panel(
            "Polls",
            "ops",
            {"{{taskType}}": summed("task_poll_total")},
            "An idle worker polls: if a line ends, the worker has ended.",
        ),
        Panel(
            "More to do than threads",
            "ops",
            {"{{taskType}}": summed("task_execution_queue_full_total")},
        ),
        Panel(
            "Errors",
            "short",
            {
                "{{taskType}} {{exception}}": "topk(10, "
                + summed("task_execute_error_total", by="taskType, exception", function="increase")
                + ")"
            },
        ),
        Panel(
            "Restarts",
            "short",
            {"{{taskType}}": summed("worker_restart_total", function="increase")},
            "Worker processes that ended and were restarted.",
            limits=[1, 3],
        ),
        Panel(
            "Worker processes",
            "short",
            {"live": f'sum(ictus_segments{{{JOB}, state="live"}})'},
            "Live processes that have recorded an observation.",
            "stat",
        ),
        Panel("Metrics directory", "bytes", {"{{instance}}": f"ictus_directory_bytes{{{JOB}}}"}),
        Panel(
            "Left out",
            "short",
            {"{{reason}}": f"sum by (reason) (increase(ictus_observations_rejected_total{{{JOB}}}{RATE}))"},
            "Observations that are not valid durations, or for which there is no space.",
            limits=[1, 1],
        ),
    ]


DASHBOARDS = {
    "conductor-documented": (
        "Conductor workers",
        "The SDK's documented names, shown by default.",
        "api_request_time_seconds_count",
        [
            *tasks(f"task_execute_time_seconds_count{{{TASK}}}"),
            quantiles("task_execute_time_seconds", "Executions"),
            quantiles("task_update_time_seconds", "Updates"),
            quantiles("task_poll_time_seconds", "Polls"),
            *requests("api_request_time_seconds"),
            slowest("api_request_time_seconds"),
            *workers(),
        ],
    ),
    "conductor-legacy": (
        "Conductor workers (legacy names)",
        "The names that the SDK's code emits, for existing dashboards.",
        "http_api_client_request_count",
        [
            *tasks(f"task_execute_time_seconds_count{{{TASK}}}"),
            quantiles("task_execute_time_seconds", "Executions"),
            quantiles("task_poll_time_seconds", "Polls"),
            *requests("http_api_client_request"),
            slowest("http_api_client_request"),
            Panel(
                "Newest execution", "s", {"{{taskType}}": f"max by (taskType) (task_execute_time{{{TASK}}})"}
            ),
            Panel(
                "Newest result", "bytes", {"{{taskType}}": f"max by (taskType) (task_result_size{{{TASK}}})"}
            ),
            *workers(),
        ],
    ),
    "conductor-canonical": (
        "Conductor workers (canonical names)",
        "Histograms: quantiles over many machines.",
        "http_api_client_request_seconds_bucket",
        [
            *tasks(f"task_execute_time_seconds_count{{{TASK}}}"),
            buckets("task_execute_time_seconds", "Executions", "taskType", TASK, "s"),
            buckets("task_update_time_seconds", "Updates", "taskType", TASK, "s"),
            buckets("task_poll_time_seconds", "Polls", "taskType", TASK, "s"),
            buckets("task_result_size_bytes", "Results", "taskType", TASK, "bytes"),
            *requests("http_api_client_request_seconds"),
            buckets("http_api_client_request_seconds", "Requests", "uri", JOB, "s"),
            Panel(
                "Threads at work", "short", {"{{taskType}}": f"sum by (taskType) (active_workers{{{TASK}}})"}
            ),
            *workers(),
        ],
    ),
}


def variable(name: str, label: str, query: str, *, several: bool) -> dict[str, Any]:
    """A choice above the panels: of one value, or of several and of all."""
    choice: dict[str, Any] = {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": query, "refId": name},
        "definition": query,
        "refresh": 2,
        "multi": several,
        "includeAll": several,
        "sort": 1,
    }
    if several:
        choice |= {"allValue": ".*", "current": {"text": "All", "value": "$__all"}}
    return choice


OPTIONS: dict[str, dict[str, Any]] = {
    "timeseries": {
        "legend": {
            "displayMode": "table",
            "placement": "right",
            "showLegend": True,
            "calcs": ["lastNotNull", "max"],
        },
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "stat": {
        "graphMode": "area",
        "colorMode": "value",
        "justifyMode": "auto",
        "textMode": "auto",
        "wideLayout": True,
        "showPercentChange": False,
        "percentChangeColorMode": "standard",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "orientation": "auto",
    },
}


def drawn(panel: Panel, number: int) -> dict[str, Any]:
    """A panel as Grafana has it, two in a row."""
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    steps += [
        {"color": colour, "value": limit}
        for colour, limit in zip(("orange", "red"), panel.limits, strict=False)
    ]
    targets: list[dict[str, Any]] = [
        {"refId": chr(ord("A") + at), "datasource": SOURCE, "expr": query, "legendFormat": legend}
        for at, (legend, query) in enumerate(panel.queries.items())
    ]
    if panel.exemplars:
        targets[-1]["exemplar"] = True
    return {
        "id": number + 1,
        "title": panel.title,
        "description": panel.about,
        "type": panel.kind,
        "datasource": SOURCE,
        "gridPos": {"x": 12 * (number % 2), "y": 8 * (number // 2), "w": 12, "h": 8},
        "targets": targets,
        "fieldConfig": {
            "defaults": {
                "unit": panel.unit,
                "min": 0,
                "thresholds": {"mode": "absolute", "steps": steps},
                "custom": {"fillOpacity": 8, "showPoints": "never"} if panel.kind == "timeseries" else {},
            },
            "overrides": [],
        },
        "options": OPTIONS[panel.kind],
    }


def dashboard(uid: str, title: str, about: str, metric: str, panels: list[Panel]) -> str:
    """A whole file; `metric` is one that only jobs with these names have."""
    whole = {
        "uid": uid,
        "title": title,
        "description": about,
        "tags": ["conductor", "ictus"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "browser",
        "annotations": {"list": []},
        "templating": {
            "list": [
                {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"},
                variable("job", "Job", f"label_values({metric}, job)", several=False),
                variable(
                    "taskType",
                    "Task type",
                    f"label_values(task_execute_time_seconds_count{{{JOB}}}, taskType)",
                    several=True,
                ),
                variable(
                    "endpoint",
                    "Live page of",
                    f"label_values(ictus_segments{{{JOB}}}, instance)",
                    several=False,
                ),
            ]
        },
        "links": [
            {
                "title": "Live page of $endpoint",
                "tooltip": "The exporter's page: every series of one host, refreshed every two seconds",
                "type": "link",
                "icon": "external link",
                "url": "http://${endpoint}/",
                "targetBlank": True,
                "tags": [],
                "asDropdown": False,
                "includeVars": False,
                "keepTime": False,
            }
        ],
        "panels": [drawn(panel, number) for number, panel in enumerate(panels)],
    }
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def main() -> int:
    """Writes or compares."""
    old = 0
    for uid, (title, about, metric, panels) in DASHBOARDS.items():
        path, text = HERE / f"{uid}.json", dashboard(uid, title, about, metric, panels)
        if "--check" not in sys.argv[1:]:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            print(f"{path.name} is not what {Path(__file__).name} writes: run it", file=sys.stderr)
            old = 1
    return old


if __name__ == "__main__":
    sys.exit(main())
