#!/usr/bin/env python3
"""Builds the packages of all languages, with the native library inside, and tries them.

    packages.py check                         versions and the owner's name are the same in all
                                              manifests
    packages.py set                           writes the version of Cargo.toml into all manifests
    packages.py build LIBRARIES [LANGUAGE…]   packages into dist/packages; LIBRARIES has a folder per
                                              platform, each with libictus.so (or .dylib) and
                                              libictus.a
    packages.py test [LANGUAGE…]              installs these packages into empty projects, without
                                              Rust, and runs the program of each README

The languages are go, java, javascript, ruby, python and rust. If the tools of a language are missing,
the language is skipped with a message; with CI=true that is a failure. release_check.py does all of
it, and checks what the registries require.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
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
MAX_SIZES = {".so": 2_300_000, ".dylib": 2_300_000, ".a": 6_000_000}
"""The bytes of a library. A tenth are the tables by which a panic becomes an error."""
EXPECTED = re.compile(r"p99: 0\.09[89]")
"""The output of the program of each README: a quantile of 0.001, 0.002, …, 0.1 or of 0, …, 0.099."""


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
    "bindings/csharp/Ictus.csproj": r"<Version>(.*)</Version>",
    "bindings/ruby/lib/ictus/version.rb": r"VERSION = '(.*)'",
}
"""Where a manifest has its version. Go reads it from the tag."""


def version() -> str:
    """Returns the version of Cargo.toml."""
    match = re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)
    assert match, "Cargo.toml has no version"
    return match.group(1)


def check() -> list[str]:
    """Returns the manifests that differ from Cargo.toml or ORG."""
    faults = []
    for name, pattern in VERSIONS.items():
        versions = re.findall(pattern, (ROOT / name).read_text(), re.MULTILINE)
        if not versions or set(versions) != {version()}:
            faults.append(f"{name}: the version is {versions}, not {version()}: run .ci/packages.py set")
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
        for match in reversed(list(re.finditer(pattern, text, re.MULTILINE))):
            text = text[: match.start(1)] + version() + text[match.end(1) :]
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


SKIPPED: dict[str, str] = {}
"""The reasons by which parts of the work were skipped."""


def skip(part: str, reason: str) -> None:
    """Skips a part of the work with a message; with CI=true that is a failure."""
    if os.environ.get("CI") == "true":
        sys.exit(f"{part}: {reason}")
    print(f"SKIPPED: {part}: {reason}")
    SKIPPED[part] = reason


def has(language: str) -> bool:
    """Returns whether the tools of a language are installed."""
    missing = [tool for tool in TOOLS[language] if shutil.which(tool) is None]
    if missing:
        skip(language, f"there is no {missing[0]}")
    return not missing


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
        match = re.search(r"javac (\d+)", run(compiler, "-version"))
        if match and int(match.group(1)) >= 22:
            return str(home)
    return None


DEPENDENCY_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin"


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
    documentation = stage / "target/javadoc"
    classpath = stage / "target/classpath"
    run(
        "mvn", "-q", "-B", f"{DEPENDENCY_PLUGIN}:build-classpath", f"-Dmdep.outputFile={classpath}",
        cwd=stage, env=env,
    )  # fmt: skip
    javadoc = Path(home, "bin/javadoc") if home else "javadoc"
    sources = sorted((stage / "src/main/java").rglob("*.java"))
    options = ("-quiet", "-Xdoclint:none", "--release", "17", "-classpath", classpath.read_text().strip())
    run(javadoc, *options, "-d", documentation, *sources)
    shutil.make_archive(str(repository / f"ictus-{version()}-javadoc"), "zip", documentation)
    archived = repository / f"ictus-{version()}-javadoc.zip"
    archived.rename(archived.with_suffix(".jar"))
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


def build_python(_: dict[str, Path], stage: Path) -> None:
    """Copies the wheel of `make wheel`, and builds the source distribution."""
    python = DIST / "python"
    python.mkdir()
    wheels = sorted((ROOT / "dist").glob(f"ictus-{version()}-*.whl"))
    if not wheels:
        sys.exit(f"dist has no wheel of version {version()}: run make wheel")
    for wheel in wheels:
        shutil.copy2(wheel, python)
    manifest = ROOT / "py-binding/Cargo.toml"
    run(MATURIN, "sdist", "--manifest-path", manifest, "--out", python, cwd=stage)


def build_rust(_: dict[str, Path], stage: Path) -> None:
    """Packages the crates. release.sh compiles them."""
    crates = DIST / "crates"
    crates.mkdir()
    names = [part for name in CRATES for part in ("--package", name)]
    flags = ("--quiet", "--no-verify", "--locked", "--allow-dirty", "--target-dir", stage)
    run("cargo", "package", *flags, *names, cwd=ROOT)
    for name in CRATES:
        shutil.copy2(stage / f"package/{name}-{version()}.crate", crates)


MATURIN = str(ROOT / ".venv/bin/maturin")
CRATES = ("ictus", "ictus-exporter")
TOOLS = {
    "go": ("go", "gcc"),
    "javascript": ("node", "npm"),
    "java": ("java", "mvn"),
    "ruby": ("ruby", "gem"),
    "python": (MATURIN,),
    "rust": ("cargo",),
}
"""The tools of each language."""


def exported(library: Path) -> set[str]:
    """Returns the symbols that a library for Linux defines for others."""
    table = ("-D",) if library.suffix == ".so" else ()
    lines = run("nm", *table, "--defined-only", "--extern-only", "--format=posix", library).splitlines()
    return {line.split()[0] for line in lines if len(line.split()) > 2}


def check_library(library: Path) -> None:
    """Exits with a message if a library is too large, or exports other functions than those of ictus.h."""
    size = library.stat().st_size
    limit = MAX_SIZES.get(library.suffix, size)
    if size > limit:
        sys.exit(f"{library} has {size} bytes, and {limit} are allowed: see .ci/native.sh")
    if library.suffix in {".so", ".a"} and shutil.which("nm"):
        others = {name for name in exported(library) if not name.startswith("ictus_")}
        if others:
            sys.exit(f"{library} exports {', '.join(sorted(others)[:3])}, not only ictus_*")


def artifacts() -> list[Path]:
    """Returns the packages in DIST."""
    suffixes = {".zip", ".tgz", ".jar", ".gem", ".whl", ".gz", ".crate"}
    return [path for path in sorted(DIST.rglob("*")) if path.suffix in suffixes]


def build(libraries: Path, languages: list[str]) -> None:
    """Builds the packages of languages into DIST."""
    shutil.rmtree(DIST, ignore_errors=True)
    DIST.mkdir(parents=True)
    folders = {name: libraries / name for name in PLATFORMS if (libraries / name).is_dir()}
    if not folders:
        sys.exit(f"{libraries} has no folder {' or '.join(PLATFORMS)}: run .ci/native.sh {libraries}")
    for path in [path for folder in folders.values() for path in sorted(folder.iterdir())]:
        check_library(path)
    for language in languages or TOOLS:
        if has(language):
            with tempfile.TemporaryDirectory() as stage:
                globals()[f"build_{language}"](folders, Path(stage))
    for path in artifacts():
        print(f"{path.stat().st_size / 1e6:6.2f} MB  {path.relative_to(ROOT)}")


def block(language: str, fence: str) -> str:
    """Returns the first block of a language's README with a fence."""
    folder = ROOT / "py-binding" if language == "python" else BINDINGS / language
    text = (folder / "README.md").read_text()
    match = re.search(rf"^```{fence}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert match, (language, fence)
    return match.group(1)


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
    run("go", "version", env=oldest)  # Downloads the toolchain, and prints that.
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
    run(
        "mvn",
        "-q",
        "-B",
        f"{DEPENDENCY_PLUGIN}:build-classpath",
        f"-Dmdep.outputFile={project / 'classpath'}",
        cwd=project,
        env=env,
    )
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


def test_python(project: Path) -> str:
    """Installs the wheel into an empty environment, and runs the program."""
    env = environment()
    run(sys.executable, "-m", "venv", project / "venv", env=env)
    python = project / "venv/bin/python"
    wheels = DIST / "python"
    flags = ("--quiet", "--disable-pip-version-check", "--no-index", "--find-links", wheels)
    run(python, "-m", "pip", "install", *flags, "--only-binary", ":all:", "ictus", env=env)
    (project / "program.py").write_text(program("python", "python", project))
    return run(python, "program.py", cwd=project, env=env)


RUST_MANIFEST = """[package]
name = "program"
edition = "2024"
[workspace]
[dependencies]
ictus = {{ path = "ictus-{version}" }}
"""
RUST_PROGRAM = """fn main() -> Result<(), ictus::Error> {
    let registry = ictus::Registry::new();
    let requests = registry.timer("request_seconds", "Duration of requests.", &["route"])?.labels(&["/"])?;
    (1..=100).for_each(|number| requests.observe(f64::from(number) / 1000.0));
    let snapshot = registry.snapshot()?;
    let family = snapshot.family("request_seconds").expect("a family");
    let Some(ictus::snapshot::Value::Timer(timer)) = family.get(&["/"]) else { panic!("no timer") };
    println!("p99: {:.3}", timer.window.quantile(0.99).expect("a quantile"));
    Ok(())
}
"""


def test_rust(project: Path) -> str:
    """Builds a program with the content of the crate."""
    crate = f"ictus-{version()}"
    with tarfile.open(DIST / f"crates/{crate}.crate") as archive:
        archive.extractall(project, filter="data")
    (project / "src").mkdir()
    (project / "src/main.rs").write_text(RUST_PROGRAM)
    (project / "Cargo.toml").write_text(RUST_MANIFEST.format(version=version()))
    shutil.copy2(ROOT / "Cargo.lock", project)
    env = os.environ | {"CARGO_TARGET_DIR": str(project / "target")}
    return run("cargo", "run", "--quiet", cwd=project, env=env)


def test(languages: list[str]) -> None:
    """Installs the packages into empty projects, and runs the programs of the READMEs."""
    for language in languages or TOOLS:
        if language not in SKIPPED and has(language):
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
        case ["build", libraries, *languages]:
            build(Path(libraries).resolve(), languages)
        case ["test", *languages]:
            test(languages)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
