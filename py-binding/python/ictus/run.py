"""``ictus run``: runs an unchanged Python program whose metrics Ictus records."""

from __future__ import annotations

import os
import shutil
import site
import sys
import textwrap
from pathlib import Path

from ictus import hook

PURPOSE = "Run a Python program whose Conductor workers record with Ictus"
USAGE = (
    "ictus run SCRIPT [ARGUMENT]...",
    "ictus run -m MODULE [ARGUMENT]...",
    "ictus run [PYTHON OPTION]... (SCRIPT | -m MODULE | -c CODE | -) [ARGUMENT]...",
)
EFFECT = (
    "Replaces this process with `python` and these arguments, and sets ICTUS_CONDUCTOR=1 in its environment."
)
EXAMPLES = (
    ("Run a worker of conductor-python with Ictus:", "ictus run worker.py"),
    ("Run a module:", "ictus run -m package.module"),
)
MAX_COLUMNS = 100
"""Maximum width of help, as that of the other actions."""


def main(arguments: list[str]) -> int:
    """Replaces this process with ``python`` and the arguments. Returns only if that fails."""
    if arguments[:1] in (["-h"], ["--help"]):
        print(help_text())
        return 0
    if not arguments:
        print(help_text(), file=sys.stderr)
        return 2
    flags = _interpreter_options()
    environment = dict(os.environ) | {hook.ACTIVATE: "1"}
    if sys.flags.ignore_environment or _ignores_environment(arguments):
        flags += ["-X", hook.OPTION]
    if not _finds_pth_file():
        _add_sitecustomize(environment)
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execve(sys.executable, [sys.executable, *flags, *arguments], environment)
    except OSError as refused:
        print(f"ictus: cannot start {sys.executable!r}: {refused.strerror}", file=sys.stderr)
    return 1


def help_text() -> str:
    """Returns the help, wrapped at the width of the terminal."""
    width = min(shutil.get_terminal_size((MAX_COLUMNS, 24)).columns, MAX_COLUMNS)
    label = "Usage: "
    usage = (
        textwrap.fill(
            line,
            width,
            initial_indent=label if number == 0 else " " * len(label),
            subsequent_indent=" " * (len(label) + 4),
            break_long_words=False,
            break_on_hyphens=False,
        )
        for number, line in enumerate(USAGE)
    )
    purpose, effect = (textwrap.fill(text, width, break_long_words=False) for text in (PURPOSE, EFFECT))
    examples = (
        f"{textwrap.fill(task, width, initial_indent='  ', subsequent_indent='  ')}\n      {command}"
        for task, command in EXAMPLES
    )
    return "\n".join((purpose, "", *usage, "", effect, "", "Examples:", *examples))


def _interpreter_options() -> list[str]:
    """Returns the options of this interpreter, which precede the file or ``-m ictus``."""
    options = sys.orig_argv[1 : len(sys.orig_argv) - len(sys.argv)]
    if options and not options[-1].startswith("--") and options[-1].endswith("m"):
        options[-1] = options[-1][:-1]
    return [option for option in options if option != "-"]


def _ignores_environment(arguments: list[str]) -> bool:
    """Returns whether Python's options among the arguments contain ``-E`` or ``-I``."""
    takes_value = {"-W", "-X", "--check-hash-based-pycs"}
    position = 0
    while position < len(arguments):
        option = arguments[position]
        if not option.startswith("-") or option == "-":
            return False
        letters = option[1:].partition("c")[0].partition("m")[0]
        if not option.startswith(("--", "-W", "-X")) and set("EI").intersection(letters):
            return True
        if not option.startswith("--") and letters != option[1:] and not option.startswith(("-W", "-X")):
            return False
        position += 2 if option in takes_value else 1
    return False


def _finds_pth_file() -> bool:
    """Returns whether interpreters find the ``.pth`` file of this installation."""
    folders = [*site.getsitepackages(), *([site.getusersitepackages()] if site.ENABLE_USER_SITE else [])]
    return any(Path(folder, "ictus.pth").exists() for folder in folders)


def _add_sitecustomize(environment: dict[str, str]) -> None:
    """Adds the folder of ``sitecustomize`` to the path, for installations outside of a site directory."""
    package = Path(__file__).parent
    paths = [str(package / "_site"), str(package.parent), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
