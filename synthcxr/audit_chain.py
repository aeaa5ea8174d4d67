"""Checks an exported audit log: that no entry was changed, added, left out or cut off; offline.

An export holds, of each tenant, the signed end of its chain and then the entries, newest first.
Each entry is known by the digest that the line before it names, so the end alone is to be trusted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from synthcxr.errors import ChainBroken
from synthcxr.statement import HEAD_TYPE, Statement, read_statement

GENESIS = "0" * 64
FORMAT = "synthcxr-audit/1"


@dataclass(frozen=True)
class VerifiedChain:
    """A chain that holds.

    Attributes:
        tenant: Whose.
        num_entries: How many entries it has.
        head: Its end, and whose word that is.
    """

    tenant: str
    num_entries: int
    head: Statement


@dataclass
class _Chain:
    """A chain that is being read, from its end to its beginning."""

    head: Statement
    anchors: dict[int, str]  # digests that are known from elsewhere, by sequence
    expected: str = field(init=False)
    left: int = field(init=False)

    def __post_init__(self) -> None:
        content = self.head.content
        if content.get("format") != FORMAT:
            raise ChainBroken("its end is not that of an audit log")
        self.expected, self.left = str(content["digest"]), int(content["sequence"])

    @property
    def tenant(self) -> str:
        return str(self.head.content["tenant"])

    def take(self, entry: Mapping[str, Any]) -> None:
        """Check the next older entry."""
        where = f"entry {self.left} of tenant {self.tenant}"
        if self.left == 0:
            raise ChainBroken(f"there is an entry before the first one of tenant {self.tenant}")
        if entry.get("sequence") != self.left or entry.get("tenant") != self.tenant:
            raise ChainBroken(f"{where} is missing")
        if digest_of(entry) != self.expected or entry.get("digest") != self.expected:
            raise ChainBroken(f"{where} was changed")
        if self.anchors.pop(self.left, self.expected) != self.expected:
            raise ChainBroken(f"{where} is not the one that a receipt names")
        self.expected, self.left = str(entry.get("previous")), self.left - 1

    def end(self) -> VerifiedChain:
        """Check that it was read to its beginning."""
        if self.left:
            raise ChainBroken(f"entry {self.left} of tenant {self.tenant} is missing")
        if self.expected != GENESIS:
            raise ChainBroken(f"the first entry of tenant {self.tenant} has one before it")
        if self.anchors:
            raise ChainBroken(
                f"tenant {self.tenant} lacks entry {max(self.anchors)}, which a receipt names"
            )
        return VerifiedChain(self.tenant, int(self.head.content["sequence"]), self.head)


def digest_of(entry: Mapping[str, Any]) -> str:
    """Return the digest that an entry's content asks for: sha256 of its canonical JSON, in hex."""
    content = {name: value for name, value in entry.items() if name != "digest"}
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def verify_chains(
    lines: Iterable[str],
    public_keys: Sequence[bytes] = (),
    receipts: Iterable[Statement] = (),
) -> list[VerifiedChain]:
    """Check an exported audit log.

    Args:
        lines: Of the export.
        public_keys: PEM of the keys that the ends must be signed by.
        receipts: Receipts of deletions; the entries that they name must be there unchanged.

    Raises:
        ChainBroken: It was changed; the message says where.
        NotSigned: An end is not signed by one of the keys.
    """
    anchors: dict[str, dict[int, str]] = {}
    for receipt in receipts:
        named = receipt.content["audit"]
        anchors.setdefault(named["tenant"], {})[named["sequence"]] = named["digest"]
    verified: list[VerifiedChain] = []
    chain: _Chain | None = None
    for number, line in enumerate(lines, 1):
        content = _parsed(line, number)
        if "payloadType" in content:
            if chain:
                verified.append(chain.end())
            head = read_statement(content, HEAD_TYPE, public_keys)
            chain = _Chain(head, anchors.pop(str(head.content.get("tenant")), {}))
        elif chain is None:
            raise ChainBroken("it does not begin with the end of a chain: newer entries were cut")
        else:
            chain.take(content)
    if chain is None:
        raise ChainBroken("it is empty")
    verified.append(chain.end())
    if anchors:
        raise ChainBroken(f"the log of tenant {min(anchors)}, which a receipt names, is missing")
    return verified


def _parsed(line: str, number: int) -> dict[str, Any]:
    try:
        content = json.loads(line)
    except ValueError as error:
        raise ChainBroken(f"line {number} is not JSON") from error
    if not isinstance(content, dict):
        raise ChainBroken(f"line {number} is no entry")
    return content
