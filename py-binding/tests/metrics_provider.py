"""A metrics provider in a separate process."""

from __future__ import annotations

import sys

from ictus.conductor import MetricsSettings
from ictus.conductor.provider import provide_metrics

if __name__ == "__main__":
    port = int(sys.argv[2]) or None
    settings = MetricsSettings(
        directory=sys.argv[1], file_name="out.prom", update_interval=0.05, http_port=port
    )
    print("ready", flush=True)
    provide_metrics(settings)
