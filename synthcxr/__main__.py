"""The `synthcxr` command, also as `python -m synthcxr`."""

from __future__ import annotations

import importlib.util
import sys
from typing import NoReturn

from synthcxr.errors import MissingPackage

NEEDED = ("rich", "typer")  # the extra `cli`


def main() -> NoReturn:
    """Run the command line, or say what it needs."""
    if any(importlib.util.find_spec(name) is None for name in NEEDED):
        sys.exit(f"Error: {MissingPackage('The command line', *NEEDED)}")
    from synthcxr.cli import main as run

    run()


if __name__ == "__main__":
    main()
