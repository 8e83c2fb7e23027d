#!/usr/bin/env python3
"""Rehearses a release: builds every package, checks the rules of its registry, and installs it.

    release_check.py LIBRARIES   LIBRARIES has a folder per platform, as for packages.py

At its end it lists each package with its size, and each skipped part with its reason.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

import packages
from packages import DIST, ROOT, SKIPPED, run, skip, version

TWINE = "6.2.0"
POM = "{http://maven.apache.org/POM/4.0.0}"
POM_ELEMENTS = ("name", "description", "url", "licenses/license/name", "developers/developer/name", "scm/url")
"""The elements that Maven Central requires of a published project."""
MAX_CRATE = 10_000_000
"""The bytes that crates.io accepts."""


def lacking(name: str, present: set[str], required: set[str]) -> list[str]:
    """Returns a fault for each required thing that a package lacks."""
    return [f"{name}: there is no {thing}" for thing in sorted(required - present)]


def check_go() -> list[str]:
    """Checks the content of the module's archive, as a module proxy serves it."""
    faults = []
    for path in DIST.glob("goproxy/**/*.zip"):
        prefix = f"{packages.GO_MODULE}@v{version()}/"
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
        faults += [
            f"{path.name}: {name} is not below {prefix}" for name in names if not name.startswith(prefix)
        ]
        files = {name.removeprefix(prefix) for name in names}
        libraries = {f"lib/{platform.go}/libictus.a" for platform in packages.PLATFORMS.values()} & files
        faults += lacking(path.name, files, {"go.mod", "LICENSE", "README.md", "lib/ictus.h"})
        faults += [] if libraries else [f"{path.name}: there is no libictus.a"]
    return faults


def check_javascript() -> list[str]:
    """Checks what npm would publish."""
    faults = []
    tarballs = sorted(DIST.glob("npm/*.tgz"))
    contents = {}
    for path in tarballs:
        with tarfile.open(path) as archive:
            files = {name.removeprefix("package/") for name in archive.getnames()}
            source = archive.extractfile("package/package.json")
            assert source is not None
            contents[path.name] = (json.load(source), files)
        listed = json.loads(run("npm", "pack", "--dry-run", "--json", "--loglevel=error", path))[0]
        if listed["version"] != version() or len(listed["files"]) != len(files):
            faults.append(f"{path.name}: npm pack lists {listed['name']} {listed['version']}")
    names = {manifest["name"] for manifest, _ in contents.values()}
    for name, (manifest, files) in contents.items():
        keys = {key for key, value in manifest.items() if value}
        faults += lacking(name, keys, {"name", "version", "description", "license", "repository"})
        faults += lacking(name, files, {"LICENSE", "README.md"})
        if "os" in manifest:
            library = any(re.fullmatch(r"libictus\.(so|dylib)", file) for file in files)
            faults += [] if library else [f"{name}: there is no libictus"]
        else:
            faults += lacking(name, names, set(manifest["optionalDependencies"]))
            exported = {target for entry in manifest["exports"].values() for target in entry.values()}
            faults += lacking(name, files, {target.removeprefix("./") for target in exported})
    return faults


def check_pom(text: str) -> list[str]:
    """Returns what Maven Central would refuse of a pom."""
    project = ElementTree.fromstring(text)
    paths = {element: POM + element.replace("/", f"/{POM}") for element in POM_ELEMENTS}
    return [f"pom: there is no {element}" for element, path in paths.items() if not project.findtext(path)]


def check_java() -> list[str]:
    """Checks the repository's files, the pom and the libraries in the jar."""
    faults = []
    folder = DIST / f"maven/io/ictus/ictus/{version()}"
    stem = f"ictus-{version()}"
    files = {path.name for path in folder.iterdir()}
    faults += lacking(
        "maven", files, {f"{stem}{end}" for end in (".jar", ".pom", "-sources.jar", "-javadoc.jar")}
    )
    faults += lacking("maven", files, {f"{name}.sha1" for name in files if not name.endswith(".sha1")})
    faults += check_pom((folder / f"{stem}.pom").read_text())
    with zipfile.ZipFile(folder / f"{stem}.jar") as jar:
        names = jar.namelist()
        faults += lacking("jar", set(names), {"META-INF/LICENSE", "META-INF/MANIFEST.MF"})
        libraries = [name for name in names if PurePosixPath(name).stem == "libictus" and "/native/" in name]
        libraries = [name for name in libraries if not name.endswith(".sha256")]
        faults += [] if libraries else ["jar: there is no libictus"]
        for name in libraries:
            digest = hashlib.sha256(jar.read(name)).hexdigest()
            if jar.read(f"{name}.sha256").decode().strip() != digest:
                faults.append(f"jar: the checksum of {name} is another")
    return faults


