"""Seeds that may be recognised and not guessed."""

from __future__ import annotations

import hashlib
import hmac

from radiographs.splits.keyed_hash import published_version
from release.package.manifest import hashed_seed


def test_a_hash_is_an_hmac_of_purpose_and_content() -> None:
    expected = hmac.new(b"key", b"seed\n42", hashlib.sha256).hexdigest()
    assert hashed_seed(b"key", 42) == expected


def test_a_seed_and_a_version_that_read_alike_have_different_hashes() -> None:
    assert hashed_seed(b"key", 42) != published_version(b"key", "42")
