"""Orders for the demonstration: a workflow of its workers' three tasks, started with the SDK's clients."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable

from conductor.client.configuration.configuration import Configuration
from conductor.client.http.api.workflow_resource_api import WorkflowResourceApi
from conductor.client.http.api_client import ApiClient
from conductor.client.http.models import StartWorkflowRequest, TaskDef, WorkflowDef, WorkflowTask
from conductor.client.orkes_clients import OrkesClients

NAME = "order"
TASK_TYPES = ("resize_image", "fetch_price", "charge_card")

Tally = Counter[tuple[str, str]]
"""The number of tasks of a type that ended with a status, as in ``tally["charge_card", "FAILED"]``."""


class Orders:
    """A workflow of consecutive tasks, at a server with this *base URL*."""

    def __init__(self, url: str, name: str = NAME, task_types: tuple[str, ...] = TASK_TYPES) -> None:
        self._name = name
        self._task_types = task_types
        configuration = Configuration(base_url=url)
        clients = OrkesClients(configuration=configuration)
        self._metadata = clients.get_metadata_client()
        self._workflows = clients.get_workflow_client()
        self._decisions = WorkflowResourceApi(ApiClient(configuration))

    def define(self, *, retries: int = 1, response_seconds: int = 10) -> None:
        """Registers the tasks and the workflow.

        A failed task is tried again ``retries`` times. A task without a response for
        ``response_seconds`` has timed out.
        """
        tasks = []
        for name in self._task_types:
            task = TaskDef(
                name=name,
                retry_count=retries,
                retry_logic="FIXED",
                retry_delay_seconds=0,
                timeout_seconds=6 * response_seconds,
                timeout_policy="RETRY",
                response_timeout_seconds=response_seconds,
            )
            self._metadata.register_task_def(task)
            tasks.append(
                WorkflowTask(
                    name=name,
                    task_reference_name=name,
                    type="SIMPLE",
                    input_parameters={"number": "${workflow.input.number}"},
                    # A worker that registers its task replaces the definition above with default
                    # values.
                    task_definition=task,
                )
            )
        definition = WorkflowDef(
            name=self._name,
            version=1,
            schema_version=2,
            tasks=tasks,
            timeout_seconds=0,
            timeout_policy="ALERT_ONLY",
        )
        self._metadata.update_workflow_def(definition, overwrite=True)  # Creates it if it does not exist.

    def start(self, number: int) -> str:
        """Starts a workflow; returns its id."""
        request = StartWorkflowRequest(name=self._name, version=1, input={"number": number})
        return str(self._workflows.start_workflow(request))

    def running(self, ids: Iterable[str]) -> list[str]:
        """Returns the workflows that have not ended."""
        return [
            one for one in ids if self._workflows.get_workflow(one, include_tasks=False).status == "RUNNING"
        ]

    def decide(self, ids: Iterable[str]) -> None:
        """Makes the server look for tasks of these workflows that have timed out.

        The server does so by itself, but an error in its locks (version 3.21.14) may make it forget a
        workflow.
        """
        for one in ids:
            self._decisions.decide(one)

    def tally(self, ids: Iterable[str]) -> Tally:
        """Returns the statuses of their tasks; each attempt counts separately."""
        return Counter(
            (task.task_type, task.status)
            for one in ids
            for task in self._workflows.get_workflow(one, include_tasks=True).tasks
        )


class Arrivals:
    """Orders that keep arriving while this context lasts."""

    def __init__(self, orders: Orders, a_second: float) -> None:
        self._orders = orders
        self._pause = 1 / a_second
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._arrive, daemon=True)
        self.ids: list[str] = []

    def __enter__(self) -> Arrivals:
        """Starts the arrivals."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stops the arrivals."""
        self._stop.set()
        self._thread.join()

    def _arrive(self) -> None:
        due = time.monotonic()
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            self.ids.append(self._orders.start(len(self.ids) + 1))
            due = max(due + self._pause, time.monotonic() - 1)
