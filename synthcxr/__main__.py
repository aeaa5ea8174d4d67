"""`python -m synthcxr` is the `synthcxr` command."""

from __future__ import annotations

from synthcxr.cli import main

main()
