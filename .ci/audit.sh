#!/bin/sh
# Checks the packages of other languages for advisories: Go, JavaScript, Java, and those that the
# Python tests install. Needs Go, and queries api.osv.dev and deps.dev.
set -eu
# The newest version that builds with the Go of bindings/go.
version=v2.5.0
tools=$PWD/target/tools/osv-scanner-$version
scanner=$tools/osv-scanner

if ! command -v go >/dev/null; then
    [ "${CI:-}" != true ] || { echo "other languages cannot be audited: there is no go" >&2 && exit 1; }
    echo "SKIPPED: packages of other languages are not audited: there is no go"
    exit 0
fi
[ -x "$scanner" ] || GOBIN=$tools go install "github.com/google/osv-scanner/v2/cmd/osv-scanner@$version"

set --
for file in $(git ls-files '*go.mod' '*package-lock.json' '*pom.xml' 'py-binding/requirements-*.txt'); do
    set -- "$@" --lockfile "$file"
done
"$scanner" scan source "$@"
