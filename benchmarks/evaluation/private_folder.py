"""Folders for what is derived from real images, and so never enters the repository."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


def cache_folder() -> Path:
    """Find the user's cache folder for evaluations (XDG base directories)."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "synthcxr" / "evaluation"


def refuse_unignored(folder: Path) -> None:
    """Refuse a folder that git would take into the repository.

    Raises:
        ValueError: The folder lies inside the checkout and is not ignored.
    """
    if not folder.resolve().is_relative_to(CHECKOUT):
        return
    # a trailing slash, so that patterns for folders match one that does not exist yet
    asked = ["git", "check-ignore", "--quiet", f"{folder.resolve()}/"]
    if subprocess.run(asked, cwd=CHECKOUT, check=False).returncode != 0:
        raise ValueError(
            f"{folder} lies inside the checkout, and images would be committed with it. "
            "Name a folder outside, or one that git ignores."
        )
