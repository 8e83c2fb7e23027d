"""Tests servers and applications in programs that fork, or that close descriptors of other libraries."""

from __future__ import annotations

import subprocess
import sys
from textwrap import dedent

import pytest

START = """
import faulthandler, gc, os, signal, socket, sys, threading, time, urllib.request
import ictus

directory = sys.argv[1]
registry = ictus.Registry(directory)
registry.timer("job_seconds").observe(1)

def scrape(port, timeout=5):
    return urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=timeout).read()

def is_free(port):
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True

def becomes_free(port, seconds=10):
    # The child closes what it inherited before its fork returns, which may be after the parent's did.
    deadline = time.monotonic() + seconds
    while not is_free(port) and time.monotonic() < deadline:
        time.sleep(0.01)
    return is_free(port)

def eventually(holds, seconds=30):
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)

def ended(pid, seconds=10):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return status
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    sys.exit("the child hangs")
"""


def run(program: str, *arguments: str) -> str:
    """Runs a program, which must succeed and print nothing on standard error."""
    # Since version 3.12 Python warns of a fork while any thread runs, here of those of the server.
    options = ("-W", "ignore:This process:DeprecationWarning")
    command = [sys.executable, *options, "-c", START + dedent(program), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "end",
    [
        "sys.exit(0)",
        "server.close(); os._exit(0)",
        "del server; gc.collect(); os._exit(0)",
        "exec('with server: pass'); os._exit(0)",
        "server.close(); server.close(); registry.render(); os._exit(0)",
        "ictus.start_http_server(0, '127.0.0.1', registry=registry).close(); sys.exit(0)",
    ],
)
def test_child_ends_quietly_and_server_of_the_parent_continues(directory: str, end: str) -> None:
    program = f"""
    server = ictus.start_http_server(0, "127.0.0.1", registry=registry)
    port = server.port
    scrape(port)
    if (pid := os.fork()) == 0:
        {end}
    assert ended(pid) == 0
    assert b"job_seconds_count 1.0" in scrape(port)
    server.close()
    assert is_free(port)
    """
    run(program, directory)


def test_port_and_connections_are_free_while_a_child_lives(directory: str) -> None:
    program = """
    server = ictus.start_http_server(0, "127.0.0.1", registry=registry)
    port = server.port
    kept = socket.create_connection(("127.0.0.1", port))
    kept.sendall(b"GET /health HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n")
    assert kept.recv(1000)
    if (pid := os.fork()) == 0:
        kept.close()
        time.sleep(20)
        os._exit(0)
    server.close()
    assert becomes_free(port)
    kept.settimeout(5)
    assert kept.recv(1) == b"", "the child holds the connection"
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    """
    run(program, directory)


@pytest.mark.parametrize("shown", ["registry=registry", "directory=directory"])
def test_child_answers_while_the_parent_was_answering(directory: str, shown: str) -> None:
    program = f"""
    family = registry.timer("step_seconds", "", ["step"])
    for step in range(100):
        family.labels(step).observe(0.1)
    application = ictus.make_wsgi_app({shown})
    answer = lambda: application({{"REQUEST_METHOD": "GET"}}, lambda *_: None)
    stopped = threading.Event()

    def answering():
        while not stopped.is_set():
            answer()

    threads = [threading.Thread(target=answering) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(25):
        if (pid := os.fork()) == 0:
            body = b"".join(answer())
            os._exit(0 if b"step_seconds_count" in body else 1)
        assert ended(pid) == 0
    stopped.set()
    for thread in threads:
        thread.join()
    """
    run(program, directory)


def test_workers_of_a_preloaded_application_end_quietly(directory: str) -> None:
    program = """
    server = ictus.start_http_server(0, "127.0.0.1", registry=registry)
    import multiprocessing
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=registry.render) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(10)
        assert worker.exitcode == 0
    server.close()
    """
    run(program, directory)


