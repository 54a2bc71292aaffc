"""`make bench-plots`: docs/img/bench-*.svg of the last results of `make bench`."""

from __future__ import annotations

import re
import statistics
import sys
from pathlib import Path
from typing import Any

import pygal
from pygal.style import Style

from benchmarks.measure import RESULTS, read_reports
from core.command_line import run_command
from core.errors import UserError
from core.settings import ROOT

IMAGES = ROOT / "docs" / "img"
BLUE, ORANGE, GREEN, RED = "#2f6db5", "#d9822b", "#3f9142", "#c23b3b"
LONGEST = 5  # a bar far from its target would hide the others
# Reports of what grows: name, title, unit, figures, and whether seconds are on a logarithmic axis.
GROWTH = [
    (
        "history",
        "Rebuilding one day, by the days of history",
        "days",
        ["dbt run", "fact_events"],
        False,
    ),
    ("scaling", "One more day, by its events", "events", ["ingest", "dbt build"], True),
]
LOOK = {
    "js": (),
    "no_prefix": True,  # a prefix is random: the same figures would draw another file
    "width": 760,
    "margin_right": 40,
    "legend_at_bottom": True,
    "truncate_label": -1,
    "print_values": True,
}
STYLE = {
    "background": "#ffffff",
    "plot_background": "#ffffff",
    "font_family": "sans-serif",
    "value_font_size": 11,
    "label_font_size": 11,
    "major_label_font_size": 11,
    "title_font_size": 13,
    "legend_font_size": 12,
}


def series(report: dict[str, Any], what: str, unit: str) -> dict[str, float]:
    """The medians of the figures named `WHAT, NUMBER UNIT`, by "NUMBER UNIT"."""
    return {
        name.removeprefix(f"{what}, "): statistics.median(values)
        for name, values in report["figures"].items()
        if name.startswith(f"{what}, ") and name.endswith(f" {unit}")
    }


def lines(
    report: dict[str, Any], title: str, unit: str, names: list[str], *, log: bool
) -> pygal.Line:
    """Seconds of each of `names` over what grows."""
    found = [list(series(report, name, unit).values()) for name in names]
    top = 1.25 * max(seconds for values in found for seconds in values)
    chart = pygal.Line(
        **LOOK,
        height=380,
        title=title,
        x_title=made_from(report),
        y_title="seconds (median)",
        logarithmic=log,
        style=Style(**STYLE, colors=(BLUE, ORANGE)),
        value_formatter=lambda value: f"{value:,.2f}",
        range=(0.1 if log else 0, top),
    )
    chart.x_labels = list(series(report, names[0], unit))
    if log:
        chart.y_labels = [tick for tick in (0.1, 0.3, 1, 3, 10, 30, 100) if tick < top]
    for name, values in zip(names, found, strict=True):
        chart.add(name, values)
    return chart


def targets(reports: dict[str, dict[str, Any]]) -> pygal.HorizontalBar:
    """Every ratio as a share of its target: whatever its direction, up to 1 is met."""
    bars = {}
    for ratio in (ratio for report in reports.values() for ratio in report["ratios"]):
        sign, limit = ratio["target"].split()[:2] if ratio["target"] else ("", "0")
        if float(limit) and ratio["value"]:
            share = ratio["value"] / float(limit)
            label = f"{ratio['what']}: {ratio['value']:,.2f} ({ratio['target']})"
            color = GREEN if ratio["met"] else RED
            share = share if sign == "≤" else 1 / share
            bars[label] = {"value": min(share, LONGEST), "color": color}
    chart = pygal.HorizontalBar(
        **LOOK,
        height=120 + 24 * len(bars),
        title="Ratios as shares of their targets: up to 1 is met",
        x_title=made_from(*reports.values()),
        show_legend=False,
        style=Style(**STYLE),
        value_formatter=lambda value: f"{value:.2f}" if value < LONGEST else f"≥ {LONGEST}",
    )
    chart.x_labels = list(reversed(bars))
    chart.add("share", list(reversed(bars.values())))
    return chart


def made_from(*reports: dict[str, Any]) -> str:
    """When, of which commits, and on what."""
    commits = sorted({report["commit"] for report in reports})
    newest = max(reports, key=lambda report: report["at"])
    return f"{newest['at'][:10]}, commit {', '.join(commits)}, {newest['cores']} cores"


def draw(results: Path = RESULTS, images: Path = IMAGES) -> list[Path]:
    """Draw what there are results for, and say which files.

    Raises:
        UserError: there are none.
    """
    reports = read_reports(results)
    charts: dict[str, pygal.Graph] = {}
    for name, *what, log in GROWTH:
        if name in reports:
            charts[name] = lines(reports[name], *what, log=log)
    if any(report["ratios"] for report in reports.values()):
        charts["targets"] = targets(reports)
    if not charts:
        raise UserError(f"{results} has no results to draw: run make bench first")
    paths = []
    for name, chart in charts.items():
        paths.append(images / f"bench-{name}.svg")
        picture = chart.render(is_unicode=True)
        # Tooltips only: a picture needs no script.
        paths[-1].write_text(re.sub("<script.*?</script>", "", picture, flags=re.DOTALL) + "\n")
    return paths


def _main() -> None:
    for path in draw():
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    sys.exit(run_command(_main))
