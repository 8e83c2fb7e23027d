#!/bin/sh
# Creates the virtual environment $1 with the pinned development tools, version $2 of
# conductor-python, and the requirement file $3, if there is one. With `-` for $2, only that file is
# installed. Python is $PYTHON, or the first one that is new enough. The versions in $PYTHONS take
# precedence; if the first of them is not used, a warning names it.
set -eu
directory=$1
sdk=$2
shift 2

fail() {
    echo "$*" >&2
    exit 1
}

python=
for version in ${PYTHONS:-}; do
    ! python=$("$(dirname "$0")/get_python.sh" "$version") || break
done
if [ -z "$python" ]; then
    for candidate in "${PYTHON:-python3}" python3 python3.14 python3.13 python3.12 python3.11 python3.10; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
            python=$candidate
            break
        fi
    done
fi
[ -n "$python" ] || fail "Python 3.10 or newer is needed (found: $(python3 --version 2>&1 || true)). Install it, or name it: make PYTHON=..."
for version in ${PYTHONS:-}; do
    "$python" --version | grep -q " $version\\." ||
        echo "WARNING: PYTHON $version IS NOT TESTED: $directory has $("$python" --version) instead, for the reason above." >&2
    break
done

# Debian and Ubuntu ship the modules for virtual environments in a separate package.
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    command -v apt-get >/dev/null || fail "$python cannot make virtual environments: it has no module ensurepip."
    [ "$(id -u)" = 0 ] || fail "$python cannot make virtual environments. Install what is missing: sudo apt-get install $package"
    echo "Installing $package ..."
    "$(dirname "$0")/apt.sh" "$package" ||
        fail "$python cannot make virtual environments, and $package could not be installed."
fi

"$python" -m venv --clear "$directory"
if [ "$sdk" = - ]; then
    echo "Making $directory: what $1 names, with $("$python" --version) ..."
    exec "$directory/bin/python" -m pip --disable-pip-version-check --quiet install --requirement "$1"
fi
echo "Making $directory: pinned development tools and conductor-python $sdk (about 20 s) ..."
"$directory/bin/python" -m pip --disable-pip-version-check --quiet install \
    --requirement py-binding/requirements-dev.txt "conductor-python==$sdk" ${1:+--requirement "$1"}
