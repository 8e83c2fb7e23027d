#!/usr/bin/env bash
# Tests the packages of bindings/ for other languages, with the installed library and the published
# SDKs. A language without its toolchain is skipped with a message; with CI=true that is a failure.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD
prefix=$root/target/ci/sdks
mkdir -p "$prefix"

cargo build --quiet --release --package ictus-ffi --locked
ffi-c/install.sh "$prefix"
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig LD_LIBRARY_PATH=$prefix/lib ICTUS_LIBRARY=$prefix/lib/libictus.so.0

. .ci/toolchain.sh

if has Go go pkg-config gcc; then
    (
        cd bindings/go
        [[ -z $(gofmt -l .) ]] || { gofmt -d . && exit 1; }
        export GOFLAGS="${GOFLAGS:-} -tags=ictus_dynamic"
        go vet ./...
        go test ./...
        # Runs the tests again with the SDK changed so that it accepts another collector.
        patched=$(mktemp -d)
        trap 'rm -rf "$patched"' EXIT
        go test -modfile "$(go run ./patched "$patched")" -tags ictus_dynamic,hook ./conductor
    )
fi

if has JavaScript node npm; then
    (
        cd bindings/javascript
        npm ci --no-audit --no-fund --loglevel=error
        npm run --silent lint
        npm run --silent types
        npm run --silent test
    )
fi

if has Java java mvn; then
    (
        cd bindings/java
        mvn -q -B spotless:check
        mvn -q -B clean test
        # Tests the foreign function interface and the newest SDK as well, if there is a Java version for them.
        for java in /usr/lib/jvm/*/bin/javac; do
            version=$("$java" -version 2>&1 | sed 's/javac \([0-9]*\).*/\1/')
            if ((version >= 22)); then
                echo "Java $version ..."
                JAVA_HOME=${java%/bin/javac} mvn -q -B clean test -DargLine=--enable-native-access=ALL-UNNAMED
                break
            fi
        done
    )
fi

# The package is small, so it is installed if that is possible.
if ruby -e 'require "ffi"' 2>/dev/null || .ci/debian.sh ruby-ffi; then
    (
        cd bindings/ruby
        for test in test/*.rb; do ruby -w "$test"; done
    )
else
    [[ $? == 77 ]] || exit 1
    echo "SKIPPED: Ruby is not tested: there is no ruby with ffi"
fi

# There is no .NET in the registries of the tests: Mono compiles the adapter, and calls the library.
if .ci/debian.sh mcs mono-mcs; then
    (
        cd bindings/csharp
        mkdir -p bin
        mcs -langversion:7.2 -warnaserror -out:bin/test.exe src/*.cs test/*.cs
        directory=$(mktemp -d)
        trap 'rm -rf "$directory"' EXIT
        mono bin/test.exe "$directory/metrics"
    )
else
    [[ $? == 77 ]] || exit 1
    echo "SKIPPED: C# is not tested: there is no mcs"
fi

echo "Workers of four SDKs record into one directory ..."
.ci/workers.sh "$prefix"
mapfile -t workers <"$prefix/workers"
.venv/bin/python testing/fleet/fleet.py "python=.venv/bin/python testing/fleet/fleet_worker.py" "${workers[@]}"
