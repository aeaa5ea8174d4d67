"""An S3 store on loopback, by moto's server in this process, and a proxy in front that fails."""

import http.client
import re
import socket
import struct
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx
from moto.server import ThreadedMotoServer

from service.settings import Settings

SECRET = "CANARY-secret-of-the-account"

# moto lets in whoever claims to have signed, and looks at no signature
_TIMEOUT = httpx.Timeout(60)  # seconds, on a machine that does much else
_SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=tester/20260101/eu-central-1/s3/aws4"}

Fault = Literal["none", "reset", "unavailable", "cut", "refuse", "lost answer"]


@dataclass(frozen=True)
class ObjectStore:
    """A bucket of its own on a running server.

    Attributes:
        url: Of the server, or of a proxy before it.
        bucket: Its name.
        server: Where it can be looked at, whatever a proxy does.
    """

    url: str
    bucket: str
    server: str

    def settings(self, data_dir: Path, **more: Any) -> Settings:
        """Return the settings of a service, or of one machine of it, that uses the bucket."""
        return Settings(
            data_dir=data_dir,
            artifacts=f"s3://{self.bucket}/service-1",
            s3_endpoint=self.url,
            s3_region="eu-central-1",
            s3_access_key_id="tester",
            s3_secret_access_key=SECRET,
            **more,
        )

    def objects(self) -> list[str]:
        """List what is in the bucket."""
        listing = httpx.get(
            f"{self.server}/{self.bucket}", params={"list-type": "2"}, timeout=_TIMEOUT
        ).text
        return [key.removeprefix("service-1/") for key in re.findall("<Key>(.+?)</Key>", listing)]

    def unfinished_uploads(self) -> int:
        """Count the multipart uploads that were begun and not ended."""
        return httpx.get(f"{self.server}/{self.bucket}?uploads", timeout=_TIMEOUT).text.count(
            "<Upload>"
        )

    def content(self, key: str) -> bytes:
        """Read an object."""
        url = f"{self.server}/{self.bucket}/service-1/{key}"
        return httpx.get(url, headers=_SIGNED, timeout=_TIMEOUT).raise_for_status().content

    def overwrite(self, key: str, content: bytes) -> None:
        """Change an object behind the service's back."""
        url = f"{self.server}/{self.bucket}/service-1/{key}"
        httpx.put(url, content=content, headers=_SIGNED, timeout=_TIMEOUT).raise_for_status()

    def remove_bucket(self) -> None:
        """Remove the bucket and all that is in it."""
        for key in self.objects():
            url = f"{self.server}/{self.bucket}/service-1/{key}"
            httpx.delete(url, headers=_SIGNED, timeout=_TIMEOUT).raise_for_status()
        httpx.delete(
            f"{self.server}/{self.bucket}", headers=_SIGNED, timeout=_TIMEOUT
        ).raise_for_status()


@contextmanager
def running_server() -> Iterator[str]:
    """Run moto's server; yields its URL."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def new_bucket(server: str) -> ObjectStore:
    """Make a bucket."""
    bucket = f"bucket-{uuid.uuid4().hex}"
    httpx.put(f"{server}/{bucket}", timeout=_TIMEOUT).raise_for_status()
    return ObjectStore(server, bucket, server)


@dataclass
class Faults:
    """What a proxy does to the requests that pass it, by the order of their arrival.

    Attributes:
        choose: Says what happens to a request, by its method and path.
        seen: The requests so far.
    """

    choose: Callable[[str, str], Fault] = lambda method, path: "none"
    seen: list[tuple[str, str]] = field(default_factory=list)


@contextmanager
def failing_proxy(upstream: str, faults: Faults) -> Iterator[str]:
    """Run a proxy that hands requests on, or fails as planned; yields its URL."""

    class Handler(_Handler):
        target = urlsplit(upstream).netloc
        planned = faults

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    target: str
    planned: Faults

    def _pass(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        self.planned.seen.append((self.command, self.path))
        fault = self.planned.choose(self.command, self.path)
        if fault == "reset":
            self._reset()
        elif fault == "unavailable":
            self._answer(503, b"<Error><Code>SlowDown</Code></Error>")
        elif fault == "refuse":
            self._answer(403, b"<Error><Code>ExpiredToken</Code></Error>")
        else:
            status, headers, content = self._upstream(body)
            if fault == "lost answer":
                self._reset()
            else:
                self._answer(status, content, headers, cut=fault == "cut")

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _pass  # noqa: N815

    def _upstream(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(self.target)
        connection.request(self.command, self.path, body, dict(self.headers))
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, dict(answer.getheaders()), content

    def _answer(
        self,
        status: int,
        content: bytes,
        headers: dict[str, str] | None = None,
        *,
        cut: bool = False,
    ) -> None:
        skipped = {"connection", "date", "server", "transfer-encoding", "content-length"}
        self.send_response(status)
        for name, value in (headers or {}).items():
            if name.lower() not in skipped:
                self.send_header(name, value)
        length = (headers or {}).get("Content-Length", str(len(content)))
        self.send_header("Content-Length", length)
        self.end_headers()
        if self.command == "HEAD":
            return
        self.wfile.write(content[: len(content) // 2] if cut else content)
        if cut:
            self._reset()

    def _reset(self) -> None:
        self.close_connection = True
        self.wfile.flush()
        with suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def log_message(self, *_: object) -> None:
        """Say nothing."""
