"""Tokens of an identity provider, and forged ones: nothing but the real thing is let in."""

import base64
import hmac
import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws, jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from service.adapters.oidc import MAX_AGE_SECONDS, PAUSE_SECONDS, REFRESH_SECONDS, OidcTokens
from service.domain.errors import IdentityProviderUnavailable, Unauthenticated
from service.domain.identity_provider import IdentityProvider
from tests.in_memory_queue import ManualClock

AUDIENCE = "synthcxr"
RSA = RSAKey.generate_key(2048, {"kid": "rsa-1"})
EC = ECKey.generate_key("P-256", {"kid": "ec-1"})
OTHER = RSAKey.generate_key(2048, {"kid": "rsa-1"})  # an attacker's, under the same name


def encoded(part: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


class JwksServer:
    """An identity provider on this machine."""

    def __init__(self) -> None:
        self.documents: dict[str, Any] = {}
        self.asked: list[str] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append(self.path)
                found = server.documents.get(self.path)
                self.send_response(200 if found is not None else 404)
                self.end_headers()
                self.wfile.write(found if isinstance(found, bytes) else json.dumps(found).encode())

            def log_message(self, *_: object) -> None:
                """Stay silent."""

        self.http = HTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self.http.server_port}/realm"
        self.documents["/realm/.well-known/openid-configuration"] = {
            "issuer": self.issuer,
            "jwks_uri": f"{self.issuer}/keys",
        }
        self.offer(RSA, EC)

    def offer(self, *keys: Any) -> None:
        self.documents["/realm/keys"] = {"keys": [key.as_dict(private=False) for key in keys]}


@pytest.fixture
def server() -> Iterator[JwksServer]:
    server = JwksServer()
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.http.shutdown()
    server.http.server_close()
    thread.join()


class Scene:
    """Tokens, and a clock for them and one for the keys."""

    def __init__(self, server: JwksServer, **changes: Any) -> None:
        self.server = server
        self.clock = ManualClock()
        self.seconds = 0.0
        provider = IdentityProvider(
            **{
                "issuer": server.issuer,
                "audience": AUDIENCE,
                "scopes": {"research": ("train", "generate"), "private": ("private:read",)},
                **changes,
            }
        )
        self.tokens = OidcTokens(provider, self.clock, lambda: self.seconds)

    def claims(self, **changes: Any) -> dict[str, Any]:
        now = int(self.clock.now().timestamp())
        claims = {
            "iss": self.server.issuer,
            "aud": AUDIENCE,
            "sub": "user-1",
            "exp": now + 600,
            "iat": now,
            "scope": "openid research",
        }
        return {name: value for name, value in (claims | changes).items() if value is not None}

    def token(self, key: Any = RSA, alg: str = "RS256", header: Any = None, **changes: Any) -> str:
        fields = {"alg": alg, "kid": "rsa-1", **(header or {})}
        fields = {name: value for name, value in fields.items() if value is not None}
        return jwt.encode(fields, self.claims(**changes), key, algorithms=[alg])

    def refused(self, token: str) -> str:
        with pytest.raises(Unauthenticated) as caught:
            self.tokens.caller(token)
        assert token not in caught.value.message
        return caught.value.message


@pytest.fixture
def scene(server: JwksServer) -> Scene:
    return Scene(server)


def test_a_token_says_who_asks_and_what_they_may_do(scene: Scene) -> None:
    caller = scene.tokens.caller(scene.token())
    assert caller.id == f"user-1@{scene.server.issuer}"
    assert caller.scopes == {"train", "generate"}
    assert caller.tenant == "default"
    assert caller.expires_at == scene.clock.now() + timedelta(seconds=600)


def test_other_algorithms_and_audiences_in_a_list_are_fine(scene: Scene) -> None:
    audiences = ["elsewhere", AUDIENCE]
    token = scene.token(EC, "ES256", {"kid": "ec-1"}, aud=audiences, scope=["private", "unknown"])
    assert scene.tokens.caller(token).scopes == {"private:read"}


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "elsewhere"},
        {"aud": ["elsewhere"]},
        {"aud": None},
        {"aud": ""},
        {"sub": None},
        {"sub": ""},
        {"sub": "Anna\nMustermann"},
        {"sub": "a" * 300},
        {"sub": 7},
        {"exp": None},
        {"exp": 0},
        {"exp": "tomorrow"},
        {"exp": float("nan")},
        {"exp": True},
        {"nbf": 4_000_000_000},
        {"iat": 4_000_000_000},
    ],
)
def test_a_signed_token_with_other_claims_is_refused(scene: Scene, changes: Any) -> None:
    scene.refused(scene.token(**changes))


def test_a_token_is_accepted_for_the_leeway_after_its_end_and_no_longer(scene: Scene) -> None:
    now = int(scene.clock.now().timestamp())
    scene.tokens.caller(scene.token(exp=now - 29))
    assert "expired" in scene.refused(scene.token(exp=now - 30))
    scene.tokens.caller(scene.token(nbf=now + 30, exp=now + 99))
    scene.refused(scene.token(nbf=now + 31, exp=now + 99))


