"""Says what becomes of files, archives or tables, in a process of little memory.

Run as a program: what to try, and where it lies. It prints one JSON object, by name: the code of
what happened and the processor seconds that it took.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from radiographs.errors import IngestRefused, UnreadableImage
from radiographs.prepared_image import StoredForm
from radiographs.reading.layouts import ListedImage
from radiographs.reading.limits import ReadingLimits
from radiographs.reading.sources import ArchiveSource, FolderSource, Reader, Source

MEMORY_BYTES = 64 << 20
LIMITS = ReadingLimits(memory_bytes=MEMORY_BYTES, cpu_seconds=2, cpu_nanoseconds_per_pixel=0)
FORM = StoredForm(64, 8, "pad")


def outcomes_of_files(source: Source) -> dict[str, tuple[str, float]]:
    """Read every image of a source."""
    reader = source.reader(LIMITS)
    found = {}
    for image in source.listing().images:

        def read(image=image) -> str:
            read_alone(reader, image)
            return "read"

        found[image.name] = outcome(read)
    reader.close()
    return found


def read_alone(reader: Reader, image: ListedImage) -> None:
    """Read one image by itself, so that its time is its own."""
    for read in (reader.headers, partial(reader.pixels, form=FORM)):
        (found,) = read([image])
        if isinstance(found, UnreadableImage):
            raise found


def outcome_of_set(source: Callable[[], Source]) -> tuple[str, float]:
    """Open and list a source, and read the first image that cannot be read, if any."""

    def read() -> str:
        opened = source()
        images = opened.listing().images
        reader = opened.reader(LIMITS)
        try:
            for image in images:
                read_alone(reader, image)
        finally:
            reader.close()
        return "read"

    return outcome(read)


def outcome(work: Callable[[], str]) -> tuple[str, float]:
    began = time.process_time()
    try:
        code = work()
    except (IngestRefused, UnreadableImage) as problem:
        code = problem.code
    except Exception as error:  # what a test is to see
        code = repr(error)[:200]
    return code, time.process_time() - began


def main() -> None:
    kind, where = sys.argv[1], Path(sys.argv[2])
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    limit = pages * resource.getpagesize() + MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))
    if kind == "files":
        found = outcomes_of_files(FolderSource(where))
    else:
        opener = ArchiveSource if kind == "archives" else FolderSource
        found = {
            path.name: outcome_of_set(lambda path=path: opener(path))
            for path in sorted(where.iterdir())
        }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
