from datetime import UTC, datetime, timedelta

import pytest

from service.domain import api_keys
from service.domain.api_keys import ApiKey, digest_of, is_whole, new_secret
from service.domain.errors import ApiKeyEnded

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def key(secret: str, **changes) -> ApiKey:
    fields = {
        "id": "key_1",
        "name": "a name",
        "tenant": "default",
        "scopes": ("train",),
        "created_at": NOW,
        "created_by": "somebody",
        "shown": secret[:15],
        "secret_sha256": digest_of(secret),
    }
    return ApiKey(**(fields | changes))


def test_no_two_keys_are_alike_and_each_is_whole() -> None:
    secrets = {new_secret() for _ in range(1000)}
    assert len(secrets) == 1000
    assert all(map(is_whole, secrets))
    assert {len(secret) for secret in secrets} == {api_keys.NUM_CHARACTERS}


def test_a_mistyped_or_cut_key_is_noticed_by_itself() -> None:
    secret = new_secret()
    for place in range(len(api_keys.PREFIX), len(secret)):
        mistyped = secret[:place] + ("a" if secret[place] != "a" else "b") + secret[place + 1 :]
        assert not is_whole(mistyped)
        assert not is_whole(secret[:place])
    swapped = [
        secret[:place] + secret[place + 1] + secret[place] + secret[place + 2 :]
        for place in range(len(api_keys.PREFIX), len(secret) - 1)
    ]
    assert not any(is_whole(each) for each in swapped if each != secret)


@pytest.mark.parametrize("text", ["", "synthcxr_", "x" * 68, "é" * 68, "synthcxr_" + "\0" * 59])
def test_no_other_text_is_a_key(text: str) -> None:
    assert not is_whole(text)


def test_what_is_kept_of_a_key_does_not_hold_it() -> None:
    secret = new_secret()
    assert secret not in repr(key(secret))
    assert len(api_keys.shown_part(secret)) == len(api_keys.PREFIX) + 6


def test_a_key_is_accepted_until_it_expires() -> None:
    secret = new_secret()
    limited = key(secret, expires_at=NOW + HOUR)
    assert limited.refusal(digest_of(secret), NOW) is None
    assert limited.refusal(digest_of(secret), NOW + HOUR) == "has expired"
    assert limited.refusal(digest_of(new_secret()), NOW) == "is another one"


def test_a_rotated_key_accepts_its_old_secret_for_the_grace_alone() -> None:
    old, new = new_secret(), new_secret()
    rotated = key(old).rotated(new, NOW, HOUR)
    assert rotated.refusal(digest_of(new), NOW) is None
    assert rotated.refusal(digest_of(old), NOW + HOUR / 2) is None
    assert rotated.refusal(digest_of(old), NOW + HOUR) == "was replaced by a rotation"


def test_without_grace_the_old_secret_ends_at_once() -> None:
    old, new = new_secret(), new_secret()
    rotated = key(old).rotated(new, NOW, timedelta())
    assert rotated.refusal(digest_of(old), NOW) == "is another one"


def test_only_the_last_secret_before_a_rotation_has_a_grace() -> None:
    first, second, third = new_secret(), new_secret(), new_secret()
    rotated = key(first).rotated(second, NOW, HOUR).rotated(third, NOW, HOUR)
    assert rotated.refusal(digest_of(first), NOW) == "is another one"
    assert rotated.refusal(digest_of(second), NOW) is None


def test_a_key_that_ended_gets_no_new_secret() -> None:
    secret = new_secret()
    with pytest.raises(ApiKeyEnded):
        key(secret).revoked(NOW).rotated(new_secret(), NOW, HOUR)
    with pytest.raises(ApiKeyEnded):
        key(secret, expires_at=NOW).rotated(new_secret(), NOW, HOUR)


def test_a_revoked_key_is_refused_with_both_its_secrets() -> None:
    old, new = new_secret(), new_secret()
    revoked = key(old).rotated(new, NOW, HOUR).revoked(NOW)
    assert {revoked.refusal(digest_of(secret), NOW) for secret in (old, new)} == {"was revoked"}
    assert revoked.revoked(NOW + HOUR).revoked_at == NOW