GEM = """
require 'json'
require 'rubygems/package'
spec = Gem::Package.new(ARGV[0]).spec
puts JSON.dump(name: spec.name, version: spec.version.to_s, license: spec.license, homepage: spec.homepage,
  summary: spec.summary, required_ruby_version: spec.required_ruby_version.to_s, metadata: spec.metadata,
  platform: spec.platform.to_s, files: spec.files)
"""


def check_ruby() -> list[str]:
    """Checks the specification in each gem."""
    faults = []
    for path in sorted(DIST.glob("gems/*.gem")):
        spec = json.loads(run("ruby", "-e", GEM, path))
        present = {key for key, value in spec.items() if value}
        faults += lacking(path.name, present, {"license", "homepage", "summary", "required_ruby_version"})
        faults += lacking(path.name, set(spec["files"]), {"LICENSE", "README.md"})
        native = [file for file in spec["files"] if file.startswith("lib/ictus/native/libictus.")]
        if len(native) != 1 or spec["platform"] == "ruby" or spec["version"] != version():
            faults.append(f"{path.name}: it has {native} for {spec['platform']}")
    return faults


def check_python() -> list[str]:
    """Checks the wheel and the source distribution as PyPI does."""
    paths = sorted(DIST.glob("python/*"))
    faults = lacking("python", {path.suffix for path in paths}, {".whl", ".gz"})
    tools = ROOT / "target/tools/twine"
    twine = tools / "bin/twine"
    if not twine.exists():
        run(sys.executable, "-m", "venv", tools)
        installed = subprocess.run(
            [tools / "bin/python", "-m", "pip", "-q", "install", f"twine=={TWINE}"], check=False
        )
        if installed.returncode != 0:
            skip("the metadata of python", "twine cannot be installed")
            return faults
    run(twine, "check", "--strict", *paths)
    return faults


def check_rust() -> list[str]:
    """Checks the crates, and what cargo would upload."""
    faults = []
    for path in sorted(DIST.glob("crates/*.crate")):
        if path.stat().st_size > MAX_CRATE:
            faults.append(f"{path.name}: it has {path.stat().st_size} bytes, and {MAX_CRATE} are allowed")
        with tarfile.open(path) as archive:
            source = archive.extractfile(f"{path.stem}/Cargo.toml")
            assert source is not None
            manifest = source.read().decode()
        keys = set(re.findall(r"^([a-z-]+) = ", manifest, re.MULTILINE))
        faults += lacking(path.name, keys, {"description", "license", "repository", "readme", "rust-version"})
    names = [part for name in packages.CRATES for part in ("--package", name)]
    flags = ("--quiet", "--dry-run", "--no-verify", "--locked", "--allow-dirty")
    run("cargo", "publish", *flags, *names, cwd=ROOT)
    return faults


def main() -> None:
    """Runs the rehearsal, and prints its table."""
    match sys.argv[1:]:
        case [libraries]:
            pass
        case _:
            sys.exit(__doc__)
    shutil.rmtree(ROOT / "target/package", ignore_errors=True)
    packages.build(Path(libraries).resolve(), [])
    built = [language for language in packages.TOOLS if language not in SKIPPED]
    faults = [fault for language in built for fault in globals()[f"check_{language}"]()]
    if faults:
        sys.exit("\n".join(faults))
    packages.test(built)
    print("\nartifact (all installed in an empty project where this platform can):")
    for path in packages.artifacts():
        print(f"{path.stat().st_size / 1e6:6.2f} MB  {path.relative_to(ROOT)}")
    print(f"built, checked and run: {', '.join(built)}")
    for part, reason in SKIPPED.items():
        print(f"skipped: {part}: {reason}")
    missing = [name for name in packages.PLATFORMS if not (Path(libraries) / name).is_dir()]
    if missing:
        print(f"no libraries of other platforms: {', '.join(missing)} (the release workflow builds them)")


if __name__ == "__main__":
    main()
