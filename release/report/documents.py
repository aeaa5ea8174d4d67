"""The evidence beside the images: report, certificate, method, dataset card, terms of use.

All of it is a function of the report's JSON and of the images shown; nothing depends on the clock
or the host. What fills a template is escaped as HTML or as Markdown: the labels of classes come
from user input and the reasons from a gate, and neither may put markup into a page.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from jinja2.nodes import EvalContext
from markupsafe import Markup
from numpy.typing import NDArray

from release.fidelity.metrics import METRIC_GROUPS
from release.gate.checks_table import table
from release.report import copy_kinds, text
from release.report.certificate import certificate
from release.report.certificate_pdf import certificate_pdf
from release.report.contact_sheets import contact_sheets
from release.report.disclosure import disclosed
from release.report.figures import (
    Drawing,
    control_recalls,
    distance_histograms,
    membership_curve,
)
from release.report.record import IN_PACKAGE
from release.report.schema import Report, canonical_json
from release.utility.scores import SCORE_TITLES

_MARKDOWN = re.compile(r"([\\`*_\[\]>|#~])")
_FILTERS = (
    text.count,
    text.estimate,
    text.estimated_percent,
    text.interval,
    text.percent,
    text.probability,
    text.rate,
    text.significant,
    text.value,
)


def documents(report: Report, sheets: Mapping[str, NDArray[np.uint8]]) -> dict[str, bytes]:
    """Write the documents of a set, for one that was refused as for one that leaves.

    Args:
        report: All that is known of the set.
        sheets: Synthetic images to show of each class, (n, h, w). They are shown of a released set
            only: what was refused is not seen in its report either.

    Returns:
        Content by file name, as the names stand in the package.
    """
    shown = disclosed(report)
    pictures = contact_sheets(sheets) if shown.verdict.is_released else []
    certified = certificate(shown)
    as_json = canonical_json(certified)
    values = {
        "report": shown,
        "certificate": certified,
        "in_package": IN_PACKAGE,
        "sheets": pictures,
        "drawings": drawings(shown),
        "findings": shown.gate.findings,
        "policy": asdict(shown.gate.policy),
        "smallest_p": text.SMALLEST_P,
        "checks_table": table(),
        "metric_groups": METRIC_GROUPS,
        "score_titles": SCORE_TITLES,
        "size_category": size_category(shown.set.released),
    }
    return {
        "report.html": _render("report.html", values),
        "report.json": shown.to_json(),
        "certificate.json": as_json,
        "certificate.html": _render("certificate.html", values),
        "certificate.pdf": certificate_pdf(json.loads(as_json)),
        "method.md": _render("method.md", values),
        "DATASET_CARD.md": _render("DATASET_CARD.md", values),
        "TERMS.md": _render("TERMS.md", values),
    }


def drawings(report: Report) -> dict[str, Drawing]:
    """Draw every plot that the report has numbers for."""
    gate = report.gate
    drawn = []
    if gate.controls:
        drawn.append(control_recalls(gate.controls, gate.policy.min_control_recall))
    if gate.membership:
        drawn.append(membership_curve(gate.membership))
    if gate.histograms and gate.histograms.compares:
        drawn.append(distance_histograms(gate.histograms))
    return {drawing.name: drawing for drawing in drawn}


def size_category(num_images: int) -> str:
    """Name the size of a set as dataset cards on the Hugging Face Hub do."""
    if num_images < 1_000:
        return "n<1K"
    bounds = ((10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
    return next((name for bound, name in bounds if num_images < bound), "1M<n<10M")


def _render(template: str, values: dict[str, Any]) -> bytes:
    """Fill a template of this package.

    Raises:
        jinja2.UndefinedError: The template asks for what it was not given.
    """
    return (_ENVIRONMENT.get_template(template).render(values).strip() + "\n").encode()


@jinja2.pass_eval_context
def _escaped(context: EvalContext, value: Any) -> Any:
    """Escape Markdown where the page is not HTML, whose escaping jinja does itself."""
    if context.autoescape or isinstance(value, Markup):
        return value
    return _MARKDOWN.sub(r"\\\1", re.sub(r"\s+", " ", str(value))).replace("<", "&lt;")


def _code(value: object) -> Markup:
    """Set text as code in Markdown."""
    return Markup(f"`{str(value).replace('`', '')}`")  # noqa: S704 - code holds no markup


def _quoted(value: object) -> Markup:
    """Quote text for the YAML header; a JSON string is one of YAML's."""
    return Markup(json.dumps(str(value), ensure_ascii=False))  # noqa: S704


_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=jinja2.select_autoescape(["html"]),
    finalize=_escaped,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=False,
)
_ENVIRONMENT.filters.update({function.__name__: function for function in _FILTERS})
_ENVIRONMENT.filters.update({"code": _code, "quoted": _quoted})
_ENVIRONMENT.globals.update({"text": text, "kinds": copy_kinds})
