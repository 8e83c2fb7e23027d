#!/bin/sh
# Installs Debian packages: `.ci/apt.sh [option of apt-get install ...] PACKAGE ...`. Waits while
# another package manager holds a lock, fetches the package lists if they are missing or old, and
# tries again. Prints apt's error if the installation still fails.
set -eu
max_attempts=${ICTUS_APT_ATTEMPTS:-6}
pause=${ICTUS_APT_PAUSE:-10} # seconds, while something else is locked
errors=$(mktemp)
trap 'rm -f "$errors"' EXIT

# apt itself waits for dpkg's lock, but not for the locks of the package lists and archives: hence the
# attempts.
apt() {
    DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get -o DPkg::Lock::Timeout=120 -qq "$@" >"$errors" 2>&1
}
# Runs apt again as long as a lock is the cause of its failure.
locked_apt() {
    attempt=1
    until apt "$@"; do
        [ "$attempt" -lt "$max_attempts" ] && grep -qi 'lock' "$errors" || return 1
        attempt=$((attempt + 1))
        sleep "$pause"
    done
}

# Missing lists are the usual cause of a first failure. Some lists may fail to update while the others
# suffice.
locked_apt install --yes "$@" || { locked_apt update || cat "$errors" >&2; locked_apt install --yes "$@"; } || {
    echo "$* could not be installed; apt-get's last error:" >&2
    cat "$errors" >&2
    exit 1
}
