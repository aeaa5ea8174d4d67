"""Networks that the operator supplies, in whose features images are compared too."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from service.domain.errors import ExtractorUnavailable

ExtractorKind = Literal["inception_v3", "torchscript", "image_classifier"]


@dataclass(frozen=True, slots=True)
class ExtractorIdentity:
    """What figures by an operator's network depend on.

    Attributes:
        kind: What its file holds.
        sha256: Checksum of the file.
    """

    kind: ExtractorKind
    sha256: str


@dataclass(frozen=True, slots=True)
class SuppliedExtractor:
    """A file that the operator's settings name.

    Attributes:
        name: Stands beside the figures.
        kind: What the file holds. `torchscript` is a program: whoever writes that word into the
            settings trusts it to run.
        path: Where it lies, for the API and for the workers alike.
    """

    name: str
    kind: ExtractorKind
    path: Path

    def identity(self) -> ExtractorIdentity:
        """Return what the figures of a set will depend on.

        Raises:
            ExtractorUnavailable: The file cannot be read.
        """
        try:
            about = self.path.stat()
            sha256 = _digest(self.path, about.st_mtime_ns, about.st_size)
        except OSError as error:
            raise ExtractorUnavailable.named(
                self.name, f"its file {self.path.name} cannot be read ({error.strerror})"
            ) from error
        return ExtractorIdentity(self.kind, sha256)

    @property
    def readable(self) -> bool:
        """Whether its file is there."""
        try:
            self.identity()
        except ExtractorUnavailable:
            return False
        return True


@lru_cache(maxsize=32)
def _digest(path: Path, changed: int, size: int) -> str:  # noqa: ARG001  a changed file is another
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
