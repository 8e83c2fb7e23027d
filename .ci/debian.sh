#!/bin/sh
# Installs the Debian package $2, or the one named $1, if the program $1 is missing and the
# installation is possible. Returns 77 if it is not possible; with CI=true that is a failure.
set -eu

package=${2:-$1}
! command -v "$1" >/dev/null || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "$1 is not installed, and cannot be: this needs root and apt-get" >&2
else
    echo "Installing $package ..."
    ! "$(dirname "$0")/apt.sh" "$package" || exit 0
    echo "$1 is not installed: what needs it is skipped" >&2
fi
[ "${CI:-}" = true ] && exit 1
exit 77
