"""Whatever a server does wrong has a name, is bounded, and shows neither secrets nor patients."""

import asyncio
import datetime as dt
import ipaddress
import logging
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from service.domain import errors
from service.domain.dicomweb import DicomwebServer
from tests.fake_pacs import DICOM_JSON, Answer, FakePacs, json_of, serving
from workers.dicomweb import connection as connections
from workers.dicomweb.connection import Connection

PATIENT = [("PatientID", "CANARY^1")]


def searched(server: DicomwebServer, request_seconds: float = 10) -> Any:
    async def search() -> Any:
        async with Connection(server, request_seconds) as connection:
            return await connection.search("/studies", PATIENT)

    return asyncio.run(search())


def server_of(pacs: FakePacs, **more: Any) -> DicomwebServer:
    return DicomwebServer("pacs", pacs.url, **more)


def always(*answer: Any) -> Callable[..., Answer]:
    return lambda *_: answer


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((200, {"Content-Type": "text/html"}, b"<html>CANARY^1"), errors.DicomwebAnswerInvalid),
        ((200, {}, b"[]"), errors.DicomwebAnswerInvalid),
        ((200, {"Content-Type": DICOM_JSON}, b'[{"CANARY^1'), errors.DicomwebAnswerInvalid),
        ((200, {"Content-Type": DICOM_JSON}, b"[" * 100_000), errors.DicomwebAnswerInvalid),
        ((200, *json_of({"a": 1})), errors.DicomwebAnswerInvalid),
        ((200, *json_of(["CANARY^1"])), errors.DicomwebAnswerInvalid),
        ((400, {}, b"CANARY^1"), errors.DicomwebAnswerInvalid),
        ((404, {}, b""), errors.DicomwebAnswerInvalid),
        ((401, {}, b"CANARY^1"), errors.DicomwebDenied),
        ((403, {}, b""), errors.DicomwebDenied),
        ((500, {}, b"CANARY^1"), errors.DicomwebUnreachable),
        ((503, {"Retry-After": "soon"}, b""), errors.DicomwebUnreachable),
        ((302, {"Location": "https://other.example.org/CANARY^1"}, b""), errors.DicomwebRedirected),
        ((307, {"Location": "/elsewhere"}, b""), errors.DicomwebRedirected),
    ],
)
def test_a_wrong_answer_has_a_name_and_is_not_quoted(
    pacs: FakePacs, answer: Answer, error: type[errors.DicomwebFailed]
) -> None:
    pacs.instead = always(*answer)
    with pytest.raises(error) as raised:
        searched(server_of(pacs))
    assert type(raised.value) in {error, connections._Transient}
    assert "pacs" in raised.value.message
    assert "CANARY" not in repr(raised.value) + raised.value.message
    assert len(pacs.asked) == 1


def test_an_answer_has_a_largest_size(pacs: FakePacs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MAX_JSON_BYTES", 1000)
    pacs.instead = always(200, {"Content-Type": DICOM_JSON}, b"[" + b" " * 2000 + b"]")
    with pytest.raises(errors.DicomwebAnswerInvalid, match="1,000 bytes"):
        searched(server_of(pacs))


@pytest.fixture
def three_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "PAUSES_SECONDS", (0, 0))


@pytest.mark.usefixtures("three_tries")
def test_a_server_that_fails_for_a_moment_is_asked_again(pacs: FakePacs) -> None:
    pacs.instead = lambda *_: (503, {}, b"") if len(pacs.asked) < 3 else None
    assert searched(server_of(pacs)) == []
    assert len(pacs.asked) == 3


@pytest.mark.usefixtures("three_tries")
def test_a_server_that_goes_on_failing_is_asked_three_times(pacs: FakePacs) -> None:
    pacs.instead = always(502, {}, b"")
    with pytest.raises(errors.DicomwebUnreachable, match="502"):
        searched(server_of(pacs))
    assert len(pacs.asked) == 3


@pytest.mark.usefixtures("three_tries")
@pytest.mark.parametrize("status", [401, 302, 404])
def test_what_will_not_pass_is_not_asked_again(pacs: FakePacs, status: int) -> None:
    pacs.instead = always(status, {"Location": "/"}, b"")
    with pytest.raises(errors.DicomwebFailed):
        searched(server_of(pacs))
    assert len(pacs.asked) == 1


def test_a_slow_answer_is_cut_off(pacs: FakePacs) -> None:
    def slowly(*_: object) -> None:
        time.sleep(1)

    pacs.instead = slowly
    with pytest.raises(errors.DicomwebUnreachable, match="too slowly"):
        searched(server_of(pacs), request_seconds=0.1)


def test_an_answer_that_breaks_off_is_named(pacs: FakePacs) -> None:
    headers = {"Content-Type": DICOM_JSON, "Content-Length": "100", "Connection": "close"}
    pacs.instead = always(200, headers, b"[")
    with pytest.raises(errors.DicomwebUnreachable, match="broke off"):
        searched(server_of(pacs))


def test_nobody_at_an_address_is_named() -> None:
    with pytest.raises(errors.DicomwebUnreachable, match="cannot be reached"):
        searched(DicomwebServer("pacs", "http://127.0.0.1:9"))


def test_credentials_are_read_from_their_files_and_sent(pacs: FakePacs, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    searched(server_of(pacs, token_file=secret))
    searched(server_of(pacs, username="cxr", password_file=secret))
    headers = [headers["Authorization"] for _, _, headers in pacs.asked]
    assert headers == ["Bearer s3cret", "Basic Y3hyOnMzY3JldA=="]


def test_neither_secrets_nor_patients_get_into_logs_or_errors(
    pacs: FakePacs, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    secret = tmp_path / "secret"
    secret.write_text("s3cret")
    searched(server_of(pacs, token_file=secret))
    pacs.instead = always(401, {}, b"s3cret")
    with pytest.raises(errors.DicomwebDenied) as raised:
        searched(server_of(pacs, token_file=secret))
    assert "s3cret" not in raised.value.message + caplog.text
    assert "CANARY" not in caplog.text


@pytest.mark.parametrize(
    ("key", "content"),
    [
        ("token_file", None),
        ("token_file", b""),
        ("token_file", b"a\r\nX-Injected: 1"),
        ("token_file", b"\xff\xfe"),
        ("ca_file", None),
        ("ca_file", b"no certificate"),
    ],
)
def test_a_file_of_the_settings_that_cannot_be_used_is_named_by_its_key(
    tmp_path: Path, key: str, content: bytes | None
) -> None:
    path = tmp_path / "file"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(errors.DicomwebMisconfigured, match=key) as raised:
        Connection(DicomwebServer("pacs", "https://localhost", **{key: path}), 1)
    assert str(tmp_path) not in raised.value.message


def test_a_certificate_is_trusted_by_its_authority_alone(tmp_path: Path) -> None:
    certificate, context = own_certificate(tmp_path)
    with serving(FakePacs(), context) as pacs:
        assert searched(server_of(pacs, ca_file=certificate)) == []
        with pytest.raises(errors.DicomwebTlsFailed, match="ca_file"):
            searched(server_of(pacs))


def own_certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """Make a certificate of the loopback that only itself signs."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pacs")])
    now = dt.datetime.now(dt.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "pacs.pem", folder / "pacs.key"
    public.write_bytes(certificate.public_bytes(Encoding.PEM))
    pkcs8 = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    private.write_bytes(pkcs8)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    return public, context
