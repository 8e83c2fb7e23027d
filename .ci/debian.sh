#!/bin/sh
# Sees that the program $1 is there: installs the Debian package $2, or of its name, where that can be done.
# Returns 77 where it cannot, and need not; with CI=true that is a failure.
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
