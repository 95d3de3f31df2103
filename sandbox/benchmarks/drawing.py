"""A chart as SVG: lying bars, the parts of each beside each other, goals as lines. The same chart is the same bytes."""

from pathlib import Path
from typing import Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sandbox.benchmarks.results import Chart

_COLOURS: Final = ("#33658a", "#f6ae2d", "#86bbd8", "#758e4f", "#f26419", "#6d597a", "#b56576", "#355070", "#a7a7a7")
_GOAL: Final = "#c1121f"
_INCHES_A_BAR: Final = 0.42


def draw(chart: Chart, file: Path) -> None:
    """Write the chart."""
    # text stays text, and ids come from the salt, not from chance
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "koppeling", "font.size": 9}):
        charts = (chart, *chart.below)
        heights = [1.4 + _INCHES_A_BAR * len(each.bars) for each in charts]
        figure = Figure(figsize=(8, sum(heights)), layout="constrained")
        panels = figure.subplots(len(charts), squeeze=False, height_ratios=heights)
        for each, axes in zip(charts, panels[:, 0], strict=True):
            _panel(axes, each)
        labelled = [axes for axes in panels[:, 0] if axes.get_legend_handles_labels()[1]]
        if len(charts) > 1:
            for axes in labelled:
                axes.legend(loc="lower right", frameon=False)
        elif labelled:
            figure.legend(loc="outside lower center", ncols=4, frameon=False)
        # without the moment it was drawn, and the version it was drawn with
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})


def _panel(axes: Axes, chart: Chart) -> None:
    _bars(axes, chart)
    for name, most in chart.goals:
        axes.axvline(most, color=_GOAL, linestyle="--", linewidth=1, label=f"{name}: {most:g}")
    axes.set_title(chart.title, loc="left")
    axes.set_xlabel(chart.unit)
    axes.spines[["top", "right"]].set_visible(False)


def _bars(axes: Axes, chart: Chart) -> None:
    names = list(dict.fromkeys(part for bar in chart.bars for part, _ in bar.parts))
    labels = [bar.label for bar in chart.bars]
    ends = [0.0] * len(labels)
    for name, colour in zip(names, _COLOURS, strict=False):
        lengths = [dict(bar.parts).get(name, 0.0) for bar in chart.bars]
        axes.barh(labels, lengths, left=ends, color=colour, label=name if len(names) > 1 else None)
        ends = [end + length for end, length in zip(ends, lengths, strict=True)]
    for place, bar in enumerate(chart.bars):
        axes.annotate(f" {round(bar.whole, 4):g}", (bar.whole, place), va="center")
    axes.invert_yaxis()
    axes.margins(x=0.12)
