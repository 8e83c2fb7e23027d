"""Tests the check of commit messages, which contributors may install as a hook."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from harness import TESTS

if TYPE_CHECKING:
    from pathlib import Path

CHECK = TESTS.parents[1] / ".ci" / "commit-msg"
GOOD = """\
registry: refuse families with two labels of one name

Prometheus rejects such an exposition, so the error must come when the
family is registered.

    a line of code or of output may be longer than the others, for it cannot be wrapped
https://example.com/a/link/that/has/more/than/seventy-two/columns/in/one/line/of/the/body

# Please enter the commit message for your changes. Lines starting with '#' will be ignored by git.
"""


def check(folder: Path, message: str) -> tuple[int, str]:
    """Returns the status of the hook and its complaints."""
    file = folder / "COMMIT_EDITMSG"
    file.write_text(message, encoding="utf-8")
    done = subprocess.run([sys.executable, CHECK, file], capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    "message",
    [
        GOOD,
        "docs, tests: link the glossary\n",
        "py-binding/src: embed the stub\n",
        "Merge branch 'main'\n",
        'Revert "docs: link the glossary"\n',
        "fixup! docs: link the glossary\n",
    ],
)
def test_conforming_message_is_accepted(tmp_path: Path, message: str) -> None:
    assert check(tmp_path, message) == (0, "")


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        ("\n# only comments\n", "the message is empty"),
        ("Mend the reader\n", "the subject has no area"),
        (f"reader: {'x' * 65}\n", "the subject has 73 characters"),
        ("reader: fixed the window\n", "'fixed' is no imperative"),
        ("reader: Adds a window\n", "'Adds' is no imperative"),
        ("reader: mend the window.\n", "the subject ends with a period"),
        ("reader: mend the window\nat once\n", "the second line is not empty"),
        (f"reader: mend the window\n\n{'word ' * 15}\n", "line 3 has 74 columns"),
    ],
)
def test_fault_of_a_message_is_reported_with_its_remedy(tmp_path: Path, message: str, fault: str) -> None:
    status, complaints = check(tmp_path, message)
    assert status == 1
    assert fault in complaints
    assert ": " in complaints.split(fault, 1)[1]


def test_messages_of_existing_commits_are_checked(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        names = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
        subprocess.run(["git", *names, *arguments], cwd=tmp_path, check=True, capture_output=True)

    git("init", "--quiet")
    for message in ("reader: mend the window", "Mend it"):
        git("commit", "--quiet", "--allow-empty", "--message", message)
    command: list[str | Path] = [sys.executable, CHECK, "--log", "HEAD"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "the subject has no area" in done.stderr
