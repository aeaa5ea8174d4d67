"""Try an ingest: `python -m radiographs check PATH` prints what it would make, as JSON.

Everything is done but keeping the result: no service, no ledger of patients, a key of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import sys
import tempfile
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from radiographs.errors import IngestRefused
from radiographs.ingest import ArchiveSource, FolderSource, IngestOptions, IngestSummary, run
from radiographs.splits.keyed_hash import KEY_BYTES

_OF_A_SPLIT = ("fingerprint", "version", "num_known_images", "num_split_conflicts")


def main() -> int:
    """Print the findings; return 1 where the set would be refused."""
    parser = argparse.ArgumentParser(prog="python -m radiographs", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="say what an ingest would make of a folder or ZIP")
    check.add_argument("path", type=Path)
    check.add_argument("--strict", action="store_true", help="refuse for any warning")
    check.add_argument("--image-size", type=int, default=None)
    given = parser.parse_args()
    options = IngestOptions(
        secrets.token_bytes(KEY_BYTES), image_size=given.image_size, strict=given.strict
    )
    try:
        summary = _tried(given.path, options)
    except IngestRefused as refused:
        found = {"code": refused.code, "detail": refused.message, "files": refused.files}
        print(json.dumps({"refused": found}))
        return 1
    print(json.dumps({"dataset": _found(summary)}))
    return 0


def _tried(path: Path, options: IngestOptions) -> IngestSummary:
    source = FolderSource(path) if path.is_dir() else ArchiveSource(path)
    with tempfile.TemporaryDirectory(prefix="synthcxr-check-") as folder:  # mode 0700
        return run(source, Path(folder), options)


def _found(summary: IngestSummary) -> dict[str, Any]:
    """Return what there is to say of a set before it is split."""
    fields = {name: value for name, value in asdict(summary).items() if name not in _OF_A_SPLIT}
    dataset = ("classes", "image_size", "bit_depth", "dropped", "warnings")
    return {
        **{name: fields.pop(name) for name in dataset},
        "dropped_counts": Counter(file.code for file in summary.dropped),
        "summary": fields,
    }


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main())
