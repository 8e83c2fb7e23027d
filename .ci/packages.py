#!/usr/bin/env python3
"""Builds the packages of the other languages, with the native library inside, and tries them.

    packages.py check             versions and the owner's name are the same in all manifests
    packages.py set               writes the version of Cargo.toml into all manifests
    packages.py build LIBRARIES   packages into dist/packages; LIBRARIES has a folder per platform,
                                  each with libictus.so (or .dylib) and libictus.a
    packages.py test [LANGUAGE…]  installs these packages into empty projects, without Rust, and runs
                                  the program of each README

The languages are Go, Java, JavaScript and Ruby. If the tools of a language are missing, the language
is skipped with a message; with CI=true that is a failure.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
BINDINGS = ROOT / "bindings"
DIST = ROOT / "dist" / "packages"

ORG = "conductor-oss"
"""The owner of the repository on GitHub, and of the scope on npm. Manifests and imports repeat it."""
GO_MODULE = f"github.com/{ORG}/ictus/bindings/go"
NPM_PACKAGE = f"@{ORG}/ictus"
OLDEST_GO = "1.22.12"
"""The newest release of the version that go.mod names."""
MAX_SIZES = {".so": 3_000_000, ".dylib": 3_000_000, ".a": 8_000_000}
"""The bytes of a library. Half of the code is the core's, of which most is optimized for speed."""
EXPECTED = re.compile(r"p99: 0\.099")
"""The output of the program of each README: a quantile of 0.001, 0.002, …, 0.1."""


class Platform(NamedTuple):
    """The names of one platform."""

    go: str
    node: tuple[str, str]
    java: str
    gem: str


PLATFORMS = {
    "linux-x86_64": Platform("linux_amd64", ("linux", "x64"), "linux-x86_64", "x86_64-linux"),
    "linux-aarch64": Platform("linux_arm64", ("linux", "arm64"), "linux-aarch64", "aarch64-linux"),
    "macos-x86_64": Platform("darwin_amd64", ("darwin", "x64"), "macos-x86_64", "x86_64-darwin"),
    "macos-aarch64": Platform("darwin_arm64", ("darwin", "arm64"), "macos-aarch64", "arm64-darwin"),
}
VERSIONS = {
    "bindings/javascript/package.json": r'^  "version": "(.*)"',
    "bindings/javascript/package-lock.json": rf'"name": "{NPM_PACKAGE}",\s+"version": "(.*)"',
    "bindings/java/pom.xml": r"<artifactId>ictus</artifactId>\s+<version>(.*)</version>",
    "bindings/java/README.md": r"<artifactId>ictus</artifactId>\s+<version>(.*)</version>",
    "bindings/ruby/lib/ictus/version.rb": r"VERSION = '(.*)'",
}
"""Where a manifest has its version. Go reads it from the tag."""


def version() -> str:
    """Returns the version of Cargo.toml."""
    found = re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)
    assert found, "Cargo.toml has no version"
    return found.group(1)


