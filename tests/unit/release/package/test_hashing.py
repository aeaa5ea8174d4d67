"""What may be recognised and not guessed."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from radiographs.splits.keyed_hash import published_version
from release.package.hashing import hashed_seed, rounded_count


def test_a_hash_is_an_hmac_of_purpose_and_content() -> None:
    expected = hmac.new(b"key", b"seed\n42", hashlib.sha256).hexdigest()
    assert hashed_seed(b"key", 42) == expected


def test_a_seed_and_a_version_that_read_alike_have_different_hashes() -> None:
    assert hashed_seed(b"key", 42) != published_version(b"key", "42")


@pytest.mark.parametrize(("count", "rounded"), [(0, 0), (4, 0), (6, 10), (727, 730), (4659, 4660)])
def test_counts_are_rounded_to_tens(count, rounded) -> None:
    assert rounded_count(count) == rounded
