"""Tests that updates of tasks are timed in every version, attempt by attempt, by the SDK or by Ictus."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any
from unittest.mock import patch

import pytest
from conductor.client.automator.async_task_runner import AsyncTaskRunner
from conductor.client.automator.task_runner import TaskRunner
from conductor.client.configuration.configuration import Configuration
from conductor.client.http.api.async_task_resource_api import AsyncTaskResourceApi
from conductor.client.http.api.task_resource_api import TaskResourceApi
from conductor.client.http.models.task_result import TaskResult
from conductor.client.http.rest import ApiException
from conductor.client.worker.worker import Worker

from harness import key, samples
from ictus.conductor import MetricsSettings

RESULT = TaskResult(task_id="1", workflow_instance_id="2", worker_id="3")


def plain() -> dict[str, Any]:
    return {}


async def awaiting() -> dict[str, Any]:
    return {}


class Update:
    """A runner whose requests return given responses, and the update of a task by that runner."""

    def __init__(self, directory: str, *, asynchronous: bool) -> None:
        self._asynchronous = asynchronous
        worker = Worker("t", awaiting if asynchronous else plain)
        runner = AsyncTaskRunner if asynchronous else TaskRunner
        self._runner: Any = runner(worker, Configuration(), MetricsSettings(directory))
        if asynchronous:
            self._runner.async_task_client = AsyncTaskResourceApi()
        self.answers: list[Any] = []

    def __call__(self) -> Any:
        """Updates a task; each request consumes the next response."""
        client = AsyncTaskResourceApi if self._asynchronous else TaskResourceApi

        def answer(*_: Any, **__: Any) -> Any:
            answered = self.answers.pop(0)
            if isinstance(answered, Exception):
                raise answered
            return answered

        async def answer_later(*_: Any, **__: Any) -> Any:
            return answer()

        async def no_time(_: float) -> None:
            pass

        fake = answer_later if self._asynchronous else answer
        with (
            # These methods are called below the timed one.
            patch.object(client, "update_task_with_http_info", fake),
            patch.object(client, "update_task_v2_with_http_info", fake),
            patch("time.sleep"),
            patch("asyncio.sleep", no_time),
        ):
            if self._asynchronous:
                done = asyncio.run(self._runner._AsyncTaskRunner__async_update_task(RESULT))
            else:
                done = self._runner._TaskRunner__update_task(RESULT)
        assert self.answers == []
        return done

    @property
    def client(self) -> Any:
        return self._runner.async_task_client if self._asynchronous else self._runner.task_client


@pytest.fixture(params=[False, True], ids=["synchronous", "asynchronous"])
def update(request: pytest.FixtureRequest, directory: str) -> Update:
    return Update(directory, asynchronous=request.param)


def counts(directory: str) -> tuple[float, float]:
    """Returns the numbers of timed successes and failures."""
    shown = samples(directory, "documented")
    name = "task_update_time_seconds_count"
    return (
        shown.get(key(name, taskType="t", status="SUCCESS"), 0),
        shown.get(key(name, taskType="t", status="FAILURE"), 0),
    )


def test_an_update_is_timed(update: Update, directory: str) -> None:
    update.answers = [None]
    assert update() is None
    assert counts(directory) == (1, 0)
    shown = samples(directory, "documented")
    assert 0 < shown[key("task_update_time_seconds_sum", taskType="t", status="SUCCESS")] < 60


def test_each_attempt_is_timed_with_its_status(update: Update, directory: str) -> None:
    update.answers = [ApiException(status=500), ConnectionError("refused"), None]
    update()
    assert counts(directory) == (1, 2)


def test_abandoned_update_is_timed_four_times(update: Update, directory: str) -> None:
    update.answers = [ApiException(status=500)] * 4
    update()
    assert counts(directory) == (0, 4)


@pytest.mark.parametrize("status", [404, 405])
def test_probe_of_the_servers_version_is_no_failure(update: Update, directory: str, status: int) -> None:
    update.answers = [ApiException(status=status), None]
    update()
    update.answers = [None]
    update()
    assert counts(directory) == (2, 0)


def test_update_outside_a_runner_is_not_timed(update: Update, directory: str) -> None:
    async def nothing(*_: Any, **__: Any) -> None:
        pass

    if inspect.iscoroutinefunction(update.client.update_task):
        with patch.object(type(update.client), "update_task_with_http_info", nothing):
            asyncio.run(update.client.update_task(body=RESULT))
    else:
        # The SDK extends a lease with this call.
        with patch.object(type(update.client), "update_task_with_http_info"):
            update.client.update_task(body=RESULT)
    assert counts(directory) == (0, 0)
