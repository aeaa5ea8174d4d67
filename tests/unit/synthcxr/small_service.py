"""A service of one model and one set, over real sockets, that notes what it is asked."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

JOB = {
    "id": "job_1",
    "kind": "generate",
    "state": "succeeded",
    "done": True,
    "request": {"model_id": "mdl_1"},
    "result": {"synthetic_set_id": "syn_1"},
}


@dataclass
class SmallService:
    """What it answers with, and what it was asked.

    Attributes:
        content: The set's ZIP.
        verdict: Of the set.
        asked: Method and path of every request.
        bodies: Of every POST.
    """

    content: bytes
    verdict: dict[str, Any] = field(default_factory=lambda: {"outcome": "passed"})
    asked: list[str] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""

    def answer(self, path: str) -> tuple[int, dict[str, Any]]:
        """Answer a request for anything but the ZIP."""
        if path == "/signing-keys":
            return 200, {"items": []}
        if path.startswith("/synthetic-sets/"):
            return 200, {"id": "syn_1", "num_images": 6, "verdict": self.verdict}
        return 200, JOB

    @contextmanager
    def running(self) -> Iterator[str]:
        """Answer on a port of this machine; yields the address."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            self.url = f"http://127.0.0.1:{server.server_address[1]}"
            yield self.url
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


def _handler(service: SmallService) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 2**16  # headers and body in one packet, or each waits 40 ms for the other

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            service.bodies.append(json.loads(self.rfile.read(length) or b"{}"))
            self._answer()

        def _answer(self) -> None:
            service.asked.append(f"{self.command} {self.path}")
            try:
                if self.path.endswith("/download"):
                    self._send_file(service.content)
                    return
                status, body = service.answer(self.path.partition("?")[0])
                self._send(status, json.dumps(body).encode(), {"content-type": "application/json"})
            except OSError:  # the client was killed
                self.close_connection = True

        def _send_file(self, content: bytes) -> None:
            etag = f'"{hashlib.sha256(content).hexdigest()}"'
            wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("range", ""))
            if not wanted or self.headers.get("if-range") != etag:
                self._send(200, content, {"etag": etag})
                return
            first = int(wanted[1])
            if first >= len(content):
                self._send(416, b"", {})
                return
            place = f"bytes {first}-{len(content) - 1}/{len(content)}"
            self._send(206, content[first:], {"etag": etag, "content-range": place})

        def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as http.server names it
            pass

    return Handler
