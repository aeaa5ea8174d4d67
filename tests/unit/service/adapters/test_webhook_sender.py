"""Over TLS the certificate is that of the name, though the connection goes to an address."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from service.adapters.webhook_sender import WebhookSender
from service.domain.webhook_targets import TargetRules

HERE = TargetRules(loopback=True)


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as http.server names it
        pass


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate and key of the name `localhost` alone."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "localhost.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(private + built.public_bytes(Encoding.PEM))
    return file


@pytest.fixture
def port(certificate: Path) -> Iterator[int]:
    server = HTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_certificate_is_that_of_the_name(port: int, certificate: Path) -> None:
    sender = WebhookSender(HERE, certificate, resolve=lambda *_: ["127.0.0.1"])
    assert sender.send(f"https://localhost:{port}/", {}, "{}").status == 204
    other = sender.send(f"https://127.0.0.1:{port}/", {}, "{}")
    assert (other.status, other.error) == (None, "tls_failed")


def test_a_certificate_of_an_unknown_authority_is_not_trusted(port: int) -> None:
    sender = WebhookSender(HERE, resolve=lambda *_: ["127.0.0.1"])
    sent = sender.send(f"https://localhost:{port}/", {}, "{}")
    assert (sent.status, sent.error) == (None, "tls_failed")


@pytest.mark.parametrize(
    ("resolve", "error"),
    [(lambda *_: [], "unresolved"), (lambda *_: ["127.0.0.1"], "unreachable")],
)
def test_a_receiver_that_is_not_there_is_named_as_such(resolve, error) -> None:
    sender = WebhookSender(HERE, resolve=resolve)
    assert sender.send("http://localhost:9/", {}, "{}").error == error