def test_a_huge_expiry_is_checked_again_every_day(scene: Scene) -> None:
    for exp in (4_000_000_000, 10**300):
        caller = scene.tokens.caller(scene.token(exp=exp))
        assert caller.expires_at == scene.clock.now() + timedelta(days=1)


def test_a_token_signed_by_another_is_refused(scene: Scene) -> None:
    assert "signature" in scene.refused(scene.token(OTHER))


def test_a_token_that_was_changed_is_refused(scene: Scene) -> None:
    header, claims, signature = scene.token().split(".")
    _, other_claims, _ = scene.token(scope="private").split(".")
    assert claims != other_claims
    scene.refused(f"{header}.{other_claims}.{signature}")
    scene.refused(f"{header}.{claims}.")
    scene.refused(f"{header}.{claims}")


@pytest.mark.parametrize("alg", ["none", "None", "NONE", ""])
def test_a_token_without_a_signature_is_refused(scene: Scene, alg: str) -> None:
    for header in ({"alg": alg}, {"alg": alg, "kid": "rsa-1"}):
        scene.refused(f"{encoded(header)}.{encoded(scene.claims())}.")


@pytest.mark.parametrize("form", ["PEM", "DER"])
def test_the_public_key_is_no_shared_secret(scene: Scene, form: Any) -> None:
    """A forger signs with HS256 and what everybody can read: the public key."""
    public = RSA.as_bytes(form, private=False)
    signed = f"{encoded({'alg': 'HS256', 'kid': 'rsa-1'})}.{encoded(scene.claims())}"
    signature = hmac.digest(public, signed.encode(), "sha256")
    scene.refused(f"{signed}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}")


def test_a_shared_secret_among_the_published_keys_is_not_used(server: JwksServer) -> None:
    secret = OctKey.generate_key(256, {"kid": "oct-1"})
    server.documents["/realm/keys"] = {
        "keys": [secret.as_dict(private=True), RSA.as_dict(private=False)]
    }
    scene = Scene(server, algorithms=("RS256", "HS256"))
    scene.refused(scene.token(secret, "HS256", {"kid": "oct-1"}))


def test_a_key_is_used_with_its_own_kind_of_algorithm_alone(scene: Scene) -> None:
    scene.refused(scene.token(EC, "ES256", {"kid": "rsa-1"}))
    scene.refused(scene.token(RSA, "RS256", {"kid": "ec-1"}))
    scene.refused(scene.token(RSA, "RS512"))  # not among those accepted


def test_a_key_that_a_token_brings_along_is_not_used(scene: Scene) -> None:
    for header in (
        {"jwk": OTHER.as_dict(private=False), "kid": None},
        {"jku": "http://127.0.0.1:1/keys", "kid": None},
        {"x5u": "http://127.0.0.1:1/cert", "kid": None},
    ):
        scene.refused(scene.token(OTHER, header=header))
    assert set(scene.server.asked) <= {
        "/realm/.well-known/openid-configuration",
        "/realm/keys",
    }


def test_without_a_key_id_only_a_single_key_is_tried(scene: Scene) -> None:
    scene.refused(scene.token(header={"kid": None}))
    scene.server.offer(RSA)
    scene.seconds += REFRESH_SECONDS
    scene.tokens.caller(scene.token(header={"kid": None}))


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "a.b.c",
        "eyJhbGciOiJub25lIn0.e30.",
        "x" * 100_000,
        "W10.e30.AA",  # a header that is a list
        "eyJhbGciOlsiUlMyNTYiXX0.e30.AA",  # an algorithm that is a list
        "eyJhbGciOiJSUzI1NiIsImtpZCI6e319.e30.AA",  # a kid that is an object
        "e" + "30" * 5000 + ".e30.AA",
    ],
)
def test_what_is_no_token_is_refused(scene: Scene, token: str) -> None:
    with pytest.raises(Unauthenticated):
        scene.tokens.caller(token)


def test_deeply_nested_headers_and_claims_are_refused(scene: Scene) -> None:
    deep = base64.urlsafe_b64encode(b"[" * 11_000).decode().rstrip("=")
    scene.refused(f"{deep}.e30.AA")
    claims = b'{"a":' + b"[" * 11_000
    signed = jws.serialize_compact({"alg": "RS256", "kid": "rsa-1"}, claims, RSA)
    scene.refused(signed)


@given(text=st.text(st.characters(codec="latin-1"), max_size=300))
def test_no_text_at_all_makes_the_check_itself_fail(text: str) -> None:
    provider = IdentityProvider("https://idp.invalid", AUDIENCE, {}, jwks_url="nonsense")
    tokens = OidcTokens(provider, ManualClock())
    with pytest.raises((Unauthenticated, IdentityProviderUnavailable)):
        tokens.caller(text)


