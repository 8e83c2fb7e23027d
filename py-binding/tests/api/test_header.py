"""Tests that the C header describes each function: its purpose, ownership and errors."""

from __future__ import annotations

import re

from harness import TESTS

HEADER = (TESTS.parents[1] / "include" / "ictus.h").read_text(encoding="utf-8")
FUNCTION = re.compile(r"/\*\*\n((?: \*.*\n)+) \*/\n((?:[\w *]+ \**)(ictus_\w+)\((?:[^()]|\([^()]*\))*\));")
CREATES = re.compile(r"_(new|new_with|open|open_with|start)$")
NO_ERRORS = {"ictus_counter_inc", "ictus_timer_observe_since", "ictus_local_timer_observe_since"}
"""Functions whose only error is NULL, of which the head of the header speaks."""


def functions() -> dict[str, tuple[str, str]]:
    """Returns the comment and the declaration of each function."""
    result = {}
    for comment, declaration, name in FUNCTION.findall(HEADER):
        text = " ".join(line.removeprefix(" *").strip() for line in comment.splitlines())
        result[name] = (text.strip(), declaration)
    return result


def test_every_function_is_documented() -> None:
    declared = set(re.findall(r"^[\w *]+?\b(ictus_\w+)\(", HEADER, re.MULTILINE))
    documented = functions()
    assert len(declared) > 50
    assert declared == documented.keys()
    for name, (text, _) in documented.items():
        # The third person: "Creates a snapshot."
        assert re.match(r"[A-Z][a-z]+s\b", text), (name, text)
        assert text.endswith("."), (name, text)


def test_functions_that_create_objects_name_the_function_that_frees_them() -> None:
    creators = {name: text for name, (text, _) in functions().items() if CREATES.search(name)}
    assert len(creators) > 10
    for name, text in creators.items():
        assert re.search(r"`ictus_\w+_(free|stop)`", text), (name, text)


def test_functions_that_can_fail_name_their_errors() -> None:
    for name, (text, declaration) in functions().items():
        takes_values = re.search(r"ictus_str|double|uint|size_t|int ", declaration)
        if declaration.startswith("ictus_status") and takes_values and name not in NO_ERRORS:
            leads = re.search(r"`ICTUS_STATUS_\w+`|as `ictus_\w+` does", text)
            assert leads, (name, text, declaration)


def test_named_functions_and_statuses_exist() -> None:
    named = set(re.findall(r"`(ictus_\w+)`", HEADER)) | set(re.findall(r"`(ICTUS_[A-Z_]+)`", HEADER))
    for name in named:
        assert re.search(rf"\b{name}\b(?!`)", HEADER), name
