"""Tests that the check of the language reports each kind of fault, and nothing in code."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from harness import TESTS

if TYPE_CHECKING:
    from pathlib import Path

ROOT = TESTS.parents[1]
LONG = "word " * 35 + "word."
CLEAN = f"""\
# A page

Run `{"x " * 20}` {"a " * 10}
and read [the page](https://example.com/{"x" * 120}).

```sh
whoever looks says {LONG} {"x" * 120}
```

    nobody {"x" * 120}

| {"x" * 90} | {"y" * 90} |
|---|---|
"""


def check(folder: Path, text: str, name: str = "page.md") -> tuple[int, list[str]]:
    """Returns the status and the faults of a file."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    command = [sys.executable, str(ROOT / ".ci" / "prose.py"), str(path)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert ran.stderr == ""
    return ran.returncode, [line.removeprefix(f"{name}:") for line in ran.stdout.splitlines()]


def test_code_tables_and_targets_of_links_are_not_checked(tmp_path: Path) -> None:
    assert check(tmp_path, CLEAN) == (0, [])


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (f"First.\n\n- {LONG}\n", "3: 36 words: "),
        (f"| a | {LONG} |\n", "1: 36 words: "),
        (f"First. {LONG.capitalize()}\nSecond.\n", "1: 36 words: "),
        ("The file\nsays so.\n", "1: speech: "),
        ("Readers are\nbeside writers.\n", "1: beside: "),
        ("## Look anew\n", "1: anew: "),
        ("Who waits? Whoever asks.\n", "1: who: "),
        ("What is over counts. What was lost stays.\n", "1: what: "),
        (f"{'x' * 101}\n", "1: columns: 101"),
    ],
)
def test_fault_is_reported_with_its_line(tmp_path: Path, text: str, fault: str) -> None:
    status, faults = check(tmp_path, text)
    assert status == 1
    assert any(line.startswith(fault) for line in faults), faults


SOURCES = {
    "a.rs": 'fn a() -> char { let _ = (r#"// nobody "#, "a // nobody", b\'"\'); \'"\' } // nobody\n',
    "a.c": 'char a[] = "/* nobody */", b = \'"\'; /* nobody */\n',
    "a.hpp": 'auto a = "\\"// nobody"; // nobody\n',
    "a.go": "var a, b = `// nobody\n`, '\"' // nobody\n",
    "A.java": 'String a = """\n  // nobody "quoted" """; // nobody\n',
    "A.cs": 'var a = @"C:\\" + """\n// nobody "quoted" """; /// <summary>nobody</summary>\n',
    "a.js": "const a = [`// nobody\n`, '// nobody', /[\"'/]\\/\\/ nobody/]; // nobody\n",
    "a.ts": "const a = 1 / 2, b = '\"'; /** nobody. */\n",
    "a.css": 'a::before { content: "/* nobody */"; } /* nobody */\n',
    "a.html": "<script>// nobody</script><p>nobody</p><!-- nobody -->\n",
    "a.toml": 'a = "# nobody"\nb = 1 # nobody\n',
    "a.yaml": "a: '# nobody'\nb: x#nobody # nobody\n",
    "a.rb": 'a = "#{b} # nobody" # nobody\n',
    "a.sh": 'echo "${a#nobody}" $# "# nobody" # nobody\n',
    "Makefile": "a: ## nobody\n",
    "Dockerfile": "# nobody\nRUN echo '# nobody'\n",
    "script": "#!/bin/sh\n# nobody\n",
    "a.py": "a = '# nobody'\nb = 1  # nobody\n",
}
"""In each language, one comment with a banned word, and the word in places that are no comments."""


@pytest.mark.parametrize("name", SOURCES)
def test_comments_of_every_language_are_checked_and_strings_are_not(tmp_path: Path, name: str) -> None:
    status, faults = check(tmp_path, SOURCES[name], name)
    assert status == 1
    assert [line.split(":")[1] for line in faults] == [" nobody"], faults


def test_comment_on_consecutive_lines_is_one_text(tmp_path: Path) -> None:
    text = "// The file\n// says so.\nint a; // The file\nint b; // says so.\n"
    _, faults = check(tmp_path, text, "a.c")
    assert [line.split(":")[:2] for line in faults] == [["1", " speech"], ["4", " speech"]]


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("a.rs", "/// Returns one\n#[must_use]\npub fn one() -> u8 { 1 }\n", 1),
        ("a.go", "// Returns one\nfunc One() int { return 1 }\n", 1),
        ("A.java", "class A {\n  /**\n   * Returns one\n   *\n   * <p>Of two.\n   */\n}\n", 2),
        ("a.d.ts", "/** Returns one */\nexport function one(): number;\n", 1),
        ("a.h", "/**\n * Returns one\n */\nint one(void);\n", 1),
        ("a.py", 'def one():\n    """Returns one"""\n', 1),
    ],
)
def test_summary_without_a_full_stop_is_a_fault(tmp_path: Path, name: str, text: str, line: int) -> None:
    assert check(tmp_path, text, name) == (1, [f"{line}: summary without a full stop: Returns one"])
    assert check(
        tmp_path, text.replace("one\n", "one.\n").replace("one */", "one. */").replace('one"', 'one."'), name
    ) == (0, [])


def test_comments_of_examples_are_checked(tmp_path: Path) -> None:
    status, faults = check(tmp_path, "key: value\n# Whoever reads\n# it is told so.\n", "example.yaml")
    assert status == 1
    assert [line.split(":")[1] for line in faults] == [" speech"]
