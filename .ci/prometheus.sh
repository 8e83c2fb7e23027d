#!/bin/sh
# Installs Prometheus, node-exporter and a Pushgateway, which tests of the exporter start, if root and
# apt-get suffice for that. Tests that lack them are skipped; with CI=true they fail.
set -eu
if command -v prometheus >/dev/null && command -v promtool >/dev/null &&
    command -v prometheus-node-exporter >/dev/null && command -v prometheus-pushgateway >/dev/null; then
    exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "Prometheus is not installed: tests with it are skipped. On Debian: sudo apt-get install prometheus prometheus-node-exporter prometheus-pushgateway"
    exit 0
fi

# The packages would start services on their default ports; tests start their own.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    trap 'rm -f "$policy"' EXIT
fi
echo "Installing Prometheus, node-exporter and Pushgateway ..."
"$(dirname "$0")/apt.sh" --no-install-recommends prometheus prometheus-node-exporter prometheus-pushgateway || {
    echo "Prometheus could not be installed: tests with it are skipped."
    exit 0
}