def check() -> list[str]:
    """Returns the manifests that differ from Cargo.toml or ORG."""
    faults = []
    for name, pattern in VERSIONS.items():
        found = re.findall(pattern, (ROOT / name).read_text(), re.MULTILINE)
        if not found or set(found) != {version()}:
            faults.append(f"{name}: the version is {found}, not {version()}: run .ci/packages.py set")
    listed = subprocess.run(
        ["git", "ls-files", "bindings"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    for name in listed.stdout.split():
        if (ROOT / name).is_file():
            owners = set(re.findall(r"(?:github\.com/|@)([\w-]+)/ictus\b", (ROOT / name).read_text()))
            faults += [f"{name}: the owner is {owner}, not {ORG}" for owner in sorted(owners - {ORG})]
    if f"\ngo {OLDEST_GO.rsplit('.', 1)[0]}\n" not in (BINDINGS / "go/go.mod").read_text():
        faults.append(f"bindings/go/go.mod: the version of Go is not that of OLDEST_GO, {OLDEST_GO}")
    return faults


def set_versions() -> None:
    """Writes the version of Cargo.toml into the manifests."""
    for name, pattern in VERSIONS.items():
        text = (ROOT / name).read_text()
        for found in reversed(list(re.finditer(pattern, text, re.MULTILINE))):
            text = text[: found.start(1)] + version() + text[found.end(1) :]
        (ROOT / name).write_text(text)


def run(*command: str | Path, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    """Runs a command, which must succeed; returns its output."""
    ran = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if ran.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: status {ran.returncode}\n{ran.stdout}")
    return ran.stdout


def has(language: str, *tools: str) -> bool:
    """Returns whether the tools of a language are installed."""
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if not missing:
        return True
    message = f"{language}: there is no {missing[0]}"
    if os.environ.get("CI") == "true":
        sys.exit(message)
    print(f"SKIPPED: {message}")
    return False


def tracked(folder: Path) -> list[Path]:
    """Returns the files of a folder that belong to the project, relative to it."""
    listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard", ".", cwd=folder)
    return [Path(name) for name in listed.splitlines() if (folder / name).is_file()]


def copy(folder: Path, to: Path) -> None:
    """Copies the project's files of a folder."""
    for name in tracked(folder):
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(folder / name, to / name)


def shared(folder: Path) -> Path:
    """Returns the shared library in a folder."""
    return next(path for path in sorted(folder.iterdir()) if path.suffix in {".so", ".dylib"})


def build_go(libraries: dict[str, Path], stage: Path) -> None:
    """Builds a module, in the layout of a module proxy."""
    copy(BINDINGS / "go", stage)
    (stage / "lib").mkdir()
    shutil.copy2(ROOT / "include/ictus.h", stage / "lib/ictus.h")
    for name, folder in libraries.items():
        to = stage / "lib" / PLATFORMS[name].go
        to.mkdir()
        shutil.copy2(folder / "libictus.a", to)
    proxy = DIST / "goproxy" / GO_MODULE / "@v"
    proxy.mkdir(parents=True)
    tag = f"v{version()}"
    (proxy / "list").write_text(f"{tag}\n")
    (proxy / f"{tag}.info").write_text(json.dumps({"Version": tag}) + "\n")
    shutil.copy2(stage / "go.mod", proxy / f"{tag}.mod")
    with zipfile.ZipFile(proxy / f"{tag}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(stage.rglob("*")):
            if path.is_file():
                archive.write(path, f"{GO_MODULE}@{tag}/{path.relative_to(stage)}")


def build_javascript(libraries: dict[str, Path], stage: Path) -> None:
    """Builds the package, and an optional package per platform with the library."""
    copy(BINDINGS / "javascript", stage / "main")
    manifest = json.loads((stage / "main/package.json").read_text())
    manifest["optionalDependencies"] = {}
    for name, folder in libraries.items():
        system, processor = PLATFORMS[name].node
        package = f"{NPM_PACKAGE}-{system}-{processor}"
        manifest["optionalDependencies"][package] = version()
        to = stage / name
        to.mkdir()
        shutil.copy2(shared(folder), to)
        shutil.copy2(ROOT / "LICENSE", to)
        shutil.copy2(ROOT / "THIRD-PARTY-NOTICES.txt", to)
        (to / "README.md").write_text(f"The native library of `{NPM_PACKAGE}` for {system}-{processor}.\n")
        own = {key: manifest[key] for key in ("version", "license", "repository", "publishConfig")}
        own |= {"name": package, "description": f"The native library of {NPM_PACKAGE}"}
        own |= {"os": [system], "cpu": [processor]} | ({"libc": ["glibc"]} if system == "linux" else {})
        (to / "package.json").write_text(json.dumps(own, indent=2) + "\n")
    for key in ("devDependencies", "scripts"):
        manifest.pop(key)
    (stage / "main/package.json").write_text(json.dumps(manifest, indent=2) + "\n")
    npm = DIST / "npm"
    npm.mkdir()
    for folder in sorted(stage.iterdir()):
        run("npm", "pack", "--silent", "--pack-destination", npm, cwd=folder)


def newest_java() -> str | None:
    """Returns the home of a Java that compiles the foreign function interface too."""
    homes = [Path(os.environ["JAVA_HOME"])] if "JAVA_HOME" in os.environ else []
    for home in [*homes, *sorted(Path("/usr/lib/jvm").glob("*"))]:
        compiler = home / "bin/javac"
        if not compiler.exists():
            continue
        found = re.search(r"javac (\d+)", run(compiler, "-version"))
        if found and int(found.group(1)) >= 22:
            return str(home)
    return None


def build_java(libraries: dict[str, Path], stage: Path) -> None:
    """Builds the jar, in the layout of a Maven repository."""
    copy(BINDINGS / "java", stage)
    native = stage / "native"
    for name, folder in libraries.items():
        to = native / "native" / PLATFORMS[name].java
        to.mkdir(parents=True)
        library = to / shared(folder).name
        shutil.copy2(shared(folder), library)
        digest = hashlib.sha256(library.read_bytes()).hexdigest()
        library.with_name(f"{library.name}.sha256").write_text(f"{digest}\n")
    home = newest_java()
    if home is None:
        if os.environ.get("CI") == "true":
            sys.exit("Java: there is no Java 22 or newer")
        print("Java: there is no Java 22 or newer, so the jar records through JNA only")
    env = os.environ | ({"JAVA_HOME": home} if home else {})
    run(
        "mvn", "-q", "-B", "package", "-Dmaven.test.skip=true", f"-Dictus.native={native}", cwd=stage, env=env
    )
    repository = DIST / "maven/io/ictus/ictus" / version()
    repository.mkdir(parents=True)
    shutil.copy2(stage / f"target/ictus-{version()}.jar", repository)
    shutil.copy2(stage / "pom.xml", repository / f"ictus-{version()}.pom")
    with zipfile.ZipFile(repository / f"ictus-{version()}-sources.jar", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted((stage / "src/main/java").rglob("*.java")):
            archive.write(path, path.relative_to(stage / "src/main/java"))
    for path in sorted(repository.iterdir()):
        digest = hashlib.sha1(path.read_bytes(), usedforsecurity=False).hexdigest()
        path.with_name(f"{path.name}.sha1").write_text(digest)


def build_ruby(libraries: dict[str, Path], stage: Path) -> None:
    """Builds a gem per platform."""
    gems = DIST / "gems"
    gems.mkdir()
    for name, folder in libraries.items():
        platform = PLATFORMS[name].gem
        copy(BINDINGS / "ruby", stage / name)
        (stage / name / "lib/ictus/native").mkdir()
        shutil.copy2(shared(folder), stage / name / "lib/ictus/native")
        output = gems / f"ictus-{version()}-{platform}.gem"
        env = os.environ | {"ICTUS_GEM_PLATFORM": platform}
        run(
            "gem",
            "build",
            "--quiet",
            "--strict",
            "--output",
            output,
            "ictus.gemspec",
            cwd=stage / name,
            env=env,
        )


TOOLS = {"go": ("go", "gcc"), "javascript": ("node", "npm"), "java": ("java", "mvn"), "ruby": ("ruby", "gem")}


def build(libraries: Path) -> None:
    """Builds the packages of all languages into DIST."""
    shutil.rmtree(DIST, ignore_errors=True)
    DIST.mkdir(parents=True)
    found = {name: libraries / name for name in PLATFORMS if (libraries / name).is_dir()}
    if not found:
        sys.exit(f"{libraries} has no folder {' or '.join(PLATFORMS)}: run .ci/native.sh {libraries}")
    for path in [path for folder in found.values() for path in sorted(folder.iterdir())]:
        limit = MAX_SIZES.get(path.suffix)
        if limit is not None and path.stat().st_size > limit:
            sys.exit(f"{path} has {path.stat().st_size} bytes, and {limit} are allowed: see .ci/native.sh")
    for language, tools in TOOLS.items():
        if has(language, *tools):
            with tempfile.TemporaryDirectory() as stage:
                globals()[f"build_{language}"](found, Path(stage))
    for path in sorted(DIST.rglob("*")):
        if path.suffix in {".zip", ".tgz", ".jar", ".gem"}:
            print(f"{path.stat().st_size / 1e6:6.2f} MB  {path.relative_to(ROOT)}")


def block(language: str, fence: str) -> str:
    """Returns the first block of a language's README with a fence."""
    text = (BINDINGS / language / "README.md").read_text()
    found = re.search(rf"^```{fence}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert found, (language, fence)
    return found.group(1)


def environment() -> dict[str, str]:
    """Returns an environment without Rust and without an installed libictus."""
    folders = [
        folder
        for folder in os.environ["PATH"].split(os.pathsep)
        if not any((Path(folder) / tool).exists() for tool in ("cargo", "rustc"))
    ]
    env = {name: os.environ[name] for name in ("HOME", "LANG", "JAVA_HOME", "TMPDIR") if name in os.environ}
    return env | {"PATH": os.pathsep.join(folders)}


def program(language: str, fence: str, project: Path) -> str:
    """Returns the program of a README, with a directory of the test."""
    return block(language, fence).replace("/var/lib/app/metrics", str(project / "metrics"))


def test_go(project: Path) -> str:
    """Runs `go get` of the README with the oldest Go, and the program."""
    oldest = os.environ | {"GOTOOLCHAIN": f"go{OLDEST_GO}"}
    run("go", "version", env=oldest)  # Downloads it, and says so.
    root = run("go", "env", "GOROOT", env=oldest).strip()
    downloads = Path(run("go", "env", "GOMODCACHE").strip()) / "cache/download"
    env = environment() | {
        "GOTOOLCHAIN": "local",
        "GOPROXY": f"file://{DIST / 'goproxy'},file://{downloads},https://proxy.golang.org",
        "GONOSUMDB": f"github.com/{ORG}",
        "GOMODCACHE": str(project / "modules"),
        "GOFLAGS": "-modcacherw",
    }
    env["PATH"] = f"{root}/bin{os.pathsep}{env['PATH']}"
    (project / "main.go").write_text(program("go", "go", project))
    run("go", "mod", "init", "example.com/program", cwd=project, env=env)
    run("sh", "-ec", block("go", "sh"), cwd=project, env=env)
    return run("go", "run", ".", cwd=project, env=env)


def test_javascript(project: Path) -> str:
    """Installs the packages for this platform, and runs the program."""
    assert block("javascript", "sh") == f"npm install {NPM_PACKAGE}\n"
    env = environment()
    (project / "package.json").write_text('{"type": "module", "private": true}\n')
    (project / "program.js").write_text(program("javascript", "js", project))
    system, processor = run("node", "-p", "`${process.platform} ${process.arch}`").split()
    stem = NPM_PACKAGE.removeprefix("@").replace("/", "-")
    names = [f"{stem}-{version()}.tgz", f"{stem}-{system}-{processor}-{version()}.tgz"]
    flags = ("--no-audit", "--no-fund", "--loglevel=error")
    run("npm", "install", *flags, *[DIST / "npm" / name for name in names], cwd=project, env=env)
    return run("node", "program.js", cwd=project, env=env)


POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>example</groupId>
  <artifactId>program</artifactId>
  <version>1</version>
  <repositories><repository><id>dist</id><url>file://{dist}</url></repository></repositories>
  <dependencies>{dependency}</dependencies>
</project>
"""


def test_java(project: Path) -> str:
    """Resolves the README's dependency from the repository in DIST, and runs the program."""
    env = environment()
    # Maven reuses a version that it has installed once.
    shutil.rmtree(Path.home() / ".m2/repository/io/ictus", ignore_errors=True)
    (project / "pom.xml").write_text(POM.format(dist=DIST / "maven", dependency=block("java", "xml")))
    (project / "Program.java").write_text(program("java", "java", project))
    plugin = "org.apache.maven.plugins:maven-dependency-plugin:build-classpath"
    run("mvn", "-q", "-B", plugin, f"-Dmdep.outputFile={project / 'classpath'}", cwd=project, env=env)
    classpath = (project / "classpath").read_text()
    return run("java", "-cp", classpath, "Program.java", cwd=project, env=env)


def test_ruby(project: Path) -> str:
    """Installs the gem for this platform, and runs the program."""
    home = project / "gems"
    default = run("ruby", "-e", "puts Gem.path.join(':')").strip()
    env = environment() | {"GEM_HOME": str(home), "GEM_PATH": f"{home}:{default}"}
    (project / "program.rb").write_text(program("ruby", "ruby", project))
    assert block("ruby", "sh") == "gem install ictus\n"
    gem = f"ictus-{version()}-{run('ruby', '-e', 'puts Gem::Platform.local').strip()}.gem"
    run("gem", "install", "--local", "--no-document", DIST / "gems" / gem, env=env)
    return run("ruby", "program.rb", cwd=project, env=env)


def test(languages: list[str]) -> None:
    """Installs the packages into empty projects, and runs the programs of the READMEs."""
    for language in languages or TOOLS:
        if has(language, *TOOLS[language]):
            with tempfile.TemporaryDirectory() as project:
                output = globals()[f"test_{language}"](Path(project))
            if not EXPECTED.search(output):
                sys.exit(f"{language}: the program of the README prints {output!r}")
            print(f"ok  {language}: {output.strip().splitlines()[-1]}")


def main() -> None:
    """Runs the command."""
    match sys.argv[1:]:
        case ["check"]:
            faults = check()
            sys.exit("\n".join(faults) if faults else 0)
        case ["set"]:
            set_versions()
        case ["build", libraries]:
            build(Path(libraries).resolve())
        case ["test", *languages]:
            test(languages)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
