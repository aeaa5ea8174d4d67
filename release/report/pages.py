"""Templates become pages, with what fills them escaped as HTML or as Markdown.

The labels of classes come from a stranger's folders and the reasons from a gate: neither may put
markup into a page.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jinja2
from jinja2.nodes import EvalContext
from markupsafe import Markup

from release.report import copy_kinds as kinds
from release.report import numerals
from release.report import text as words

_MARKDOWN = re.compile(r"([\\`*_\[\]>|#~])")
_FILTERS = (
    numerals.count,
    numerals.estimate,
    numerals.estimated_percent,
    numerals.interval,
    numerals.percent,
    numerals.probability,
    numerals.rate,
    numerals.significant,
    numerals.value,
)


def render(template: str, values: dict[str, Any]) -> bytes:
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


def _code(text: object) -> Markup:
    """Set text as code in Markdown."""
    return Markup(f"`{str(text).replace('`', '')}`")  # noqa: S704 - code holds no markup


def _quoted(text: object) -> Markup:
    """Quote text for the YAML header; a JSON string is one of YAML's."""
    return Markup(json.dumps(str(text), ensure_ascii=False))  # noqa: S704


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
_ENVIRONMENT.globals.update({"words": words, "kinds": kinds})
