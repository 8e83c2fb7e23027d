"""The package as others see it: types, interpreters, start."""

from __future__ import annotations

import importlib.metadata
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
README = FOLDER.parents[1] / "README.md"


def run(*command: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)


def test_stubs_describe_the_native_module() -> None:
    allowed = FOLDER / "stubtest-allowlist.txt"
    checked = run(sys.executable, "-m", "mypy.stubtest", "--allowlist", allowed, "ictus._core")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_pyright_reports_nothing_in_strict_mode(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text((FOLDER / "typed.py").read_text(encoding="utf-8"), encoding="utf-8")
    settings = {"typeCheckingMode": "strict", "include": ["program.py"], "pythonVersion": "3.10"}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    checked = run(
        sys.executable, "-m", "pyright", "--project", tmp_path, "--pythonpath", sys.executable, "--outputjson"
    )
    diagnostics = json.loads(checked.stdout)["generalDiagnostics"]
    lines = program.read_text(encoding="utf-8").splitlines()
    wrong = {number for number, line in enumerate(lines) if line.endswith("# is refused")}
    assert wrong
    assert {one["range"]["start"]["line"] for one in diagnostics} == wrong, diagnostics


def test_an_import_loads_no_native_module() -> None:
    # Missing dependencies cannot stop a program that only imports the package. With the hook enabled,
    # the start of the interpreter does not wait for them.
    program = "import sys, ictus; print(sorted(name for name in sys.modules if name.startswith('ictus')))"
    assert run(sys.executable, "-c", program).stdout in ("['ictus']\n", "['ictus', 'ictus.hook']\n")


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="the module is named otherwise there")
def test_sub_interpreters_are_refused_with_a_clear_error() -> None:
    program = (
        "import _xxsubinterpreters as inner, ictus\n"
        "ictus.Registry()\n"
        "made = inner.create()\n"
        f"inner.run_string(made, {'import sys; sys.path[:0] = ' + repr(sys.path)!r})\n"
        "inner.run_string(made, 'import ictus; ictus.Registry')\n"
    )
    refused = run(sys.executable, "-c", program)
    assert refused.returncode == 1
    assert "ictus cannot be loaded in a subinterpreter: import it in the main one" in refused.stderr.replace(
        "main interpreter", "main one"
    )


def test_help_lists_the_public_names() -> None:
    import ictus  # noqa: PLC0415

    for name in ictus.__all__:
        thing = getattr(ictus, name)
        assert thing.__doc__, name
    for name in ("labels", "remove", "observe", "time"):
        assert getattr(ictus.Timer, name).__doc__, name
    assert Path(ictus.__file__).with_name("py.typed").exists()


def test_description_of_the_package_is_its_readme() -> None:
    about = importlib.metadata.metadata("ictus")
    text = README.read_text(encoding="utf-8")
    assert about["Description-Content-Type"].startswith("text/markdown")
    metadata = importlib.metadata.distribution("ictus").read_text("METADATA") or ""
    _, _, description = metadata.partition("\n\n")
    assert description.strip() == text.strip()
    # Links of a description have no page that they could be relative to.
    assert all(target.startswith("https://") for target in re.findall(r"\]\(([^)]*)\)", text))
    assert f"pip install {about['Name']}\n" in text
    urls = dict(url.split(", ") for url in about.get_all("Project-URL") or [])
    assert {"Source", "Documentation", "Changelog", "Issues"} <= urls.keys()
    this_python = f"Programming Language :: Python :: {sys.version_info[0]}.{sys.version_info[1]}"
    assert this_python in (about.get_all("Classifier") or [])


def test_program_of_the_readme_prints_a_percentile(tmp_path: Path) -> None:
    text = README.read_text(encoding="utf-8")
    [program] = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    program, directories = re.subn(r'"/var/lib/[^"]*"', repr(str(tmp_path)), program)
    assert directories == 1
    assert run(sys.executable, "-c", program).stdout == "p99: 0.098\n"
