"""Tests completion, help, representations and messages, as shells and editors show them."""

from __future__ import annotations

import ast
import copy
import errno
import inspect
import os
import re
import subprocess
import sys
import weakref
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

import ictus
from harness import TESTS

STUB = Path(ictus.__file__).with_name("_core.pyi")
PUBLIC = set(ictus.__all__) - {"__version__", "make_asgi_app", "make_wsgi_app", "start_http_server"}


def documented() -> dict[str, str]:
    """Returns the docstrings of the stub, by qualified name."""
    docstrings = {}

    def visit(node: Any, prefix: str) -> None:
        for inner in node.body:
            if isinstance(inner, (ast.ClassDef, ast.FunctionDef)) and not inner.name.startswith("__"):
                name = prefix + inner.name
                if doc := ast.get_docstring(inner):
                    docstrings[name] = doc
                if isinstance(inner, ast.ClassDef):
                    visit(inner, f"{name}.")

    visit(ast.parse(STUB.read_text(encoding="utf-8")), "")
    return {name: doc for name, doc in docstrings.items() if name.partition(".")[0] in PUBLIC}


def test_help_at_run_time_equals_that_of_the_stub() -> None:
    docs = documented()
    assert len(docs) > 50
    for name, doc in docs.items():
        thing: Any = ictus
        for part in name.split("."):
            thing = getattr(thing, part)
        assert inspect.getdoc(thing) == doc, name
    # Every public name has a docstring.
    for name in PUBLIC:
        assert name in docs
        if isinstance(public := getattr(ictus, name), type):
            members = {f"{name}.{member}" for member in vars(public) if not member.startswith("_")}
            assert members <= set(docs)


def test_methods_of_collectors_are_described_in_the_stub_and_in_the_module() -> None:
    [collector] = [
        node
        for node in ast.parse(STUB.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef) and node.name == "Collector"
    ]
    source = (TESTS.parent / "src" / "conductor" / "collector.rs").read_text(encoding="utf-8")
    methods = [node for node in collector.body if isinstance(node, ast.FunctionDef) and node.name[0] != "_"]
    assert len(methods) > 25
    for method in methods:
        described = " ".join((ast.get_docstring(method) or "").split()).replace("``", "`")
        assert re.match(r"[A-Z][a-z]+s .*\.$", described), method.name
        previous = source[: source.index(f" fn {method.name}")].splitlines()
        comment = [line.strip()[3:] for line in previous[-14:] if line.strip().startswith("///")]
        assert " ".join(" ".join(comment).split()).endswith(described), (method.name, comment)


def test_completion_finds_the_public_names_before_their_first_use() -> None:
    program = (
        "import ictus, rlcompleter as r; print(*r.Completer(vars()).attr_matches('ictus.Reg'), *dir(ictus))"
    )
    shown = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert {"ictus.Registry", *ictus.__all__} <= {name.rstrip("()") for name in shown.stdout.split()}


def test_modules_are_imported_with_the_package() -> None:
    program = (
        "import sys, ictus;"
        "assert 'ictus.process' not in sys.modules;"
        "print(ictus.process.watch.__name__, ictus.testing.reset.__name__,"
        " ictus.prometheus.bridge.__name__, ictus.otel.bridge.__name__)"
    )
    # A requirement of a module may be missing: access then fails as for any attribute that does not
    # exist.
    lacking = (
        "import sys, ictus; sys.modules.update({'opentelemetry': None, 'opentelemetry.metrics': None});"
        "print(hasattr(ictus, 'otel'), hasattr(ictus, 'nothing'))"
    )
    for code, expected in ((program, "watch reset bridge bridge"), (lacking, "False False")):
        shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
        assert shown.stdout.strip() == expected


def test_help_of_the_package_shows_classes_functions_and_options() -> None:
    shown = subprocess.run(
        [sys.executable, "-c", "import ictus; help(ictus)"], check=True, capture_output=True, text=True
    ).stdout
    # Since Python 3.13 each parameter of a long signature has its line.
    shown = re.sub(r"\(\n *", "(", shown)
    for text in (
        "class Registry(",
        "class Timer(",
        "read(directory)",
        "start_http_server(port",
        "expire_after=None",
        "window",
        "A family has",
        "Raises ``OSError`` if the directory cannot be read.",
    ):
        assert text in shown, text
    for name in ("Registry", "Server"):
        assert "directory=None" in str(inspect.signature(getattr(ictus, name)))


