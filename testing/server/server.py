#!/usr/bin/env python3
"""A real Conductor server on this machine: the published one, with SQLite and no other service.

The jar (400 MB) is downloaded from Maven Central by its coordinates the first time, verified, and
kept in ``~/.cache/ictus``. Needs Java 17 or newer. Standard library only.

    python server.py --port 8080
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

GROUP, ARTIFACT, VERSION = "org.conductoross", "conductor-server", "3.21.14"
SHA1 = "1b9feda88c519187549649763567d5eee2b898de"
"""The checksum that Maven Central publishes for that version; it does not change."""
JAR = f"{ARTIFACT}-{VERSION}-boot.jar"
ADDRESS = f"https://repo1.maven.org/maven2/{GROUP.replace('.', '/')}/{ARTIFACT}/{VERSION}/{JAR}"

START_SECONDS = 180.0
"""Timeout for the server's first response; 20 to 40 s are usual."""

PROPERTIES = """\
conductor.db.type=sqlite
conductor.queue.type=sqlite
conductor.indexing.enabled=true
conductor.indexing.type=sqlite
# The search engines' own parts stay away.
conductor.elasticsearch.version=0
spring.datasource.url=jdbc:sqlite:{directory}/conductor.db?busy_timeout=20000&journal_mode=WAL&synchronous=OFF
spring.datasource.driver-class-name=org.sqlite.JDBC
spring.datasource.username=
spring.datasource.password=
spring.datasource.hikari.maximum-pool-size=1
conductor.workflow-execution-lock.type=local_only
conductor.app.workflow-execution-lock-enabled=true
# Workers register what they do without saying whose it is.
conductor.app.owner-email-mandatory=false
# Tasks that the server itself does (HTTP, JOIN); polling for them is all that it would do when idle.
conductor.system-task-workers.enabled=false
conductor.grpc-server.enabled=false
loadSample=false
server.address=127.0.0.1
server.port={port}
"""


class Unavailable(Exception):
    """The server cannot run here; the message gives the reason."""


class Unreachable(Unavailable):
    """The jar cannot be downloaded."""


def jar() -> Path:
    """Returns the jar, downloaded if it does not exist yet. Raises `Unreachable`."""
    home = os.environ.get("XDG_CACHE_HOME")
    folder = (Path(home) if home else Path.home() / ".cache") / "ictus"
    path = folder / JAR
    if path.exists():  # The jar is verified before it gets this name.
        return path
    folder.mkdir(parents=True, exist_ok=True)
    print(f"Fetching {ARTIFACT} {VERSION} from Maven Central (400 MB, once) ...", file=sys.stderr, flush=True)
    digest = hashlib.sha1(usedforsecurity=False)
    with tempfile.NamedTemporaryFile(dir=folder, prefix=JAR) as part:
        try:
            with urllib.request.urlopen(ADDRESS, timeout=60) as answer:
                while chunk := answer.read(1 << 20):
                    digest.update(chunk)
                    part.write(chunk)
        except OSError as error:
            raise Unreachable(f"{ADDRESS} cannot be fetched: {error}") from error
        if digest.hexdigest() != SHA1:
            raise Unreachable(f"{ADDRESS} has the SHA-1 {digest.hexdigest()}, and not {SHA1}")
        part.flush()
        os.link(part.name, path)
    return path


class Server:
    """The server, as a context manager. ``url`` is the *base URL* of the SDK.

    Its database and its log are in ``directory``, and remain there. Raises `Unavailable` if no server
    can be started.
    """

    def __init__(self, directory: Path, port: int = 0) -> None:
        """Sets a port that is free now, if none is given."""
        self.directory = directory
        self.port = port or free_port()
        self.about = f"{GROUP}:{ARTIFACT} {VERSION} with SQLite"
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = directory / "server.log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Server:
        """Starts the server and waits until it answers."""
        java = shutil.which("java")
        if java is None:
            raise Unavailable("there is no java: install Java 17 or newer")
        self.directory.mkdir(parents=True, exist_ok=True)
        properties = self.directory / "server.properties"
        properties.write_text(PROPERTIES.format(directory=self.directory, port=self.port))
        command = [java, "-Xmx1g", "-XX:+UseSerialGC", "-jar", str(jar())]
        command.append(f"--spring.config.additional-location=file:{properties}")
        with self.log.open("wb") as log:
            # The server has a separate process group: Ctrl-C reaches only the program that started
            # it, which then ends it.
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                start_new_session=True,
            )
        try:
            self._wait(self._process)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Ends the server."""
        self.close()

    def close(self) -> None:
        """Ends the server."""
        if self._process is not None:
            # Its data is not needed again, so a clean shutdown is unnecessary.
            self._process.kill()
            self._process.wait()

    def get(self, path: str) -> str:
        """Returns the body of a response."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(self.url + path, timeout=30) as answer:
            text: str = answer.read().decode()
            return text

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            if process.poll() is not None:
                raise Unavailable(f"the server ended with status {process.returncode}:\n{self._last_lines()}")
            try:
                if json.loads(self.get("/health"))["healthy"]:
                    return
            except OSError as error:
                if time.monotonic() > deadline:
                    raise Unavailable(
                        f"no answer after {START_SECONDS:.0f} s ({error}):\n{self._last_lines()}"
                    ) from error
            time.sleep(0.2)

    def _last_lines(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])


def free_port() -> int:
    """Returns a port without a listener."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def main() -> int:
    """Runs the server until interrupted."""
    parser = argparse.ArgumentParser(description="A real Conductor server, with SQLite.")
    parser.add_argument("--port", type=int, default=0, help="default: any free one")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="ictus-server-", ignore_cleanup_errors=True) as directory:
        try:
            with Server(Path(directory), options.port) as server:
                print(server.url, flush=True)
                threading.Event().wait()
        except Unavailable as error:
            print(f"server: {error}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
