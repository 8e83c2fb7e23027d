"""A real Prometheus server that scrapes an endpoint every second."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from urllib.request import ProxyHandler, build_opener

import demo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Labels = tuple[str, ...]


class Prometheus:
    """The server, as a context manager. It may start before the endpoint does."""

    def __init__(self, directory: Path, address: str, *, native_histograms: bool = False) -> None:
        program = shutil.which("prometheus")
        assert program, "there is no prometheus: make e2e installs it where it can"
        self._program = program
        self._directory = directory
        self._address = address
        self._native_histograms = native_histograms
        self._port = demo.free_port()

    def __enter__(self) -> Prometheus:
        """Starts the server and waits until it answers."""
        # JSON is valid YAML.
        job: dict[str, Any] = {"job_name": "workers", "static_configs": [{"targets": [self._address]}]}
        if self._native_histograms:
            job["params"] = {"native": ["1"]}
        configuration = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
            "scrape_configs": [job],
        }
        file = self._directory / "prometheus.json"
        file.write_text(json.dumps(configuration))
        log = (self._directory / "prometheus.log").open("wb")
        with log:
            self._process = subprocess.Popen(
                [
                    self._program,
                    f"--config.file={file}",
                    f"--storage.tsdb.path={self._directory / 'prometheus'}",
                    f"--web.listen-address=127.0.0.1:{self._port}",
                    *(["--enable-feature=native-histograms"] if self._native_histograms else []),
                ],
                stdout=log,
                stderr=log,
            )
        demo.fetch(f"http://127.0.0.1:{self._port}/-/ready")
        return self

    def __exit__(self, *_: object) -> None:
        """Ends the server."""
        self._process.kill()
        self._process.wait()

    def ask(self, query: str, *by: str) -> dict[Labels, float]:
        """Returns the values of an instant query, grouped by these labels."""
        url = f"http://127.0.0.1:{self._port}/api/v1/query?{urlencode({'query': query})}"
        with build_opener(ProxyHandler({})).open(url, timeout=10) as answer:
            response = json.load(answer)
        assert response["status"] == "success", response
        return dict(self._values(response["data"]["result"], by))

    @staticmethod
    def _values(result: list[dict[str, Any]], by: Labels) -> Iterator[tuple[Labels, float]]:
        for one in result:
            yield tuple(one["metric"].get(name, "") for name in by), float(one["value"][1])

    def read_again(self) -> None:
        """Waits until Prometheus has completed a scrape of the endpoint that begins after this call."""
        # `timestamp` returns the time of a scrape only for a plain selector; for any other expression,
        # such as `up == 1`, it returns the time of the query.
        query = f"timestamp(up) > {time.time()} and up == 1"
        assert demo.wait_for(lambda: bool(self.ask(query)), 60), "the endpoint was not read for a minute"
