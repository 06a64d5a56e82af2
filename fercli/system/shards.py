"""Shards: parts of a list of files that several machines share, without talking to each other."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from fercli.errors import UsageError


@dataclass(frozen=True)
class Shard:
    """Number `index` of `count` shards, from 1. A name is always in the same one."""

    index: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Parse `3/40`. Raises: UsageError."""
        match = re.fullmatch(r"(\d+)/(\d+)", text, re.ASCII)
        if match is None or not 1 <= int(match[1]) <= int(match[2]):
            raise UsageError(f"--shard {text}: not a part of a whole", fix="--shard 1/40 to --shard 40/40")
        return cls(int(match[1]), int(match[2]))

    @property
    def name(self) -> str:
        """Name in files, which sorts by number: 03-of-40."""
        return f"{self.index:0{len(str(self.count))}d}-of-{self.count}"

    def holds(self, name: str) -> bool:
        """Whether a name is in this shard, by its hash."""
        return int(text_digest(name), 16) % self.count == self.index - 1


def text_digest(text: str) -> str:
    """Return the SHA-256 of a text, which may have bytes that are not UTF-8, in hexadecimal digits."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
