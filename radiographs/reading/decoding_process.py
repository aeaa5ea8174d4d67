"""The process in which images are decoded: a hostile file can end it, and nothing else.

It gets the bytes of one file after the other, or files that are open to be read, on its standard
input and answers there. It opens no files, knows no settings and never sees a key or a name. Its
memory is limited
from its start, its processor time anew for each image; the kernel ends it where it exceeds that,
also in the middle of a decoder that no Python code could interrupt.
"""

from __future__ import annotations

import resource
import signal
import socket
import sys
from pathlib import Path
from typing import cast

from radiographs.errors import UnreadableImage
from radiographs.prepared_image import BurnedInText, StoredForm, prepare
from radiographs.reading.decoding import open_image, pixels_of, read_header
from radiographs.reading.limits import OUT_OF_MEMORY, ReadingLimits
from radiographs.reading.messages import Head, Line
from radiographs.store.resizing import Fit


def serve(line: Line, limits: ReadingLimits) -> None:
    """Answer until nothing more is asked.

    Each file has its own answer, sent before the next file is looked at: should that one end the
    process, what came before it is not lost.
    """
    line.send({"ready": True})
    while True:
        try:
            asked, files = line.receive()
        except (EOFError, OSError):
            return
        for data in files:
            line.send(*_answer(asked, data, limits))


def _answer(asked: Head, data: bytes, limits: ReadingLimits) -> tuple[Head, list[bytes]]:
    try:
        _limit_time(limits.seconds_for(0))
        if asked["wanted"] == "headers":
            return read_header(data).as_json(), []
        return _pixels(asked, data, limits)
    except UnreadableImage as problem:
        return {"code": problem.code, "reason": problem.reason}, []
    except MemoryError:
        return {"code": "too_costly", "reason": OUT_OF_MEMORY}, []
    finally:
        _limit_time(0)


def _pixels(asked: Head, data: bytes, limits: ReadingLimits) -> tuple[Head, list[bytes]]:
    image = open_image(data)
    _limit_time(limits.seconds_for(image.header.width * image.header.height))
    pixels = pixels_of(image)
    form = StoredForm(
        int(asked["size"]),
        int(asked["depth"]),
        cast("Fit", asked["fit"]),
        cast("BurnedInText", asked["burned_in_text"]),
    )
    prepared = prepare(pixels, form)
    said = {name: getattr(prepared, name) for name in ("upsampled", "num_places", "top")}
    return said, [prepared.stored.tobytes(), prepared.descriptor.tobytes()]


def _limit_time(cpu_seconds: float) -> None:
    """Let the kernel end this process after so much more processor time; 0 for no limit."""
    signal.setitimer(signal.ITIMER_PROF, cpu_seconds)


def _limit_memory(num_bytes: int) -> None:
    """Allow so much more address space than there is, and no image in a core dump."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform != "linux":
        return  # elsewhere the system does not keep to such a limit
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    limit = pages * resource.getpagesize() + num_bytes
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def main() -> None:
    """Serve under the limits that the command line gives: bytes, seconds, nanoseconds a pixel."""
    memory_bytes, cpu_seconds, cpu_nanoseconds = sys.argv[1:]
    limits = ReadingLimits(int(memory_bytes), float(cpu_seconds), float(cpu_nanoseconds))
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    _limit_memory(limits.memory_bytes)
    serve(Line(socket.socket(fileno=sys.stdin.fileno())), limits)


if __name__ == "__main__":
    main()
