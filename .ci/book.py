#!/usr/bin/env python3
"""Builds docs/ as a site into target/book/site with mdBook, and checks every link of the site.

The pages and all linked files outside of docs/ are copied to the same relative places, so that a link
has the same target on the site and in the sources. `--check` only checks the links of the sources.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = ROOT / "target" / "book" / "pages"
SITE = ROOT / "target" / "book" / "site"
OTHER_PAGES = {
    "Architecture": "ARCHITECTURE.md",
    "Contributing": "CONTRIBUTING.md",
    "Changelog": "CHANGELOG.md",
    "Security": "SECURITY.md",
    "Measurements": "benches/RESULTS.md",
    "Fuzzing": "fuzz/README.md",
}
"""Pages outside of docs/ that are part of the site."""
LINK = re.compile(r"(?<!`)\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def sources() -> list[Path]:
    """Returns all pages of the documentation."""
    return sorted({*DOCS.rglob("*.md"), *ROOT.glob("*.md"), *(ROOT / path for path in OTHER_PAGES.values())})


def anchors(page: Path) -> set[str]:
    """Returns the anchors of a page's headings, as GitHub and mdBook create them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "") for heading in headings)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in plain}


def links(page: Path) -> list[tuple[str, Path, str]]:
    """Returns links to places in the project: the link as written, the file, the anchor."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    result = []
    for link in LINK.findall(text):
        parts = urlsplit(link)
        if not parts.scheme:
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            result.append((link, target, parts.fragment))
    return result


def faults_of_sources() -> list[str]:
    """Returns links of the sources without a target, and pages that the table of contents lacks."""
    faults = []
    for page in sources():
        for link, target, anchor in links(page):
            if not target.exists():
                faults.append(f"{page.relative_to(ROOT)}: {link} is not there")
            elif anchor and target.suffix == ".md" and anchor not in anchors(target):
                faults.append(f"{page.relative_to(ROOT)}: {link} has no such heading")
    listed = {target for _, target, _ in links(DOCS / "SUMMARY.md")}
    pages = set(DOCS.rglob("*.md")) - {DOCS / "SUMMARY.md"}
    return faults + [f"{page.relative_to(ROOT)} is not in SUMMARY.md" for page in sorted(pages - listed)]


def copy() -> None:
    """Copies the pages, and every file that they link to."""
    shutil.rmtree(PAGES, ignore_errors=True)
    shutil.copytree(DOCS, PAGES / "docs")
    for path in OTHER_PAGES.values():
        (PAGES / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, PAGES / path)
    for page in sorted(PAGES.rglob("*.md")):
        source = ROOT / page.relative_to(PAGES)
        for link, target, _ in links(source):
            destination = PAGES / target.relative_to(ROOT)
            if target.is_dir():
                # The site cannot show folders.
                text = page.read_text(encoding="utf-8")
                page.write_text(re.sub(rf"\[([^\]]*)\]\({re.escape(link)}\)", r"\1", text), encoding="utf-8")
            elif not destination.exists():
                destination.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(target, destination)
    contents = (DOCS / "SUMMARY.md").read_text(encoding="utf-8").replace("](", "](docs/")
    other_pages = "".join(f"- [{title}]({path})\n" for title, path in OTHER_PAGES.items())
    (PAGES / "SUMMARY.md").write_text(f"{contents}\n# Work on it\n\n{other_pages}", encoding="utf-8")
    (PAGES / "docs" / "SUMMARY.md").unlink()


def first_page() -> None:
    """Redirects the site's root to the first page, because mdBook's copy there has links of another place."""
    (SITE / "index.html").write_text(
        '<!doctype html><meta charset="utf-8"><title>Ictus</title>'
        '<meta http-equiv="refresh" content="0; url=docs/README.html"><a href="docs/README.html">Ictus</a>\n',
        encoding="utf-8",
    )


class Page(HTMLParser):
    """The links and the anchors of a page of the site."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collects the targets and the anchors of a tag."""
        for name, value in attrs:
            if value and name == "id":
                self.anchors.add(value)
            elif value and ((tag == "a" and name == "href") or name == "src"):
                self.links.add(value)


def faults_of_site() -> list[str]:
    """Returns links of the site without a target."""
    read = {path: Page(path.read_text(encoding="utf-8")) for path in SITE.rglob("*.html")}
    faults = []
    for path, page in read.items():
        # print.html contains all pages with their original links; 404.html and toc.html have links
        # relative to the root.
        if path.name in {"print.html", "404.html", "toc.html"}:
            continue
        # A template of another program, which is copied as it is.
        if (ROOT / path.relative_to(SITE)).exists():
            continue
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            anchor = unquote(parts.fragment)
            if not target.exists() or (anchor and target in read and anchor not in read[target].anchors):
                faults.append(f"{path.relative_to(SITE)}: {link} leads nowhere")
    return faults


def main() -> int:
    """Runs the command line; returns the exit status."""
    faults = faults_of_sources()
    if "--check" not in sys.argv[1:] and not faults:
        copy()
        subprocess.run(["mdbook", "build"], cwd=ROOT, check=True)
        first_page()
        faults = faults_of_site()
        print(f"the site is in {SITE.relative_to(ROOT)}: {len(list(SITE.rglob('*.html')))} pages")
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
