#!/bin/sh
# Runs the Python tests with each of the virtual environments $@, concurrently, because the tests wait
# more than they compute. Tests that do not depend on the SDK run with the first environment only. RUN
# is the command that runs a module, instead of Python itself.
set -u
root=$PWD
logs=target/ci
mkdir -p "$logs"
everything=py-binding/tests
less=
pids=
for venv in "$@"; do
    case $venv in
        # Oldest and newest dependencies and Python: the tests that depend on them.
        *lowest | *highest) what="test_dependencies.py test_lazy_annotations.py test_subinterpreters.py test_events.py test_run.py test_exits.py test_collectors.py test_differential.py test_restarts.py test_provider.py api/test_web_requests.py" ;;
        *) what= ;;
    esac
    if [ -n "$what" ]; then
        # shellcheck disable=SC2086
        (cd "$everything" && exec "$root/$venv/bin/python" ${RUN:-} -m pytest $what) >"$logs/python$venv.log" 2>&1 &
    else
        # shellcheck disable=SC2086
        "$venv/bin/python" ${RUN:-} -m pytest "$everything" $less >"$logs/python$venv.log" 2>&1 &
    fi
    pids="$pids $!"
    less="--ignore=$everything/api"
    for once in conductor_stub openmetrics run releases; do
        less="$less --ignore=$everything/test_$once.py"
    done
done
status=0
for venv in "$@"; do
    # shellcheck disable=SC2086
    set -- $pids
    wait "$1" || status=1
    shift
    pids="$*"
    "$venv/bin/python" -c 'import sys; from importlib.metadata import version; print("With conductor-python", version("conductor-python"), "and Python", sys.version.split()[0] + ":")'
    cat "$logs/python$venv.log"
done
exit $status
