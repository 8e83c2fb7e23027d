"""A worker that does next to nothing, with the metrics of one collector or of none."""

import argparse
import signal
import sys
import threading

from conductor.client.automator.task_handler import TaskHandler
from conductor.client.configuration.configuration import Configuration
from conductor.client.configuration.settings.metrics_settings import MetricsSettings
from conductor.client.worker.worker import Worker


def nothing(number: int) -> dict[str, int]:
    """The task."""
    return {"number": number}


def main() -> None:
    """Runs the worker until terminated."""
    parser = argparse.ArgumentParser(description="A worker for measurements.")
    parser.add_argument("--server", required=True)
    parser.add_argument("--directory", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--collector", choices=("none", "sdk", "ictus"), required=True)
    options = parser.parse_args()

    settings_class = MetricsSettings
    if options.collector == "ictus":
        from ictus import conductor  # noqa: PLC0415 - the import is the difference

        settings_class = conductor.MetricsSettings
    settings = (
        None
        if options.collector == "none"
        else settings_class(directory=options.directory, http_port=options.port)
    )
    worker = Worker(
        task_definition_name="nothing",
        execute_function=nothing,
        thread_count=options.threads,
        poll_interval=1,
    )
    with TaskHandler(
        workers=[worker],
        configuration=Configuration(server_api_url=options.server),
        metrics_settings=settings,
        scan_for_annotated_workers=False,
    ) as handler:
        handler.start_processes()
        signal.signal(signal.SIGTERM, lambda *_: sys.exit())
        threading.Event().wait()


if __name__ == "__main__":
    main()