def test_representations_name_the_thing(directory: str) -> None:
    registry, memory = ictus.Registry(directory), ictus.Registry()
    assert repr(registry) == f"<ictus.Registry directory={directory!r}>"
    assert repr(memory) == "<ictus.Registry directory=None>"
    jobs = registry.counter("jobs_total", "", ["queue", "host"])
    assert repr(jobs) == f"<ictus.Counter name='jobs' labels=('queue', 'host') directory={directory!r}>"
    child = jobs.labels(queue="a'b", host=1)
    assert repr(child).startswith(
        """<ictus.Counter name='jobs' labels={'queue': "a'b", 'host': '1'} directory="""
    )
    assert repr(memory.gauge("depth")) == "<ictus.Gauge name='depth' labels=() directory=None>"
    assert repr(memory.timer("work_seconds")) == "<ictus.Timer name='work_seconds' labels=() directory=None>"
    memory.timer("work_seconds").observe(0.5)
    memory.counter("jobs", "", ["queue"]).labels("a").inc()
    snapshot = memory.snapshot()
    assert repr(snapshot) == "<ictus.Snapshot families=3>"
    family = snapshot.family("jobs")
    assert repr(family) == "<ictus.Family name='jobs' kind='counter' labels=('queue',) series=1>"
    assert "count=1" in repr(snapshot.timing("work_seconds"))
    with ictus.start_http_server(0, "127.0.0.1", registry=memory) as server:
        assert repr(server) == f"<ictus.Server address='127.0.0.1:{server.port}'>"
    assert repr(server).endswith(" closed>")


METRICS: list[Any] = [
    lambda registry: registry,
    lambda registry: registry.counter("jobs", "", ["queue"]),
    lambda registry: registry.counter("jobs", "", ["queue"]).labels("a"),
    lambda registry: registry.gauge("depth"),
    lambda registry: registry.timer("work_seconds"),
]


@pytest.mark.parametrize("make", METRICS)
def test_metrics_can_be_copied_referred_to_weakly_and_given_attributes(make: Any) -> None:
    metric: Any = make(ictus.Registry())
    assert copy.copy(metric) is metric
    assert copy.deepcopy({"metric": metric})["metric"] is metric
    assert weakref.ref(metric)() is metric
    setattr(metric, "owner", "tests")  # noqa: B010
    assert vars(metric) == {"owner": "tests"}


@pytest.mark.parametrize(("kind", "method"), [("counter", "inc"), ("gauge", "set"), ("timer", "observe")])
def test_methods_of_metrics_can_be_patched(kind: str, method: str) -> None:
    registry = ictus.Registry()
    metric = getattr(registry, kind)("jobs")
    with mock.patch.object(metric, method) as patched:
        getattr(metric, method)(3)
    patched.assert_called_once_with(3)
    with mock.patch.object(registry, kind, return_value="a double"):
        assert getattr(registry, kind)("jobs") == "a double"
    with mock.patch.object(metric, method, autospec=True) as patched:
        getattr(metric, method)(4)
    patched.assert_called_once_with(4)
    getattr(metric, method)(5)
    snapshot = registry.snapshot()
    timing = snapshot.timing("jobs") if kind == "timer" else None
    assert (timing.sum if timing else snapshot.value("jobs")) == 5


def raised(call: Any) -> BaseException:
    with pytest.raises(BaseException) as caught:  # noqa: PT011
        call()
    return caught.value


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (
            lambda r: r.counter("jobs", "", "queue"),
            TypeError,
            "`labels` must be a sequence of strings, not a string",
        ),
        (
            lambda r: r.gauge("jobs", "", b"queue"),
            TypeError,
            "`labels` must be a sequence of strings, not bytes",
        ),
        (lambda r: r.timer("jobs", "", 3), TypeError, "`labels` must be a sequence of strings, not int"),
        (
            lambda r: r.counter("jobs", "", ["a", 3]),
            TypeError,
            "`labels` must be a sequence of strings, not of int: 3",
        ),
        (
            lambda r: r.timer("jobs", buckets="1"),
            TypeError,
            "`buckets` must be a sequence of numbers, not a string",
        ),
        (
            lambda r: r.render(surfaces="legacy"),
            TypeError,
            "`surfaces` must be a sequence of strings, not a string",
        ),
        (lambda r: r.timer("jobs", window=-1), ValueError, "window must be 1 to 65536, not -1"),
        (lambda r: r.timer("jobs", window=10**30), ValueError, "window must be 1 to 65536, not 1000000"),
        (lambda r: r.timer("jobs", window="9"), TypeError, "`window` must be a whole number, not str"),
        (lambda r: r.timer("jobs", max_series=0), ValueError, "max_series must be 1 to 4294967295, not 0"),
        (lambda _: ictus.Registry(group=-1), ValueError, "group must be 0 to 4294967294, not -1"),
        (lambda r: ictus.start_http_server(-1, registry=r), ValueError, "port must be 0 to 65535, not -1"),
        (
            lambda r: ictus.start_http_server(65536, registry=r),
            ValueError,
            "port must be 0 to 65535, not 65536",
        ),
        (
            lambda r: ictus.start_http_server(*"8", registry=r),
            TypeError,
            "`port` must be a whole number, not str",
        ),
        (
            lambda r: (r.counter("jobs", "", ["a"]), r.gauge("jobs")),
            ValueError,
            "exists as a counter with the label a, but was requested as a gauge without labels",
        ),
    ],
)
def test_errors_name_the_argument_and_its_valid_values(
    call: Any, kind: type[Exception], message: str
) -> None:
    error = raised(lambda: call(ictus.Registry()))
    assert type(error) is kind
    assert message in str(error)


