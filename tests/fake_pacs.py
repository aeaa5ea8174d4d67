"""A small DICOMweb server for tests, which can be made to behave badly."""

import json
import re
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np
from pydicom import dcmread
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset

from radiographs.phantom import draw
from tests.unit.radiographs.made_dicom import dicom

DICOM_JSON = "application/dicom+json"
_SHOWN = (
    *("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "Modality", "BodyPartExamined"),
    *("StudyDate", "AccessionNumber", "StudyDescription", "PatientID", "PatientName"),
    "ViewPosition",
)
_OPTIONS = {"limit", "offset", "includefield"}

Answer = tuple[int, dict[str, str], bytes]


def radiograph(index: int, finding: str = "normal", size: int = 64, **changes: Any) -> bytes:
    """Draw a phantom as a DICOM file of a study of its own; the same arguments, the same file."""
    root = f"1.2.3.{1 + sorted(('normal', 'effusion')).index(finding)}.{index}"
    elements = {
        "StudyInstanceUID": f"{root}.1",
        "SeriesInstanceUID": f"{root}.2",
        "SOPInstanceUID": f"{root}.3",
        "PatientID": f"P-{finding}-{index}",
        "PatientName": f"CANARY^{index}",
        "StudyDate": f"2020{1 + index % 12:02}15",
        "AccessionNumber": f"A-{finding}-{index}",
        "StudyDescription": f"THORAX {finding.upper()}",
        "ViewPosition": "PA",
    } | changes
    return dicom(_drawn(finding, index, size), 8, **elements)


@cache
def _drawn(finding: str, index: int, size: int) -> np.ndarray:
    seed = len(finding)  # else the images of one index would be of one patient
    return draw(finding, seed=seed, index=index, size=size).pixels


@dataclass
class FakePacs:
    """What the server holds and has seen.

    Attributes:
        files: DICOM files by SOPInstanceUID.
        asked: Path, query and headers of every request.
        queries: Every query as it was sent.
        instead: Is asked first, with path and query; what it returns is the answer.
        max_page: The server's own limit of a page.
        knows_pages: Whether it heeds `offset`.
        ignores: Attributes that it does not search by.
        pages_first: Whether it takes a page of all that it has, and then the matches in it.
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str], dict[str, str]]] = field(default_factory=list)
    queries: list[str] = field(default_factory=list)
    instead: Callable[[str, dict[str, str]], Answer | None] = lambda path, query: None
    max_page: int = 1000
    knows_pages: bool = True
    ignores: frozenset[str] = frozenset()
    pages_first: bool = False

    def hold(self, *files: bytes) -> list[str]:
        """Keep files; returns their identifiers."""
        by_uid = {str(_header(file).SOPInstanceUID): file for file in files}
        self.files |= by_uid
        return list(by_uid)

    def num_fetched(self) -> int:
        return sum(bool(re.search(r"/instances/[\d.]+$", path)) for path, *_ in self.asked)

    def get(self, path: str, query: dict[str, str]) -> Answer:
        if path == "/studies":
            return self._found(query, "StudyInstanceUID", {})
        if found := re.fullmatch(r"/studies/([\d.]+)/instances", path):
            return self._found(query, "SOPInstanceUID", {"StudyInstanceUID": found[1]})
        if found := re.fullmatch(r"/studies/[\d.]+/series/[\d.]+/instances/([\d.]+)", path):
            return related(self.files[found[1]]) if found[1] in self.files else (404, {}, b"")
        return 404, {}, b""

    def post(self, content_type: str, body: bytes) -> Answer:
        boundary = content_type.partition("boundary=")[2].encode()
        parts = [part.partition(b"\r\n\r\n")[2] for part in body.split(b"--" + boundary)[1:-1]]
        stored = self.hold(*(part.removesuffix(b"\r\n") for part in parts))
        return 200, *json_of({"00081199": sequence(stored)})

    def _found(self, query: dict[str, str], key: str, also: dict[str, str]) -> Answer:
        wanted = {k: v for k, v in query.items() if k not in _OPTIONS | self.ignores} | also
        headers = map(_header, self.files.values())
        matching = [each for each in headers if all(_fits(each, *one) for one in wanted.items())]
        by_key = {str(each[key].value): each for each in matching}
        rows = [_json(by_key[each]) for each in sorted(by_key)]
        start = int(query.get("offset", 0)) if self.knows_pages else 0
        if self.pages_first and start:
            return 204, {}, b""
        page = rows[start : start + min(int(query.get("limit", 1000)), self.max_page)]
        return (200, *json_of(page)) if page else (204, {}, b"")


def related(*files: bytes, kind: str = "application/dicom") -> Answer:
    head = f"--b\r\nContent-Type: {kind}\r\n\r\n".encode()
    body = b"".join(head + file + b"\r\n" for file in files) + b"--b--\r\n"
    return 200, {"Content-Type": f'multipart/related; type="{kind}"; boundary=b'}, body


def json_of(content: Any) -> tuple[dict[str, str], bytes]:
    return {"Content-Type": DICOM_JSON}, json.dumps(content).encode()


def sequence(uids: list[str], **more: int) -> dict[str, Any]:
    """What became of instances, in DICOM JSON."""
    about = {f"{tag_for_keyword(name):08X}": {"Value": [value]} for name, value in more.items()}
    return {
        "vr": "SQ",
        "Value": [{"00081155": {"vr": "UI", "Value": [uid]}} | about for uid in uids],
    }


@contextmanager
def serving(pacs: FakePacs, tls: ssl.SSLContext | None = None) -> Iterator[FakePacs]:
    """Run the server on a free port of the loopback."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = dict(parse_qsl(parts.query))
            pacs.queries.append(parts.query)
            self._answer(parts.path, query, lambda: pacs.get(parts.path, query))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(self.path, {}, lambda: pacs.post(self.headers["Content-Type"], body))

        def _answer(self, path: str, query: dict[str, str], usual: Callable[[], Answer]) -> None:
            pacs.asked.append((path, query, dict(self.headers)))
            status, headers, body = pacs.instead(path, query) or usual()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if "Content-Length" not in headers:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """Say nothing of clients that go away."""

    server = Server(("127.0.0.1", 0), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    pacs.url = f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield pacs
    finally:
        server.shutdown()
        thread.join()
        server.socket.close()


def _header(file: bytes) -> Dataset:
    return dcmread(BytesIO(file), stop_before_pixels=True)


def _fits(header: Dataset, name: str, wanted: str) -> bool:
    value = str(header.get(name.replace("ModalitiesInStudy", "Modality"), ""))
    if name == "StudyDate":
        first, hyphen, last = wanted.partition("-")
        return first <= value <= (last or "9") if hyphen else value == wanted
    return bool(re.fullmatch(re.escape(wanted).replace(r"\*", ".*").replace(r"\?", "."), value))


def _json(header: Dataset) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name in _SHOWN:
        value = header.get(name)
        if value not in {None, ""}:
            text = {"Alphabetic": str(value)} if name == "PatientName" else str(value)
            row[f"{tag_for_keyword(name):08X}"] = {"vr": header[name].VR, "Value": [text]}
    row["00080061"] = {"vr": "CS", "Value": [str(header.Modality)]}  # ModalitiesInStudy
    return row
