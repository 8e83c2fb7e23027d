"""Tests TLS and authentication of endpoints in Python, set up as in docs/tls.md."""

from __future__ import annotations

import os
import re
import shutil
import signal
import ssl
import subprocess
from http.client import HTTPSConnection
from pathlib import Path

import pytest

import ictus
from harness import eventually, free_port, provider, reachable
from ictus.conductor import MetricsCollector, MetricsSettings

PAGE = Path(__file__).parents[2] / "docs" / "tls.md"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Returns a directory with `cert.pem`, `key.pem` and `auth`, created by the page's command."""
    if shutil.which("openssl") is None and os.environ.get("CI") != "true":
        pytest.skip("openssl is not installed")
    match = re.search(r"^openssl (?:.*\\\n)*.*$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert match
    command = match[0].replace("/etc/ictus", str(tmp_path))
    subprocess.run(command, shell=True, check=True, capture_output=True)
    admit(tmp_path, "bearer t0ken")
    return tmp_path


def admit(files: Path, line: str) -> None:
    auth = files / "auth"
    auth.write_text(line + "\n", encoding="utf-8")
    auth.chmod(0o600)


def status(files: Path, port: int, token: str) -> int:
    """Returns the status of a scrape by a client that trusts the certificate."""
    context = ssl.create_default_context(cafile=files / "cert.pem")
    connection = HTTPSConnection("localhost", port, timeout=10, context=context)
    try:
        connection.request("GET", "/metrics", headers={"Authorization": f"Bearer {token}"})
        return connection.getresponse().status
    finally:
        connection.close()


def test_endpoint_of_the_drop_in_requires_configured_credentials(directory: str, files: Path) -> None:
    MetricsCollector(MetricsSettings(directory=directory)).increment_task_poll("t")
    port = free_port()
    environment = {
        "ICTUS_TLS_CERT": str(files / "cert.pem"),
        "ICTUS_TLS_KEY": str(files / "key.pem"),
        "ICTUS_AUTH": str(files / "auth"),
    }
    with provider(directory, port, **environment) as running:
        assert eventually(lambda: reachable(port), bool)
        assert status(files, port, "t0ken") == 200
        assert status(files, port, "another") == 401
        admit(files, "bearer another")
        running.send_signal(signal.SIGHUP)
        assert eventually(lambda: status(files, port, "another"), lambda code: code == 200) == 200
        assert status(files, port, "t0ken") == 401
        admit(files, "nonsense")
        running.send_signal(signal.SIGHUP)
        # If the credentials cannot be read, every client is rejected.
        assert eventually(lambda: status(files, port, "another"), lambda code: code == 500) == 500
        assert running.poll() is None


def test_drop_in_does_not_serve_without_configured_security(directory: str, files: Path) -> None:
    port = free_port()
    (files / "auth").unlink()
    with provider(directory, port, ICTUS_AUTH=str(files / "auth")) as running:
        assert running.wait(60) != 0
        assert not reachable(port)


@pytest.mark.parametrize("name", ["ICTUS_AUTH", "ICTUS_TLS_CERT", "ICTUS_TLS_KEY", "ICTUS_TLS_CLIENT_CA"])
@pytest.mark.parametrize("blank", ["", "  "])
def test_blank_variable_does_not_disable_authentication(directory: str, name: str, blank: str) -> None:
    port = free_port()
    with provider(directory, port, **{name: blank}) as running:
        assert running.wait(60) != 0
        assert not reachable(port)


def test_server_in_the_program_takes_the_same_files(files: Path) -> None:
    registry = ictus.Registry()
    registry.counter("jobs").inc()
    certfile, keyfile, auth = (files / name for name in ("cert.pem", "key.pem", "auth"))
    with ictus.start_http_server(
        0, "127.0.0.1", registry=registry, certfile=certfile, keyfile=keyfile, auth=auth
    ) as server:
        assert server.port
        assert status(files, server.port, "t0ken") == 200
        assert status(files, server.port, "another") == 401
    with pytest.raises(ValueError, match="give both files"):
        ictus.start_http_server(0, registry=registry, certfile=certfile)
    with pytest.raises(OSError, match=r"key.pem.*BEGIN"):
        ictus.start_http_server(0, registry=registry, certfile=keyfile, keyfile=keyfile)


def test_error_quotes_no_private_key(tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    registry = ictus.Registry()
    for text in (
        "-----BEGIN s3cretKeyBytes-----\n",
        "-----BEGIN PRIVATE KEY s3cretKeyBytes\n",
        "-----BEGIN PRIVATE KEY-----\ns3cretKeyBytes!\n-----END PRIVATE KEY-----\n",
        "-----BEGIN PRIVATE KEY-----\ns3cretKeyBytes\n",
    ):
        key.write_text(text, encoding="utf-8")
        with pytest.raises(OSError, match=r"key.pem") as refused:
            ictus.start_http_server(0, registry=registry, certfile=key, keyfile=key)
        assert "s3cret" not in str(refused.value)
        assert str(list(b"s3cret"))[1:-1] not in str(refused.value)
