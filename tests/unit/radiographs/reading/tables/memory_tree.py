"""Files in memory, as a tree."""

from __future__ import annotations

import io


class MemoryTree:
    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files

    def names(self) -> list[str]:
        return sorted(self.files)

    def num_bytes(self, name: str) -> int:
        return len(self.files[name])

    def read(self, name: str, num_bytes: int | None = None) -> bytes:
        return self.files[name][:num_bytes]

    def stream(self, name: str) -> io.BytesIO:
        return io.BytesIO(self.files[name])

    def warnings(self) -> list[object]:
        return []
