#!/usr/bin/env bash
# Checks the dashboards of docs/fleet/grafana against Grafana's schemas (testing/grafana). Without Go the
# check is skipped with a message; with CI=true that is a failure.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../testing/grafana"

if ! command -v go >/dev/null; then
    [[ ${CI:-} != true ]] || { echo "dashboards cannot be checked: there is no go" >&2; exit 1; }
    echo "SKIPPED: dashboards are not checked: there is no go"
    exit 0
fi
[[ -z $(gofmt -l .) ]] || { gofmt -d . && exit 1; }
go vet .
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go build -o "$work/check" .
"$work/check" ../../docs/fleet/grafana/*.json

# The check fails for a field that Grafana does not have, at each level.
for change in 's/"uid"/"uiid"/' 's/"gridPos"/"gridPosition"/' 's/"unit"/"units"/' 's/"fillOpacity"/"opacity"/' \
    's/"showLegend"/"show"/' 's/"legendFormat"/"legend"/' 's/"type": "stat"/"type": "graph"/'; do
    sed "$change" ../../docs/fleet/grafana/conductor-legacy.json >"$work/changed.json"
    if "$work/check" "$work/changed.json" 2>/dev/null; then
        echo "the schemas accept a dashboard after $change" >&2
        exit 1
    fi
done