def test_errors_of_the_system_are_those_of_the_standard_library(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    error = raised(lambda: ictus.Registry(file))
    assert isinstance(error, (NotADirectoryError, FileExistsError))
    assert error.filename
    assert str(file) in str(error)
    assert "os error" not in str(error)
    error = raised(lambda: ictus.Registry(file / "below"))
    assert isinstance(error, NotADirectoryError)
    assert error.errno == errno.ENOTDIR
    registry = ictus.Registry()
    with ictus.start_http_server(0, "127.0.0.1", registry=registry) as server:
        error = raised(lambda: ictus.start_http_server(server.port or 0, "127.0.0.1", registry=registry))
    assert isinstance(error, OSError)
    assert error.errno == errno.EADDRINUSE
    assert "choose another port" in str(error)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_directory_that_may_not_be_used_is_a_permission_error(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    tmp_path.chmod(0o755)
    program = (
        "import os, sys, ictus\n"
        "uses = ictus.Registry, ictus.read\n"
        "os.seteuid(65534)\n"
        "for use in uses:\n"
        "    try: use(sys.argv[1])\n"
        "    except OSError as e: print(type(e).__name__, e.errno)\n"
    )
    command = [sys.executable, "-c", program, str(closed / "metrics")]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert shown == "PermissionError 13\nPermissionError 13\n"


class Interrupting:
    """A label value whose conversion to text raises."""

    def __init__(self, raises: BaseException) -> None:
        self._raises = raises

    def __str__(self) -> str:
        raise self._raises


@pytest.mark.parametrize("raises", [KeyboardInterrupt(), SystemExit(3)])
def test_interrupts_and_exits_pass_through_a_label(raises: BaseException) -> None:
    registry = ictus.Registry()
    jobs = registry.counter("jobs", "", ["queue"])
    jobs.labels("a").inc()
    snapshot = registry.snapshot()
    for call in (
        lambda: jobs.labels(Interrupting(raises)),
        lambda: jobs.labels(queue=Interrupting(raises)),
        lambda: jobs.remove(Interrupting(raises)),
        lambda: snapshot.value("jobs", queue=Interrupting(raises)),
    ):
        with pytest.raises(type(raises)):
            call()
    # A conversion to text that fails must not end anything.
    jobs.labels(Interrupting(ValueError())).inc()
    assert registry.snapshot().value("jobs", queue="<unprintable Interrupting>") == 1


def test_counter_is_found_under_both_names(directory: str) -> None:
    registry = ictus.Registry(directory)
    registry.counter("jobs_total").inc(2)
    for snapshot in (registry.snapshot(), ictus.read(directory)):
        assert (snapshot.value("jobs"), snapshot.value("jobs_total")) == (2, 2)
        family = snapshot.family("jobs_total")
        assert family is not None
        assert family.name == "jobs"


def test_buckets_may_end_in_infinity_as_those_of_other_libraries() -> None:
    registry = ictus.Registry()
    registry.timer("work_seconds", buckets=(0.1, 1, float("inf"))).observe(0.5)
    timing = registry.snapshot().timing("work_seconds")
    assert timing is not None
    assert timing.buckets == [(0.1, 0), (1, 1), (float("inf"), 1)]


def test_rejections_are_counted_by_cause() -> None:
    registry = ictus.Registry()
    registry.gauge("depth").dec(float("inf"))
    registry.counter("jobs", "", ["body"]).labels("x" * 10_000_000).inc()
    health = registry.snapshot().health
    counted = {
        name: number for name, number in health.items() if name.startswith("observations_rejected") and number
    }
    assert counted == {"observations_rejected_too_large": 1}
    # A long label value is truncated, and not reported as a full disk.
    assert health["lanes_process_local"] == 0


def test_log_handler_that_is_interrupted_ends_the_call() -> None:
    program = (
        "import logging, sys, ictus\n"
        "class Handler(logging.Handler):\n"
        "    def emit(self, record): raise KeyboardInterrupt\n"
        "logging.getLogger('ictus').addHandler(Handler())\n"
        "work = ictus.Registry().timer('work_seconds', '', ['outcome'])\n"
        "try:\n"
        "    with work.time(): pass\n"
        "except KeyboardInterrupt: print('interrupted')\n"
    )
    shown = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert shown == "interrupted\n"


@pytest.mark.parametrize("columns", [40, 80, 120, 200, None])
def test_help_of_run_fits_the_terminal_and_100_columns(columns: int | None) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    if columns:
        environment["COLUMNS"] = str(columns)
    shown = subprocess.run(
        [sys.executable, "-m", "ictus", "run", "--help"],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    longest = max(map(len, shown.splitlines()))
    assert longest <= min(columns or 100, 100)
    # No line is shorter than it must be.
    assert longest >= min(columns or 100, 100) - 25
    assert " ".join(shown.split()).startswith("Run a Python program whose Conductor workers")
    assert "ictus run -m MODULE [ARGUMENT]..." in shown
    assert "ICTUS_CONDUCTOR=1" in shown
