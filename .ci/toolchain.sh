# shellcheck shell=bash
# Sourced by scripts that need the toolchains of other languages.

has() { # whether the tools of a language are there; prints a message if not, and with CI=true ends the script
    local language=$1 tool
    shift
    for tool in "$@"; do
        if ! command -v "$tool" >/dev/null; then
            [[ ${CI:-} != true ]] || { echo "$language cannot be tested: there is no $tool" >&2; exit 1; }
            echo "SKIPPED: $language is not tested: there is no $tool"
            return 1
        fi
    done
}
