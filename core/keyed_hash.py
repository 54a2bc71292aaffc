"""A keyed hash: what stands for a value that is not to be kept.

HMAC-SHA256 (RFC 2104) of the text in UTF-8, as 64 hex digits. Without the key nobody can find the
value by trying all of them, which is quick for e-mail addresses, phone numbers and user ids.
"""

from __future__ import annotations

import hashlib
import hmac
import re

from core.errors import UserError, hide
from core.settings import HASH_KEY

# NIST SP 800-107 wants 112 bits at least; this is that of random letters and digits.
SHORTEST_KEY = 16
_BLOCK_BYTES = 64  # of SHA-256
_HASHES = re.compile("(?=([0-9a-f]{64}))")  # also where they overlap


def keyed_hash(value: str, key: bytes | None = None) -> str:
    """What stands for a value: the same of the same value, as long as HASH_KEY stays the same.

    Args:
        value: any text that UTF-8 can write.
        key: instead of HASH_KEY.

    Returns:
        64 hex digits.

    Raises:
        UserError: HASH_KEY is not set, or too short.
    """
    return hmac.new(key or hash_key(), value.encode(), hashlib.sha256).hexdigest()


def hashes_in(text: str) -> list[str]:
    """All that may be a keyed hash in a text, in any case of letters."""
    return _HASHES.findall(text.lower())


def is_hash(value: str) -> bool:
    """Whether a value is written as a keyed hash is."""
    return hashes_in(value) == [value]


def hash_pads() -> tuple[str, str]:
    """The key as SQL needs it, which has SHA-256 and no HMAC: two blocks, as 128 hex digits each.

    The hash is sha256(outer || sha256(inner || value)). Like the key, no message shows them.

    Returns:
        The inner block, and the outer one.

    Raises:
        UserError: HASH_KEY is not set, or too short.
    """
    key = hash_key()
    if len(key) > _BLOCK_BYTES:
        key = hashlib.sha256(key).digest()
    block = key.ljust(_BLOCK_BYTES, b"\0")
    inner, outer = (bytes(byte ^ pad for byte in block).hex() for pad in (0x36, 0x5C))
    hide(inner)
    hide(outer)
    return inner, outer


def hash_key() -> bytes:
    """HASH_KEY; UserError where it is not set, or too short."""
    key = HASH_KEY.read()
    if not key:
        raise UserError(
            f"HASH_KEY is not set: give a secret of {SHORTEST_KEY} characters or more, and keep it "
            "(with another one the same value gets another hash)"
        )
    if len(key) < SHORTEST_KEY:
        raise UserError(
            f"HASH_KEY has {len(key)} characters: give {SHORTEST_KEY} or more, or it can be guessed"
        )
    return key.encode()
