"""Calls on a collector, as JSON for the SDK's and Ictus's collectors. Imports neither of them."""

from __future__ import annotations

import builtins
import random
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

# Every character that a format must escape, and some that it must not escape.
TASKS = [
    "plain",
    "",
    "ünï çödé",
    "名前🎼",
    'quo"te',
    "back\\slash",
    "new\nline",
    "\\n is no \n",
    'all "of\n\\it',
    " space ",
    "{brace}=,",
]
STATUSES: list[Any] = ["SUCCESS", "FAILURE", {"fresh": 200}, {"fresh": 500}, "error", 404]
ERRORS: list[Any] = [
    {"raised": ["ValueError", "bad value"]},
    {"raised": ["KeyError", "näme"]},
    {"raised": ["OSError", 'a "quoted"\npath\\name']},
    {"raised": ["RuntimeError", ""]},
    {"class": "TimeoutError"},
    "only a string",
    None,
]
URIS = ["/tasks/poll/batch/{taskType}", "/api/workflow/1-2", '/odd/"ü"\n\\', "/"]


def random_calls(seed: int, count: int, *, has_factory: bool) -> list[list[Any]]:
    """Returns calls of every method that works in the SDK, with fewer than 1,000 for each series."""
    rng = random.Random(seed)

    def task() -> str:
        return rng.choice(TASKS)

    def error() -> Any:
        return rng.choice(ERRORS)

    def text() -> Any:
        # Every surface shows the class of an exception.
        return rng.choice(["only a string", 'a "quoted"\npath\\name', "näme", "x"])

    def seconds() -> float:
        return rng.choice([10 ** rng.uniform(-9, 7), rng.random(), 0.001, 0.0, 7])

    def size() -> int:
        return rng.randrange(10**7)

    def event(**content: Any) -> list[Any]:
        return [{"event": content}]

    def status() -> dict[str, Any]:
        return rng.choice([{}, {"status": rng.choice(STATUSES)}])

    def request() -> list[Any]:
        return [rng.choice(["GET", "POST"]), rng.choice(URIS), rng.choice(STATUSES), seconds()]

    def request_by_name() -> dict[str, Any]:
        named = dict(zip(["method", "uri", "status", "time_spent"], request(), strict=True))
        if has_factory:
            named["metric_uri"] = rng.choice([None, "", "/tasks/{tasktype}/log", "/workflow/{workflowId}"])
        return named

    makers: dict[str, Any] = {
        "increment_task_poll": lambda: ([task()], {}),
        "increment_task_poll_error": lambda: ([task(), error()], {}),
        "increment_task_execution_queue_full": lambda: ([], {"task_type": task()}),
        "increment_task_paused": lambda: ([task()], {}),
        "increment_task_execution_error": lambda: ([task(), error()], {}),
        "increment_task_ack_failed": lambda: ([task()], {}),
        "increment_task_ack_error": lambda: ([task()], {"exception": error()}),
        "increment_task_update_error": lambda: ([task(), error()], {}),
        "increment_worker_restart": lambda: ([task()], {}),
        "increment_external_payload_used": lambda: (
            [task(), rng.choice(["READ", "WRITE"]), "TASK_INPUT"],
            {},
        ),
        "increment_workflow_start_error": lambda: ([task(), text()], {}),
        "record_task_poll_time": lambda: ([task(), seconds()], status()),
        "record_task_execute_time": lambda: ([task(), seconds()], status()),
        "record_task_result_payload_size": lambda: ([task(), size()], {}),
        "record_workflow_input_payload_size": lambda: ([task(), rng.choice(["", "1", "2"]), size()], {}),
        "on_poll_started": lambda: (event(task_type=task()), {}),
        "on_poll_completed": lambda: (event(task_type=task(), duration_ms=seconds()), {}),
        "on_poll_failure": lambda: (event(task_type=task(), duration_ms=seconds(), cause=error()), {}),
        "on_task_execution_started": lambda: (event(task_type=task()), {}),
        "on_task_execution_completed": lambda: (
            event(task_type=task(), duration_ms=seconds(), output_size_bytes=rng.choice([None, size()])),
            {},
        ),
        "on_task_execution_failure": lambda: (
            event(task_type=task(), duration_ms=seconds(), cause=error()),
            {},
        ),
        "on_workflow_started": lambda: (event(name=task(), success=False, cause=text()), {}),
        "on_workflow_input_payload_size": lambda: (
            event(name=task() + " by event", version=rng.choice([None, 3]), size_bytes=size()),
            {},
        ),
        "on_workflow_payload_used": lambda: (event(name=task(), operation="READ", payload_type="ü"), {}),
        "on_task_result_payload_size": lambda: (event(task_type=task(), size_bytes=size()), {}),
        "on_task_payload_used": lambda: (event(task_type=task(), operation="WRITE", payload_type="x"), {}),
    }
    if has_factory:
        makers |= {
            "increment_task_execution_started": lambda: ([task()], {}),
            "record_task_update_time": lambda: ([task(), seconds()], status()),
            "set_active_workers": lambda: ([task(), rng.randrange(9)], {}),
        }
    else:
        # These have separate task names: in the SDK they do not change the gauge of the last value.
        makers |= {
            f"record_task_{what}_time_histogram": lambda: ([task() + " histogram", seconds()], status())
            for what in ("poll", "execute", "update")
        }
    calls = [[name, *make()] for name in makers for make in [makers[name]] * (count // len(makers))]
    # Requests have the longest labels and the most ways to be called.
    calls += [["record_api_request_time", request(), {}] for _ in range(count // 8)]
    calls += [["record_api_request_time", [], request_by_name()] for _ in range(count // 8)]
    rng.shuffle(calls)
    return calls


def replay(collector: Any, calls: Iterable[list[Any]]) -> None:
    """Makes the calls: each has a method name, positional and keyword arguments, as in JSON."""
    for method, positional, keywords in calls:
        arguments = [_argument(value) for value in positional]
        getattr(collector, method)(*arguments, **{name: _argument(value) for name, value in keywords.items()})


def _argument(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    [(kind, content)] = value.items()
    if kind == "fresh":
        return str(int(content))
    if kind == "class":
        return getattr(builtins, content)
    if kind == "raised":
        return getattr(builtins, content[0])(content[1])
    assert kind == "event"
    return SimpleNamespace(**{name: _argument(part) for name, part in content.items()})
