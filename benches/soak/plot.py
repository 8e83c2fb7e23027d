#!/usr/bin/env python3
"""Draws what soak.py wrote: `plot.py soak.csv soak.svg`. Needs matplotlib."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
mpl.rcParams["svg.hashsalt"] = "soak"  # The same numbers produce the same picture.
import matplotlib.pyplot as plt  # noqa: E402

PARTS = {
    "exporter_mb": "exporter's memory, MB",
    "directory_mb": "directory on disk, MB",
    "scrape_ms": "a scrape, ms",
    "observations": "observations, millions",
}


def main(source: str, picture: str) -> None:
    """Draws one diagram below the other, over the minutes."""
    with Path(source).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    minutes = [float(row["seconds"]) / 60 for row in rows]
    figure, axes = plt.subplots(len(PARTS), 1, sharex=True, figsize=(8, 7), layout="constrained")
    for axis, (name, title) in zip(axes, PARTS.items(), strict=True):
        values = [float(row[name]) / (1e6 if name == "observations" else 1) for row in rows]
        axis.plot(minutes, values, color="#2a6fb0", linewidth=1.2)
        axis.set_title(title, loc="left", fontsize=9)
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
    axes[-1].set_xlabel(
        f"minutes; {rows[-1]['killed']} workers were killed meanwhile, and others took their places"
    )
    figure.savefig(picture, metadata={"Date": None})


if __name__ == "__main__":
    main(*sys.argv[1:])
