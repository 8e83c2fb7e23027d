#!/usr/bin/env bash
# Builds the C library and the workers of bindings/ in other languages, and writes FOLDER/workers, with a line
# NAME=COMMAND for each. A command takes a server, a metrics directory and a task type as arguments. A language
# without its toolchain is left out with a message; with CI=true that is a failure.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD
mkdir -p "$1"
folder=$(cd "$1" && pwd)

. .ci/toolchain.sh

cargo build --quiet --release --package ictus-ffi --locked
ffi-c/install.sh "$folder" >/dev/null
export PKG_CONFIG_PATH=$folder/lib/pkgconfig
library="env LD_LIBRARY_PATH=$folder/lib ICTUS_LIBRARY=$folder/lib/libictus.so.0"
workers=()

if has Go go pkg-config gcc; then
    (cd bindings/go && go build -tags ictus_dynamic -o "$folder/go-worker" ./worker)
    workers+=("go=$library $folder/go-worker")
fi

if has JavaScript node npm; then
    (cd bindings/javascript && npm ci --no-audit --no-fund --loglevel=error)
    workers+=("javascript=$library node $root/bindings/javascript/worker.js")
fi

if has Java java mvn; then
    (
        cd bindings/java
        mvn -q -B test-compile
        mvn -q -B dependency:build-classpath -Dmdep.outputFile="$folder/classpath"
        # The classes for the newest SDK need a newer Java, which the build takes if it is there.
        rm -f "$folder/newest-java"
        for java in /usr/lib/jvm/*/bin/javac; do
            version=$("$java" -version 2>&1 | sed 's/javac \([0-9]*\).*/\1/')
            if ((version >= 22)); then
                JAVA_HOME=${java%/bin/javac} mvn -q -B test-compile
                echo "${java%c}" >"$folder/newest-java"
                break
            fi
        done
    )
    classes=$root/bindings/java/target
    program="$classes/classes:$(cat "$folder/classpath") io.ictus.conductor.WorkerMain"
    workers+=("java=$library java -cp $classes/test-classes:$program")
    # The class for the newest SDK with the oldest SDK.
    if [[ -s $folder/newest-java ]]; then
        versions=$classes/classes/META-INF/versions
        flags="--enable-native-access=ALL-UNNAMED -cp $classes/test-classes:$versions/21:$versions/22"
        workers+=("newest-java=$library $(cat "$folder/newest-java") $flags:$program")
    fi
fi

printf '%s\n' "${workers[@]}" >"$folder/workers"
