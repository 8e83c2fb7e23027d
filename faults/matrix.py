#!/usr/bin/env python3
"""Tests faults of a host program at each moment of its recording, in each language.

For each fault, moment and language, a recorder runs in a separate process, in a directory on a
separate file system. The fault begins at that moment and passes. A reader in another process then
sees each observation that had returned, exactly once. No call of the recorder takes longer than
BOUND. Within RECOVERY after the fault has passed, every observation is visible, and no byte of the
host's own files changes.

    faults/matrix.py [--short] [--alternate] [--only WORD]... [--table] LANGUAGE...

The environment names the programs: FAULTS_HOST (host.c as a library), FAULTS_C (record.c),
FAULTS_RUST (the test `faults` of ictus-ffi), FAULTS_PYTHON (a Python that has ictus). The reader is
FAULTS_RUST, or else FAULTS_PYTHON.

Needs root, to mount file systems. `make faults` builds the programs and names all languages.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

HERE = Path(__file__).resolve().parent
#: The maximum duration of a recorder's or a reader's call, in seconds.
BOUND = 15.0
#: The maximum start time of a recorder, on a busy machine, in seconds.
START = 60.0
#: The maximum time from the end of a fault until other processes see the observations, in seconds.
RECOVERY = 15.0
#: The descriptors of a recorder's commands and answers.
COMMANDS, ANSWERS = 200, 201
#: The family that a recorder records into.
FAMILY = {
    "c": "work_seconds",
    "rust": "work_seconds",
    "python": "work_seconds",
    "dropin": "conductor/task_execute_time",
}


class Failure(Exception):
    """A guarantee that does not hold."""


def command(language: str, directory: str) -> tuple[list[str], dict[str, str]]:
    """Returns the start of a recorder: its command, and the variables of its environment."""
    if language == "c":
        return [os.environ["FAULTS_C"], directory], {}
    if language == "rust":
        return [os.environ["FAULTS_RUST"], *AS_TEST, "recorder::recorder"], {"FAULTS_DIRECTORY": directory}
    return [os.environ["FAULTS_PYTHON"], str(HERE / "record.py"), language, directory], {}


#: The options that run one test of the Rust program alone.
AS_TEST = ("--test-threads=1", "--nocapture", "--exact")


class Lines:
    """Lines that a child process writes to a descriptor, each within BOUND."""

    def __init__(self, writer: str, descriptor: int) -> None:
        self.writer, self.descriptor = writer, descriptor
        self.buffer = b""

    def next(self, bound: float = BOUND) -> str | None:
        """Returns the next line, or None at the end."""
        deadline = time.monotonic() + bound
        while b"\n" not in self.buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.descriptor], [], [], left)[0]:
                raise Failure(f"no answer of the {self.writer} within {bound} s")
            more = os.read(self.descriptor, 1 << 16)
            if not more:
                return None
            self.buffer += more
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line.decode()


class Recorder:
    """A process that records on command."""

    def __init__(self, cell: Cell) -> None:
        fault = cell.fault
        arguments, environment = command(cell.language, "metrics" if fault.relative else str(cell.metrics))
        # Without these capabilities, file modes restrict root as well.
        without = "-dac_override,-dac_read_search"
        arguments = ["setpriv", f"--bounding-set={without}", *fault.wrapper, *arguments]
        their_commands, self.commands = os.pipe()
        answers, their_answers = os.pipe()
        self.answers = Lines("recorder", answers)

        def prepare() -> None:
            os.dup2(their_commands, COMMANDS)
            os.dup2(their_answers, ANSWERS)
            os.closerange(3, COMMANDS)
            os.closerange(ANSWERS + 1, 1024)
            if fault.without_stdio:
                os.closerange(0, 3)

        self.log = tempfile.TemporaryFile()  # noqa: SIM115
        self.process = subprocess.Popen(
            arguments,
            cwd=cell.parent,
            env={**os.environ, **environment, "FAULTS_PROGRESS": str(cell.progress)},
            preexec_fn=prepare,  # noqa: PLW1509
            close_fds=False,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
        )
        os.close(their_commands)
        os.close(their_answers)
        self.expect("ready", START)

    def answer(self, bound: float = BOUND) -> str:
        line = self.answers.next(bound)
        if line is None:
            raise Failure(f"the recorder ended ({self.process.wait()}): {self.output()}")
        return line

    def expect(self, expected: str, bound: float = BOUND) -> None:
        answer = self.answer(bound)
        if answer != expected:
            raise Failure(f"{answer!r} instead of {expected!r}: {self.output()}")

    def send(self, command: str) -> None:
        try:
            os.write(self.commands, command.encode() + b"\n")
        except BrokenPipeError:
            raise Failure(
                f"the recorder ended ({self.process.wait()}) before {command}: {self.output()}"
            ) from None

    def ask(self, command: str, answer: str = "ok", bound: float = BOUND) -> None:
        self.send(command)
        self.expect(answer, bound)

    def output(self) -> str:
        self.log.seek(0)
        return self.log.read().decode(errors="replace")[-600:]

    def close(self) -> None:
        for descriptor in (self.commands, self.answers.descriptor):
            with contextlib.suppress(OSError):
                os.close(descriptor)
        # A daemon, which is not a child of this process, ends when its command pipe is closed.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(2)
        self.process.kill()
        self.process.wait()
        self.log.close()


class Reader:
    """A process that reads the metrics of other processes."""

    def __init__(self) -> None:
        if "FAULTS_RUST" in os.environ:
            arguments = [os.environ["FAULTS_RUST"], *AS_TEST, "reader::reader"]
        else:
            arguments = [os.environ["FAULTS_PYTHON"], str(HERE / "record.py"), "read"]
        environment = {**os.environ, "FAULTS_READ": "1"}
        self.process = subprocess.Popen(
            arguments, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.commands, output = present(self.process.stdin), present(self.process.stdout)
        self.answers = Lines("reader", output.fileno())

    def read(self, family: str, directory: Path) -> dict[str, tuple[int, float]]:
        """Returns count and sum of each series of a family."""
        self.commands.write(f"{family} {directory}\n".encode())
        self.commands.flush()
        seen: dict[str, tuple[int, float]] = {}
        while True:
            line = self.answers.next()
            if line is None:
                raise Failure("the reader ended")
            match line.split():
                case ["series", label, count, total]:
                    previous = seen.get(label, (0, 0.0))
                    seen[label] = previous[0] + int(count), previous[1] + float(total)
                case ["end"]:
                    return seen
                case ["failed", *reason]:
                    raise Failure(f"a reader failed: {' '.join(reason)}")

    def close(self) -> None:
        self.commands.close()
        self.process.kill()
        self.process.wait()


def present(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe


@dataclass
class Cell:
    """A fault at a moment in a language."""

    fault: Fault
    moment: str
    language: str
    parent: Path
    reader: Reader
    recorder: Recorder = field(init=False)
    #: The number of returned observations of each series; the observations are 1, 2, 3 and so on.
    expected: dict[str, int] = field(default_factory=dict)
    #: A series in which a thread was recording when it ended.
    unfinished: str = ""
    created: int = 0
    lock: int = -1

    @property
    def metrics(self) -> Path:
        return self.parent / "metrics"

    @property
    def ledgers(self) -> Path:
        return self.parent / "host"

    @property
    def progress(self) -> Path:
        return self.parent / "progress"

    def record(self, label: str = "steady", count: int = 500) -> None:
        previous = self.expected.get(label, 0)
        self.recorder.ask(f"record {label} {previous} {count}")
        self.expected[label] = previous + count

    def grow(self, count: int) -> None:
        self.recorder.ask(f"grow grown {self.created} {count}")
        self.expected.update({f"grown{n}": 10 for n in range(self.created, self.created + count)})
        self.created += count

    def begin_churn(self) -> None:
        self.recorder.ask("churn")

    def end_churn(self) -> None:
        if self.fault.ends_threads:
            self.unfinished = f"churn{self.churned()}"
        else:
            self.recorder.ask("calm")
        self.expected.update({f"churn{n}": 10 for n in range(self.churned())})

    def churned(self) -> int:
        return int.from_bytes(self.progress.read_bytes()[:8], sys.byteorder)

    # The view of other processes.

    def seen(self) -> dict[str, tuple[int, float]]:
        return self.reader.read(FAMILY[self.language], self.metrics)

    def check(self) -> None:
        """Waits until the reader sees exactly the observations that had returned."""
        expected = {
            label: (count, count * (count + 1) / 2) for label, count in self.expected.items() if count
        }
        deadline = time.monotonic() + RECOVERY
        while True:
            seen = self.seen()
            seen.pop(self.unfinished, None)
            if seen == expected:
                break
            for label, (count, _) in seen.items():
                if count > expected.get(label, (0, 0))[0]:
                    raise Failure(f"{label}: {count} are seen, {expected.get(label)} were recorded")
            if time.monotonic() > deadline:
                missing = {
                    label: (seen.get(label), has) for label, has in expected.items() if seen.get(label) != has
                }
                some = dict(list(missing.items())[:3])
                raise Failure(
                    f"{len(missing)} of {len(expected)} series are not whole: {some} {self.recorder.output()}"
                )
            time.sleep(0.1)
        for ledger in self.ledgers.iterdir():
            if ledger.read_bytes() != b"the host's own data\n":
                raise Failure(f"{ledger.name}, a file of the host, was changed")


@dataclass(frozen=True)
class Fault:
    """An event that affects a recorder, and passes."""

    name: str
    begin: Callable[[Cell], None] = lambda _: None
    end: Callable[[Cell], None] = lambda _: None
    #: The command that starts the recorder, if the fault lasts for the recorder's life.
    wrapper: tuple[str, ...] = ()
    without_stdio: bool = False
    #: The recorder names its directory by a relative path.
    relative: bool = False
    #: The fault removes the data that ended processes left.
    forgets: bool = False
    #: The fault ends the recorder's other threads.
    ends_threads: bool = False
    #: Readers may fail during the fault.
    stops_readers: bool = False
    #: The reason why the fault is not tested.
    impossible: str = ""


def host(action: str, argument: Callable[[Cell], object] = lambda _: "-") -> Callable[[Cell], None]:
    return lambda cell: cell.recorder.ask(f"host {action} {argument(cell)}")


def child(way: str) -> Callable[[Cell], None]:
    def begin(cell: Cell) -> None:
        cell.record(count=1)
        cell.recorder.ask(f"{way} child 100", "ok 0")
        cell.expected["child"] = 100

    return begin


def fork_with_server(cell: Cell) -> None:
    cell.record(count=1)
    cell.recorder.send(f"serve {cell.metrics}")
    answer = cell.recorder.answer()
    if not answer.startswith("ok "):
        raise Failure(f"no server: {answer}")
    cell.recorder.ask("fork child 100", "ok 0")
    cell.expected["child"] = 100
    with urllib.request.urlopen(f"http://127.0.0.1:{answer.split()[1]}/metrics", timeout=BOUND) as scrape:
        if b'"child"' not in scrape.read():
            raise Failure("the parent's server does not show its child's series")


def execute(cell: Cell) -> None:
    cell.recorder.ask("exec", "ready", START)


def remove(cell: Cell) -> None:
    while cell.metrics.exists():
        # A recorder may create a file between the listing of a folder and its removal.
        shutil.rmtree(cell.metrics, ignore_errors=True)


def empty(cell: Cell) -> None:
    for file in (cell.metrics / "ictus").iterdir():
        with contextlib.suppress(FileNotFoundError):
            file.unlink()


def rename(cell: Cell) -> None:
    cell.metrics.rename(cell.parent / "old")


def fill(cell: Cell) -> None:
    with (cell.parent / "filler").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(1 << 16))
    with (cell.parent / "filler").open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(512))


def clear(cell: Cell) -> None:
    (cell.parent / "filler").unlink()


def forbid(cell: Cell) -> None:
    (cell.metrics / "ictus").chmod(0o500)
    cell.metrics.chmod(0o500)


def allow(cell: Cell) -> None:
    cell.metrics.chmod(0o700)
    (cell.metrics / "ictus").chmod(0o700)


def make_read_only(cell: Cell) -> None:
    subprocess.run(["mount", "--bind", cell.metrics, cell.metrics], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", cell.metrics], check=True)


def make_writable(cell: Cell) -> None:
    subprocess.run(["umount", "--lazy", cell.metrics], check=True)


def pid_of(cell: Cell) -> int:
    return cell.recorder.process.pid


def limit(kind: int, value: Callable[[Cell], int]) -> tuple[Callable[[Cell], None], Callable[[Cell], None]]:
    unlimited = resource.getrlimit(kind)[1]

    def begin(cell: Cell) -> None:
        resource.prlimit(pid_of(cell), kind, (value(cell), unlimited))

    def end(cell: Cell) -> None:
        resource.prlimit(pid_of(cell), kind, (unlimited, unlimited))

    return begin, end


def memory(of: str, more: int) -> Callable[[Cell], int]:
    def value(cell: Cell) -> int:
        status = Path(f"/proc/{pid_of(cell)}/status").read_text(encoding="utf-8")
        line = next(line for line in status.splitlines() if line.startswith(of))
        return int(line.split()[1]) * 1024 + more

    return value


def hold_lock(cell: Cell) -> None:
    cell.lock = os.open(cell.metrics / "ictus/lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(cell.lock, fcntl.LOCK_EX)


def release_lock(cell: Cell) -> None:
    os.close(cell.lock)


WITHOUT_PROC = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /proc && exec "$0" "$@"')
WITHOUT_BOOT_ID = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /proc/sys && exec "$0" "$@"')

FAULTS = [
    Fault("nothing"),
    Fault("all descriptors closed", host("close", lambda cell: cell.ledgers)),
    Fault("started without stdio", without_stdio=True),
    Fault("chdir", host("chdir", lambda cell: cell.ledgers), relative=True),
    Fault("daemonized twice", host("daemonize"), ends_threads=True),
    Fault("fork", child("fork")),
    Fault("fork with a server", fork_with_server),
    Fault("clone", child("clone")),
    Fault("exec", execute, ends_threads=True),
    Fault("directory removed", remove, forgets=True, stops_readers=True),
    Fault("directory emptied", empty, forgets=True),
    Fault("directory renamed", rename, forgets=True, stops_readers=True),
    Fault("EMFILE", host("hog"), host("unhog")),
    Fault("ENFILE", impossible="the limit is the whole machine's, and exempts root"),
    Fault("ENOSPC", fill, clear),
    Fault("EACCES", forbid, allow, stops_readers=True),
    Fault("EROFS", make_read_only, make_writable),
    Fault("RLIMIT_AS", *limit(resource.RLIMIT_AS, memory("VmSize", 8 << 20))),
    Fault("RLIMIT_DATA", *limit(resource.RLIMIT_DATA, memory("VmData", 1 << 20))),
    Fault("RLIMIT_FSIZE", *limit(resource.RLIMIT_FSIZE, lambda _: 4096)),
    Fault("RLIMIT_NOFILE", *limit(resource.RLIMIT_NOFILE, lambda _: 3)),
    Fault("mlockall", host("mlockall"), host("munlockall")),
    Fault("lock held", hold_lock, release_lock),
    Fault("no /proc", wrapper=WITHOUT_PROC),
    Fault("no boot id", wrapper=WITHOUT_BOOT_ID),
]


# Moments at which a fault begins and passes.


@contextlib.contextmanager
def during(cell: Cell) -> Iterator[None]:
    cell.fault.begin(cell)
    try:
        yield
    finally:
        cell.fault.end(cell)


def at_first(cell: Cell) -> None:
    with during(cell):
        cell.record()
        cell.grow(5)
    cell.record()
    cell.grow(5)


def before_growth(cell: Cell) -> None:
    cell.record()
    with during(cell):
        cell.record()
        cell.grow(200)
    cell.record()
    cell.grow(5)


def in_growth(cell: Cell) -> None:
    cell.record()
    cell.begin_churn()
    time.sleep(0.03)
    with during(cell):
        time.sleep(0.1)
    time.sleep(0.03)
    cell.end_churn()
    cell.record()


def with_a_reader(cell: Cell) -> None:
    cell.record()
    ended = threading.Event()
    failures: list[BaseException] = []

    def read() -> None:
        previous = 0
        try:
            while not ended.is_set():
                count = cell.seen().get("steady", (0, 0))[0]
                if count < previous and not cell.fault.forgets:
                    raise Failure(f"a reader saw {count} after {previous}")
                previous = count
        except Failure as failure:
            failures.append(failure)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        with during(cell):
            cell.record()
            cell.grow(50)
            time.sleep(0.05)
        cell.record()
    finally:
        ended.set()
        reader.join()
    if failures and not cell.fault.stops_readers:
        raise failures[0]


def while_retiring(cell: Cell) -> None:
    past = Recorder(cell)
    past.ask("record past 0 300")
    past.process.send_signal(signal.SIGKILL)
    past.close()
    cell.record()
    if not cell.fault.forgets:
        cell.expected["past"] = 300
    with during(cell):
        with contextlib.suppress(Failure):
            cell.seen()
        cell.record()
        cell.grow(20)


def at_drop(cell: Cell) -> None:
    cell.record()
    with during(cell):
        cell.grow(50)
    cell.recorder.ask("drop")


def at_exit(cell: Cell) -> None:
    cell.record()
    with during(cell):
        cell.grow(50)
    cell.recorder.ask("exit")
    with contextlib.suppress(subprocess.TimeoutExpired):
        cell.recorder.process.wait(BOUND)


MOMENTS: dict[str, Callable[[Cell], None]] = {
    "first observation": at_first,
    "before growth": before_growth,
    "during growth": in_growth,
    "with a reader": with_a_reader,
    "while retiring": while_retiring,
    "at drop": at_drop,
    "at exit": at_exit,
}


def run(fault: Fault, moment: str, language: str, where: Path) -> str | None:
    """Runs a cell; returns a description of the failure."""
    parent = Path(tempfile.mkdtemp(dir=where))
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", parent], check=True)
    for folder in ("host", "metrics"):
        (parent / folder).mkdir()
    cell = Cell(fault, moment, language, parent, Reader())
    cell.progress.write_bytes(bytes(8))
    try:
        cell.recorder = Recorder(cell)
        MOMENTS[moment](cell)
        cell.check()
    except Failure as failure:
        return str(failure)
    finally:
        if hasattr(cell, "recorder"):
            cell.recorder.close()
        cell.reader.close()
        subprocess.run(["umount", "--lazy", parent], check=False)
    return None


def main() -> int:
    parser = argparse.ArgumentParser(description="Faults of a host, at each moment, in each language.")
    parser.add_argument("languages", nargs="+", choices=sorted(FAMILY))
    parser.add_argument("--short", action="store_true", help="one moment for each fault and language")
    parser.add_argument("--alternate", action="store_true", help="each fault in one language, in turn")
    parser.add_argument("--only", action="append", default=[], help="cells whose names have this word")
    parser.add_argument("--table", action="store_true", help="print a table, as in docs/reliability.md")
    options = parser.parse_args()
    if os.geteuid() != 0:
        print("skipped: file systems of its own need root")
        return 0 if "CI" not in os.environ else 1
    if "FAULTS_UNSHARED" not in os.environ:
        # The mounts are private to this process, and end with it.
        os.environ["FAULTS_UNSHARED"] = "1"
        os.execvp("unshare", ["unshare", "--mount", sys.executable, *sys.argv])
    cells: list[tuple[Fault, str, str]] = []
    for row, fault in enumerate(FAULTS):
        for turn, language in enumerate(options.languages):
            for number, moment in enumerate(MOMENTS):
                name = f"{fault.name}, {moment}, {language}"
                # The short run tests each fault once in each language, and all moments in turn.
                is_chosen = not options.short or number == (row + 3 * turn) % len(MOMENTS)
                is_turn = not options.alternate or row % len(options.languages) == turn
                is_chosen = is_chosen and is_turn and not fault.impossible
                if is_chosen and all(word in name for word in options.only):
                    cells.append((fault, moment, language))
    with tempfile.TemporaryDirectory() as where, ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda cell: run(cell[0], cell[1], cell[2], Path(where)), cells))
    outcomes: dict[tuple[str, str], list[str]] = {}
    failed = 0
    for (fault, moment, language), wrong in zip(cells, results, strict=True):
        outcomes.setdefault((fault.name, moment), []).append("" if wrong is None else f" **{language}**")
        if wrong is not None:
            failed += 1
            print(f"FAILED {fault.name}, {moment}, {language}: {wrong}")
    if options.table:
        print(f"| | {' | '.join(MOMENTS)} |\n|---|{'---|' * len(MOMENTS)}")
        for fault in FAULTS:
            ran = (outcomes.get((fault.name, moment), []) for moment in MOMENTS)
            outcome = (f"{one.count('')} of {len(one)}{''.join(one)}" if one else "" for one in ran)
            if fault.impossible:
                outcome = (f"- ({fault.impossible})" if not n else "-" for n in range(len(MOMENTS)))
            print(f"| {fault.name} | {' | '.join(outcome)} |")
    print(f"{len(cells) - failed} of {len(cells)} cells hold")
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
