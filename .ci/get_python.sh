#!/bin/sh
# Prints the path of Python $1, for example 3.14: an installed one, or one of pyenv's. Otherwise the
# script unpacks packages of Debian or Ubuntu into .venv-python-$1, and prints that path. Unpacking
# needs no root and does not change the system. Without any, fails with one line that names the cause.
#
# The unpacked Python uses the C library and the other libraries that are unpacked with it. The
# distribution's program would load the system's, so a launcher replaces it, which names the unpacked
# dynamic loader and the folder of libraries. No variable is set, so child processes use the system's
# libraries.
set -eu
version=$1
cd "$(dirname "$0")/.."

fail() {
    echo "Python $version: $*" >&2
    exit 1
}

for candidate in "python$version" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version".*/bin/python; do
    # The shims of pyenv exist for versions that are not selected, and fail.
    if path=$("$candidate" -c 'import sys; print(sys.executable)' 2>/dev/null); then
        echo "$path"
        exit
    fi
done

case $version in
    3.10) release=jammy ;;
    3.14) release=forky ;;
    *) fail "it is not installed, and this script knows no release of Debian or Ubuntu that has it" ;;
esac
for tool in apt-get dpkg-deb cc; do
    command -v "$tool" >/dev/null || fail "it is not installed, and cannot be unpacked without $tool"
done

# Not in target, which `cargo clean` removes: environments refer to this folder.
root=$PWD/.venv-python-$version
program=$root/usr/bin/python$version
# Its paths are absolute: after the checkout has moved, it does not start.
if [ -e "$root/ready" ] && "$program" -c '' 2>/dev/null; then
    echo "$program"
    exit
fi
echo "Unpacking Python $version of $release into .venv-python-$version ..." >&2
rm -rf "$root"
architecture=$(dpkg --print-architecture)
work=$root/download

# Calls apt-get with an own state in $work. According to it nothing is installed, so all dependencies
# are downloaded. Mirrors may serve a release longer than its list is valid; the signature is checked.
private_apt() {
    LC_ALL=C apt-get -qq --yes --no-install-recommends \
        -o Dir::State="$work" -o Dir::State::status="$work/status" -o Dir::Cache="$work" \
        -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=- \
        -o Dir::Etc::preferences=- -o Dir::Etc::preferencesparts=- \
        -o APT::Architectures="$architecture" -o APT::Sandbox::User=root -o Debug::NoLocking=1 \
        -o APT::Update::Error-Mode=any -o Acquire::Languages=none -o Acquire::Check-Valid-Until=false \
        -o Acquire::http::Timeout=30 "$@" >"$work/errors" 2>&1
}
# Unpacks packages and their dependencies: `unpack MIRROR RELEASE KEYRING PACKAGE ...`.
unpack() {
    [ -r "$3" ] || fail "it is not installed, and cannot be unpacked without $3"
    mkdir -p "$work/lists/partial" "$work/archives/partial"
    echo "deb [signed-by=$3] $1 $2 main universe" >"$work/sources.list"
    : >"$work/status"
    shift 3
    attempt=1
    until private_apt update && private_apt install --download-only "$@"; do
        if [ "$attempt" -ge 3 ]; then
            fail "three attempts to download it failed; the last error: $(grep '^[EW]: ' "$work/errors" | head -n 1)"
        fi
        attempt=$((attempt + 1))
        sleep "${ICTUS_APT_PAUSE:-10}"
    done
    for package in "$work"/archives/*.deb; do
        dpkg-deb --extract "$package" "$root"
    done
    rm -rf "$work"
}

debian=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
if [ "$release" = jammy ]; then
    # Debian's packages are trusted, and one has Ubuntu's keys.
    unpack "$debian" forky "$keyring" ubuntu-archive-keyring
    keyring=$root/usr/share/keyrings/ubuntu-archive-keyring.gpg
    ubuntu=http://ports.ubuntu.com/ubuntu-ports
    [ "$architecture" != amd64 ] || ubuntu=http://archive.ubuntu.com/ubuntu
    unpack "${UBUNTU_MIRROR:-$ubuntu}" jammy "$keyring" "libpython$version" "python$version-venv"
else
    unpack "$debian" "$release" "$keyring" "libpython$version" "python$version-venv"
fi

loader=$(find "$root" -name 'ld-linux*.so.*' -type f)
folder=lib/$(basename "$(dirname "$loader")")
# The system's linker does not search the unpacked libraries for what libpython needs. Extension
# modules inherit a DT_RPATH, but not a DT_RUNPATH.
rm "$program"
echo 'int Py_BytesMain(int, char **); int main(int count, char **arguments) { return Py_BytesMain(count, arguments); }' |
    cc -x c - -x none "$root/usr/$folder/libpython$version.so.1.0" -o "$program" -Wl,--dynamic-linker="$loader" \
        -Wl,--disable-new-dtags -Wl,-rpath,"$root/$folder:$root/usr/$folder" -Wl,--unresolved-symbols=ignore-in-shared-libs
# Debian's `venv` takes pip from this folder.
sed -i "s|'/usr/share/python-wheels|'$root/usr/share/python-wheels|" "$root/usr/lib/python$version"/_sysconfigdata_*.py

"$program" -c 'import bz2, ctypes, ensurepip, lzma, readline, sqlite3, ssl, uuid, venv, zlib' ||
    fail "the unpacked program does not run"
touch "$root/ready"
echo "$program"
