"""The rehearsal of a release finds packages that a registry would refuse."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from harness import TESTS

ROOT = TESTS.parents[1]


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    """The modules packages and release_check, which tests may change."""
    monkeypatch.syspath_prepend(str(ROOT / ".ci"))
    for name in ("packages", "release_check"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return importlib.import_module("packages"), importlib.import_module("release_check")


def test_pom_without_a_required_element_is_refused(scripts: tuple[Any, Any]) -> None:
    _, release_check = scripts
    pom = (ROOT / "bindings/java/pom.xml").read_text(encoding="utf-8")
    assert release_check.check_pom(pom) == []
    without = (
        pom.replace("<name>Apache-2.0</name>", "").replace("<scm>", "<other>").replace("</scm>", "</other>")
    )
    assert release_check.check_pom(without) == [
        "pom: there is no licenses/license/name",
        "pom: there is no scm/url",
    ]


@pytest.mark.skipif(sys.platform != "linux" or not shutil.which("cc"), reason="builds a library for Linux")
def test_library_that_exports_other_symbols_is_refused(scripts: tuple[Any, Any], tmp_path: Path) -> None:
    packages, _ = scripts
    source = tmp_path / "source.c"
    source.write_text("int ictus_fine(void) { return 0; }\n")
    library = tmp_path / "libictus.so"
    subprocess.run(["cc", "-shared", "-o", library, source], check=True)
    packages.check_library(library)
    source.write_text("int ictus_fine(void) { return 0; }\nint leaked(void) { return 0; }\n")
    subprocess.run(["cc", "-shared", "-o", library, source], check=True)
    with pytest.raises(SystemExit, match=r"exports leaked, not only ictus_\*"):
        packages.check_library(library)
    packages.MAX_SIZES[".so"] = library.stat().st_size - 1
    with pytest.raises(SystemExit, match="are allowed"):
        packages.check_library(library)


def test_module_without_a_library_is_refused(scripts: tuple[Any, Any], tmp_path: Path) -> None:
    packages, release_check = scripts
    release_check.DIST = tmp_path
    (tmp_path / "goproxy").mkdir()
    prefix = f"{packages.GO_MODULE}@v{packages.version()}"
    with zipfile.ZipFile(tmp_path / "goproxy/module.zip", "w") as archive:
        for name in (f"{prefix}/go.mod", f"{prefix}/README.md", f"{prefix}/lib/ictus.h", "outside"):
            archive.writestr(name, "")
    assert release_check.check_go() == [
        f"module.zip: outside is not below {prefix}/",
        "module.zip: there is no LICENSE",
        "module.zip: there is no libictus.a",
    ]


def test_missing_tool_fails_in_ci(scripts: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    packages, _ = scripts
    packages.TOOLS["go"] = ("a-tool-that-is-not-installed",)
    monkeypatch.setenv("CI", "false")
    assert not packages.has("go")
    assert packages.SKIPPED == {"go": "there is no a-tool-that-is-not-installed"}
    monkeypatch.setenv("CI", "true")
    with pytest.raises(SystemExit, match="go: there is no a-tool"):
        packages.has("go")
