#!/bin/sh
# Runs the Python tests with each of the virtual environments $@, all at the same time: they wait more than
# they compute. What does not depend on the SDK runs with the first alone. RUN is what runs a module, if not Python itself.
set -u
logs=target/ci
mkdir -p "$logs"
everything=py-binding/tests
less=
pids=
for venv in "$@"; do
    # shellcheck disable=SC2086
    "$venv/bin/python" ${RUN:-} -m pytest "$everything" $less >"$logs/python$venv.log" 2>&1 &
    pids="$pids $!"
    less="--ignore=$everything/test_stub.py --ignore=$everything/test_openmetrics.py --ignore=$everything/general"
done
status=0
for venv in "$@"; do
    # shellcheck disable=SC2086
    set -- $pids
    wait "$1" || status=1
    shift
    pids="$*"
    echo "With conductor-python $("$venv/bin/python" -c 'from importlib.metadata import version; print(version("conductor-python"))'):"
    cat "$logs/python$venv.log"
done
exit $status
