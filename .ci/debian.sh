#!/bin/sh
# Sees that the program $1 is there: installs the Debian package $2, or of its name, where that can be done.
# Returns 77 where it cannot, and need not.
set -eu

install() {
    apt-get install --yes -qq "$1" >/dev/null 2>&1
}

package=${2:-$1}
! command -v "$1" >/dev/null || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing $package ..."
    install "$package" || { apt-get update -qq && install "$package"; } || {
        echo "$package could not be installed" >&2
        exit 1
    }
elif [ "${CI:-}" = true ]; then
    echo "$1 is not installed, and cannot be: this needs root and apt-get"
    exit 1
else
    echo "$1 is not installed"
    exit 77
fi