def test_a_new_key_is_read_when_a_token_names_it(scene: Scene) -> None:
    scene.tokens.caller(scene.token())
    new = RSAKey.generate_key(2048, {"kid": "rsa-2"})
    scene.server.offer(RSA, new)
    scene.seconds += PAUSE_SECONDS
    scene.tokens.caller(scene.token(new, header={"kid": "rsa-2"}))


def test_a_withdrawn_key_ends_when_the_keys_are_read_again(scene: Scene) -> None:
    scene.tokens.caller(scene.token())
    scene.server.offer(EC)
    scene.tokens.caller(scene.token())
    scene.seconds += REFRESH_SECONDS
    scene.refused(scene.token())


def test_unknown_keys_make_the_issuer_be_asked_once_in_a_while_only(scene: Scene) -> None:
    scene.tokens.caller(scene.token())
    num_asked = len(scene.server.asked)
    scene.seconds += PAUSE_SECONDS
    for number in range(20):
        scene.refused(scene.token(OTHER, header={"kid": f"made-up-{number}"}))
    assert len(scene.server.asked) == num_asked + 2  # the discovery document and the keys
    scene.tokens.caller(scene.token())


def test_known_keys_serve_while_the_issuer_is_away(scene: Scene) -> None:
    scene.tokens.caller(scene.token())
    scene.server.documents.clear()
    scene.seconds += REFRESH_SECONDS
    scene.tokens.caller(scene.token())


def test_keys_that_could_not_be_read_for_a_day_are_trusted_no_longer(scene: Scene) -> None:
    scene.tokens.caller(scene.token())
    scene.server.documents.clear()
    scene.seconds += MAX_AGE_SECONDS + 1
    with pytest.raises(IdentityProviderUnavailable):
        scene.tokens.caller(scene.token())


@pytest.mark.parametrize(
    "document",
    [
        None,
        b"",
        b"[]",
        b"<html>",
        b"{}",
        b'{"keys": []}',
        b'{"keys": [7, {"kty": "RSA"}]}',
        b"[" * 20_000,
    ],
)
def test_keys_that_cannot_be_read_are_a_failure_of_the_service(
    server: JwksServer, document: bytes | None
) -> None:
    server.documents["/realm/keys"] = document
    with pytest.raises(IdentityProviderUnavailable):
        Scene(server).tokens.caller(Scene(server).token())


def test_an_endless_document_is_not_read_to_its_end(server: JwksServer) -> None:
    server.documents["/realm/keys"] = b'{"keys": "' + b"x" * 2**21 + b'"}'
    with pytest.raises(IdentityProviderUnavailable):
        Scene(server).tokens.caller(Scene(server).token())


def test_the_discovery_document_must_be_the_issuers_own(server: JwksServer) -> None:
    path = "/realm/.well-known/openid-configuration"
    server.documents[path] = server.documents[path] | {"issuer": "https://evil.example"}
    with pytest.raises(IdentityProviderUnavailable):
        Scene(server).tokens.caller(Scene(server).token())


def test_a_key_that_is_not_understood_leaves_the_others(server: JwksServer) -> None:
    entries = [{"kty": "AKP", "kid": "new"}, {"kty": "RSA", "kid": "broken"}]
    entries += [{**RSA.as_dict(private=False), "use": "sig"}]
    server.documents["/realm/keys"] = {"keys": entries}
    scene = Scene(server)
    scene.tokens.caller(scene.token())


def test_a_key_for_encryption_does_not_check_signatures(server: JwksServer) -> None:
    server.documents["/realm/keys"] = {
        "keys": [{**RSA.as_dict(private=False), "use": "enc"}, EC.as_dict(private=False)]
    }
    scene = Scene(server)
    scene.refused(scene.token())


def test_ed25519_is_accepted_where_it_is_configured(server: JwksServer) -> None:
    key = OKPKey.generate_key("Ed25519", {"kid": "ed-1"})
    server.offer(key)
    scene = Scene(server, algorithms=("Ed25519",))
    scene.tokens.caller(scene.token(key, "Ed25519", {"kid": "ed-1"}))


def test_scopes_are_found_in_the_claim_that_the_settings_name(server: JwksServer) -> None:
    scene = Scene(server, scope_claim="realm_access.roles")
    assert scene.tokens.caller(
        scene.token(realm_access={"roles": ["research", 7, "admin"]})
    ).scopes == {"train", "generate"}
    for claim in (None, "research", {"roles": {"research": 1}}, {"roles": None}):
        assert scene.tokens.caller(scene.token(realm_access=claim)).scopes == frozenset()
    scene = Scene(server, scope_claim="https://example.org/roles")
    token = scene.token(**{"https://example.org/roles": ["private"]})
    assert scene.tokens.caller(token).scopes == {"private:read"}


def test_the_tenant_is_that_of_its_claim(server: JwksServer) -> None:
    scene = Scene(server, tenant_claim="org")
    assert scene.tokens.caller(scene.token(org="radiology-2")).tenant == "radiology-2"
    for wrong in (None, "", "a b", "x" * 65, 7, ["radiology"], "../up"):
        scene.refused(scene.token(org=wrong))
