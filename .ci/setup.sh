#!/bin/sh
# Installs into a fresh Debian container what `.ci/run` does not install itself: compilers, Git, and the
# toolchains of the other languages except Go and Node.js, whose releases in Debian are too old.
set -eu
"$(dirname "$0")/apt.sh" --no-install-recommends \
    build-essential ca-certificates clang cmake curl git iproute2 jq libfaketime maven \
    openjdk-17-jdk-headless pkg-config procps python3 python3-dev python3-venv ruby ruby-ffi strace util-linux

# Actions run as another user than the owner of the checkout.
git config --global --add safe.directory "${GITHUB_WORKSPACE:-$PWD}"

if ! command -v cargo >/dev/null; then
    curl --fail --silent --show-error --proto '=https' --tlsv1.2 https://sh.rustup.rs |
        sh -s -- -y --no-modify-path --profile minimal --component clippy --component rustfmt
    [ -z "${GITHUB_PATH:-}" ] || echo "${CARGO_HOME:-$HOME/.cargo}/bin" >>"$GITHUB_PATH"
fi
