"""What mkdocs does besides: list the decisions, leave out links to files of the repository."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

LINK = re.compile(r"\[([^\[\]]*)\]\((?!\w+:|#)([^)#\s]+)(?:#[^)\s]*)?\)")


def on_config(config: Any) -> Any:
    """Add a page for each decision, as mkdocs has it called once."""
    docs = Path(config.docs_dir)
    decisions = [path.relative_to(docs).as_posix() for path in sorted((docs / "adr").glob("*.md"))]
    config.nav.append({"Decisions": decisions})
    return config


def on_page_markdown(markdown: str, page: Any, **_: object) -> str:
    """Turn a link out of `docs/` into its words, as mkdocs has it called before each page."""
    folder = posixpath.dirname(page.file.src_uri)

    def shown(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(folder, link[2]))
        return link[1] if target.startswith("..") else link[0]

    return LINK.sub(shown, markdown)
