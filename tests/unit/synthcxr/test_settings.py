"""How a client reaches a service: certificates, headers, proxies."""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import ssl
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

import synthcxr
from synthcxr import Client, ServiceUnreachable
from synthcxr.errors import BadCertificates, BadProxy


class Service(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps({"version": self.headers["User-Agent"]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Make a certificate for 127.0.0.1 that nobody but a test trusts, its key in the same file."""
    key = generate_private_key(SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = dt.datetime.now(dt.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(address, critical=False)
        .sign(key, SHA256())
    )
    path = tmp_path / "certificate.pem"
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(made.public_bytes(Encoding.PEM) + pem)
    return path


@pytest.fixture
def url(certificate: Path) -> Iterator[str]:
    """Serve over TLS."""
    with HTTPServer(("127.0.0.1", 0), Service) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_: None  # a client that does not trust it hangs up
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"https://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_certificate_is_checked_against_the_bundle_that_was_given(
    url: str, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        Client(url, sleep=lambda _: None) as client,
        pytest.raises(ServiceUnreachable, match=r"(?i)certificate"),
    ):
        client.version()
    for verify in (certificate, str(certificate), ssl.create_default_context(cafile=certificate)):
        with Client(url, verify=verify) as client:
            assert client.version().version == f"synthcxr/{synthcxr.__version__}"
    monkeypatch.setenv("SYNTHCXR_CA_BUNDLE", str(certificate))
    with Client(url) as client:
        client.version()


def test_certificates_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.touch()
    for verify in (tmp_path / "absent.pem", empty):
        with pytest.raises(BadCertificates, match=verify.name):
            Client("https://service", verify=verify)


def test_headers_go_with_every_request() -> None:
    seen = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append((request.headers["x-gateway"], request.headers["authorization"]))
        return httpx.Response(200, json={"version": "1"})

    client = Client(
        "http://service",
        token="key",
        headers={"X-Gateway": "7"},
        transport=httpx.MockTransport(answer),
    )
    client.version()
    assert seen == [("7", "Bearer key")]


def test_a_proxy_that_was_given_is_used_and_one_that_cannot_be_is_named() -> None:
    with HTTPServer(("127.0.0.1", 0), Service) as proxy:
        thread = Thread(target=proxy.handle_request)
        thread.start()
        with Client("http://service", proxy=f"http://127.0.0.1:{proxy.server_port}") as client:
            assert client.version().version
        thread.join()
    with pytest.raises(BadProxy):
        Client("http://service", proxy="nonsense")