def test_daemon_that_closes_all_descriptors_keeps_its_own_files(directory: str) -> None:
    """Like python-daemon, the child closes all descriptors and reuses their numbers for its files."""
    program = """
    import tempfile
    server = ictus.start_http_server(0, "127.0.0.1", registry=registry)
    port = server.port
    kept = socket.create_connection(("127.0.0.1", port))
    scrape(port)
    if (pid := os.fork()) == 0:
        kept.detach()
        os.closerange(3, 256)
        files = [tempfile.TemporaryFile(buffering=0) for _ in range(100)]
        for file in files:
            file.write(b"host")
        server.close()
        del server
        gc.collect()
        registry.render()
        for file in files:
            file.seek(0)
            if file.read() != b"host":
                os._exit(1)
        os._exit(0)
    assert ended(pid) == 0
    assert b"job_seconds_count 1.0" in scrape(port)
    """
    run(program, directory)


def test_sockets_that_the_host_has_closed_are_not_used_by_their_numbers(directory: str) -> None:
    program = """
    server = ictus.start_http_server(0, "127.0.0.1", registry=registry)
    kept = socket.create_connection(("127.0.0.1", server.port))
    scrape(server.port)
    numbers = []
    for name in os.listdir("/proc/self/fd"):
        try:
            if os.readlink(f"/proc/self/fd/{name}").startswith("socket:") and int(name) != kept.fileno():
                numbers.append(int(name))
        except OSError:
            pass
    assert len(numbers) >= 2, numbers
    pairs = []
    for number in numbers:
        # The host's own socket under the same number, in one step.
        ours, other = socket.socketpair()
        os.dup2(ours.fileno(), number)
        pairs.append((ours, other, number))
    kept.close()
    server.close()
    del server
    gc.collect()
    time.sleep(0.2)
    for ours, other, number in pairs:
        os.write(number, b"host")
        assert other.recv(100) == b"host"
        other.setblocking(False)
        try:
            raise SystemExit(f"received {other.recv(100)!r}")
        except BlockingIOError:
            pass
    """
    command = [sys.executable, "-c", START + dedent(program), directory]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_server_whose_descriptors_the_host_has_closed_ends_with_a_log_line(directory: str) -> None:
    program = """
    import logging
    lines = []
    class Handler(logging.Handler):
        def emit(self, record):
            lines.append(record.getMessage())
    logging.getLogger().addHandler(Handler())
    for turn in range(5):
        server = ictus.start_http_server(0, "127.0.0.1", registry=registry)
        scrape(server.port)
        # The thread may be about to wait, or wait.
        time.sleep(turn * 0.001)
        os.closerange(3, 256)
        files = [os.open("/tmp", os.O_TMPFILE | os.O_RDWR) for _ in range(100)]
        for file in files:
            os.write(file, b"host")
        eventually(lambda: len(lines) > turn)
        start = time.monotonic()
        server.close()
        assert time.monotonic() - start < 2
        port = server.port
        del server
        gc.collect()
        for file in files:
            assert os.pread(file, 100, 0) == b"host"
        registry.render()
        assert is_free(port)
    print(*lines, sep="\\n")
    """
    output = run(program, directory)
    assert output.count("has ended: the program closed its descriptors") == 5, output


def test_provider_writes_nothing_to_descriptors_that_the_host_took(directory: str) -> None:
    program = """
    from ictus import _core, _provider_loop
    os.chdir(directory)
    open("counter_1.db", "wb").close()
    provider = _core.Provider.file(directory, directory + "/out.prom", 0.1)
    threading.Thread(target=_provider_loop.run, args=(provider,), daemon=True).start()
    eventually(lambda: os.path.exists("out.prom"))
    os.closerange(3, 256)
    files = [os.open("/tmp", os.O_TMPFILE | os.O_RDWR) for _ in range(100)]
    start = time.process_time()
    time.sleep(2)
    # It neither polls a file of the host without end, nor writes there, nor stops.
    assert time.process_time() - start < 1
    os.remove("out.prom")
    eventually(lambda: os.path.exists("out.prom"))
    for file in files:
        assert os.fstat(file).st_size == 0
    os._exit(0)
    """
    run(program, directory)


def test_server_does_not_take_the_numbers_of_closed_standard_streams(directory: str) -> None:
    program = """
    for number in (0, 1, 2):
        os.close(number)
    server = ictus.start_http_server(0, "127.0.0.1", registry=registry)
    scrape(server.port)
    code = 0
    for number in (0, 1, 2):
        try:
            os.fstat(number)
            code = 1
        except OSError:
            pass
    server.close()
    os._exit(code)
    """
    run(program, directory)
