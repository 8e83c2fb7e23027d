#!/bin/sh
# Checks the parts of a release that can be built here: the crates, a wheel without the native module,
# and the workflow. $1 is the wheel.
set -eu
made=$(pwd)/target/ci/release
rm -rf "$made"

# Cargo unpacks a package of one version once, and reuses it even if the package has changed.
rm -rf "${CARGO_HOME:-$HOME/.cargo}"/registry/src/-*/ictus-*
# Each crate is built from the content of its package only.
cargo package --quiet --locked --allow-dirty --package ictus --package ictus-exporter

.venv/bin/python .ci/without_native.py "$1" "$made" any
.venv/bin/python -m pip -q --disable-pip-version-check install --no-deps --target "$made/installed" "$made"/ictus-*-none-any.whl
PYTHONPATH=$made/installed .venv/bin/python - <<'END'
import ictus
from conductor.client.configuration.settings.metrics_settings import MetricsSettings as SdkSettings
from ictus.conductor import MetricsSettings

assert "ci/release" in ictus.__file__, ictus.__file__
assert issubclass(MetricsSettings, SdkSettings)
try:
    ictus.Registry
except ImportError:
    pass
else:
    raise SystemExit("it has a native module")
END

if command -v go >/dev/null; then
    GOBIN=$(pwd)/target/tools/bin go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
    target/tools/bin/actionlint
else
    echo "The workflows are not checked: there is no go"
fi
