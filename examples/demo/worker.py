"""Three Conductor workers, as a user of ``conductor-python`` writes them, timed by Ictus.

The import of ``MetricsSettings`` is the only line that differs from a program without Ictus.

    python worker.py --server http://127.0.0.1:8080/api --directory /tmp/metrics --port 9400
"""

import argparse
import asyncio
import contextlib
import os
import random
import signal
import sys
import threading
import time

from conductor.client.automator.task_handler import TaskHandler
from conductor.client.configuration.configuration import Configuration
from conductor.client.worker.worker_task import worker_task

# Without Ictus: from conductor.client.configuration.settings.metrics_settings import MetricsSettings
from ictus.conductor import MetricsSettings


@worker_task(task_definition_name="resize_image", thread_count=8, register_task_def=True)
def resize_image(number: int) -> dict[str, int]:
    """A synchronous worker: runs in a pool of threads."""
    time.sleep(random.lognormvariate(-4.6, 0.5))
    return {"width": 640 + number}


@worker_task(task_definition_name="fetch_price", thread_count=20, register_task_def=True)
async def fetch_price(number: int) -> dict[str, float]:
    """An asynchronous worker: runs in an event loop."""
    await asyncio.sleep(random.lognormvariate(-3.7, 0.6))
    return {"price": number / 100}


@worker_task(task_definition_name="charge_card", thread_count=20, register_task_def=True)
async def charge_card(number: int) -> dict[str, str]:
    """A worker that fails now and then.

    It is asynchronous because the SDK counts an exception of a plain function as a success.
    """
    await asyncio.sleep(random.lognormvariate(-5.0, 0.5))
    if number % 9 == 0:
        raise ValueError("card declined")
    if number % 50 == 0:
        raise TimeoutError("the bank did not answer")
    return {"receipt": f"R{number:06}"}


def main() -> None:
    """Runs the workers until terminated, interrupted, or ``--seconds`` have passed."""
    parser = argparse.ArgumentParser(description="Three Conductor workers with metrics.")
    parser.add_argument(
        "--server", default=os.environ.get("CONDUCTOR_SERVER_URL", "http://127.0.0.1:8080/api")
    )
    parser.add_argument("--directory", default=os.environ.get("METRICS_DIRECTORY", "metrics"))
    parser.add_argument("--port", type=int, default=int(os.environ.get("METRICS_PORT", "9400")))
    parser.add_argument("--seconds", type=float, help="default: until terminated")
    options = parser.parse_args()

    configuration = Configuration(server_api_url=options.server)
    metrics = MetricsSettings(directory=options.directory, http_port=options.port)
    with TaskHandler(configuration=configuration, metrics_settings=metrics) as handler:
        handler.start_processes()
        # Set after the workers have started: a forked worker would inherit the handler and not end on
        # SIGTERM.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit())
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait(options.seconds)


if __name__ == "__main__":
    main()
