"""A plot as inline SVG: the same bytes each time, in the page's colours, with its words.

Matplotlib draws it, through its objects alone. Colours are written as CSS variables of the page, so
that a plot is as readable in the dark and in print as the text around it. Letters stay text.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# stand-ins that no other colour equals, and the variables of the page they become
INK, MUTED, GRID, REAL, SYNTHETIC, PAPER = (f"#01020{digit}" for digit in range(3, 9))
_VARIABLES = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    GRID: "var(--grid)",
    REAL: "var(--real)",
    SYNTHETIC: "var(--synthetic)",
    PAPER: "var(--paper)",
}
_STYLE: dict[Any, Any] = {
    "svg.hashsalt": "synthcxr",  # or ids would be drawn by lot
    "svg.fonttype": "none",
    "text.parse_math": False,  # a dollar in a name is a dollar
    "font.family": "DejaVu Sans",  # comes with matplotlib, so the layout is the same everywhere
    "font.size": 9.5,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.facecolor": "none",
    "xtick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.color": MUTED,
    "ytick.labelcolor": INK,
}
WIDTH_INCHES = 4.6


@dataclass(frozen=True)
class Drawing:
    """A plot for the page.

    Attributes:
        name: Its id in the page.
        title: What it is, in a few words; the SVG's accessible name.
        seen: What is to be seen in it, in sentences with its numbers; the text alternative.
        svg: The inline SVG.
    """

    name: str
    title: str
    seen: str
    svg: Markup


@contextmanager
def page_style() -> Iterator[None]:
    """Draw as told here, whatever a host's own settings say; decorates what draws."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        yield


def canvas(height_inches: float) -> tuple[Figure, Axes]:
    """Return an empty figure of the page's width, with one pair of axes."""
    figure = Figure(figsize=(WIDTH_INCHES, height_inches), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def draw(figure: Figure, name: str, title: str, seen: str) -> Drawing:
    """Turn a figure into SVG whose ids are its own and whose colours are the page's."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True)
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font: \1 var(--sans)", text)
    text = re.sub(r' id="([^"]+)"', rf' id="{name}-\1"', text)
    text = text.replace("url(#", f"url(#{name}-").replace('href="#', f'href="#{name}-')
    for color, variable in _VARIABLES.items():
        text = text.replace(color, variable)
    view_box = re.search(r'viewBox="[^"]+"', text)
    assert view_box is not None
    opening = (
        f'<svg {view_box.group()} role="img" aria-labelledby="{name}-title" '
        f'aria-describedby="{name}-seen" xmlns:xlink="http://www.w3.org/1999/xlink">'
        f'<title id="{name}-title">{escape(title)}</title>'
    )
    body = text[text.index(">") + 1 :]
    svg = re.sub(r"\s*\n\s*", "\n", opening + body)
    return Drawing(name, title, seen, Markup(svg))  # noqa: S704 - every text in it is escaped
