#!/bin/sh
# Installs the C library and the command below PREFIX: `ffi-c/install.sh PREFIX [LIBRARIES]`, from the folder LIBRARIES
# in which cargo has built libictus_ffi.so, libictus_ffi.a and ictus (else target/release). With DESTDIR, below that.
# The installed files can be moved: pkg-config and CMake find everything from where their files lie.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
prefix=${DESTDIR:-}${1:?"usage: ffi-c/install.sh PREFIX [LIBRARIES]"}
libraries=${2:-${CARGO_TARGET_DIR:-$root/target}/release}
version=$(sed -n 's/^#define ICTUS_VERSION "\(.*\)"/\1/p' "$root/include/ictus.h")
major=${version%%.*}

install -d "$prefix/include" "$prefix/lib/pkgconfig" "$prefix/lib/cmake/ictus" "$prefix/share/doc/ictus"
install -m 644 "$root/include/ictus.h" "$root/include/ictus.hpp" "$prefix/include/"
install -m 755 "$libraries/libictus_ffi.so" "$prefix/lib/libictus.so.$version"
ln -sf "libictus.so.$version" "$prefix/lib/libictus.so.$major"
ln -sf "libictus.so.$major" "$prefix/lib/libictus.so"
# The archive is kept next to the one that cargo builds, because it takes a second to make.
archive=$libraries/libictus.a
if [ ! "$archive" -nt "$libraries/libictus_ffi.a" ]; then
    "$root/ffi-c/archive.sh" "$libraries/libictus_ffi.a" "$archive.$$"
    mv "$archive.$$" "$archive"
fi
install -m 644 "$archive" "$prefix/lib/libictus.a"
install -m 644 "$root/LICENSE" "$root/THIRD-PARTY-NOTICES.txt" "$prefix/share/doc/ictus/"
for file in pkgconfig/ictus.pc cmake/ictus/ictus-config.cmake cmake/ictus/ictus-config-version.cmake; do
    sed "s/@VERSION@/$version/g; s/@MAJOR@/$major/g" "$root/ffi-c/install/${file##*/}.in" >"$prefix/lib/$file"
    chmod 644 "$prefix/lib/$file"
done

# The command, its manual page and its completions; cargo puts programs next to the folder of a test's libraries.
command=$libraries/ictus
[ -x "$command" ] || command=$libraries/../ictus
if [ ! -x "$command" ]; then
    echo "The command ictus is left out: it is not built (cargo build --release --package ictus-exporter)." >&2
    exit 0
fi
share=$prefix/share
install -d "$prefix/bin" "$share/man/man1" "$share/bash-completion/completions" "$share/zsh/site-functions" \
    "$share/fish/vendor_completions.d"
install -m 755 "$command" "$prefix/bin/ictus"
write() { # the output of the command, as a file
    file=$1
    shift
    "$command" "$@" >"$file"
    chmod 644 "$file"
}
write "$share/man/man1/ictus.1" man
write "$share/bash-completion/completions/ictus" completions bash
write "$share/zsh/site-functions/_ictus" completions zsh
write "$share/fish/vendor_completions.d/ictus.fish" completions fish
