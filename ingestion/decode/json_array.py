"""A JSON array as lines, one a member, while it streams by: as many bytes, of which the brackets
around it and the commas between its members become line ends. So are objects over several lines.

Whole members are skipped by one regular expression, where they are three levels deep or less; no
member becomes a Python object: 1 M members of 200 bytes take 2 s. A damaged member is one record
like any other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ingestion.decode.streams import Damaged, Stream

_REST = rb'[^"\\]*+(?:\\.[^"\\]*+)*+"'
_STRING = rb'"' + _REST
_LEVELS = 3


def _bracketed(levels: int) -> bytes:
    """The pattern of an object or array of so many levels at most."""
    inner = rb"|" + _bracketed(levels - 1) if levels > 1 else b""
    plain = rb'[^]\[{}"]*+'
    return rb"[\[{]" + plain + rb"(?:(?:" + _STRING + inner + rb")" + plain + rb")*+[\]}]"


# A whole value, or one sign: an unclosed quote, a bracket around more than is here, a comma.
_TOKEN = re.compile(_STRING + rb"|" + _bracketed(_LEVELS) + rb'|[]\[{},"]', re.DOTALL)
_END_OF_STRING = re.compile(_REST, re.DOTALL)
# A line end means nothing in an array, as a tab. In a string neither is allowed.
_ONE_LINE = bytes.maketrans(b"\r\n", b"\t\t")
_SPREAD = re.compile(rb"\{[ \t]*[\r\n]\s*\"")
_QUOTE, _COMMA, _LINE_END = b'",\n'


def is_array(head: bytes) -> bool:
    """Whether a file that begins so, blanks left out, is an array of objects. A line that is an
    array of something else is a damaged record among JSON lines."""
    return head.startswith(b"[") and head[1:].lstrip().startswith((b"{", b"]"))


def is_spread(head: bytes) -> bool:
    """Whether a file that begins so, blanks left out, is of objects over several lines: its first
    line is a brace, and the next one a name. A brace alone among JSON lines is a damaged record."""
    return _SPREAD.match(head) is not None


class ArrayLines:
    """A stream of the members of an array, and of what comes after it as it is.

    Raises Damaged where it ends within the array.
    """

    def __init__(self, source: Stream) -> None:
        self._source = source
        self._depth = 0
        self._is_in_string = False
        self._is_escaped = False  # the first byte of the next chunk
        self._is_over = False

    def read(self, size: int, /) -> bytes:
        """See `Stream`."""
        chunk = self._source.read(size)
        if self._is_over:
            return chunk
        if not chunk:
            raise Damaged("ends within its JSON array")
        cuts = self._cuts(chunk)
        end = cuts[-1] + 1 if self._is_over else len(chunk)
        lines = bytearray(chunk[:end].translate(_ONE_LINE))
        for cut in cuts:
            lines[cut] = _LINE_END
        return bytes(lines) + chunk[end:]

    def _cuts(self, chunk: bytes) -> list[int]:
        """Where members begin and end."""
        cuts: list[int] = []
        at = self._string_end(chunk)
        if self._depth == 0:
            at = chunk.find(b"[") + 1
            self._depth = min(at, 1)
            cuts += [at - 1] * self._depth
        for token in _TOKEN.finditer(chunk, at if self._depth else len(chunk)):
            start = token.start()
            sign = chunk[start]
            if token.end() - start > 1:
                continue
            if sign == _QUOTE:
                self._is_in_string = True
                self._is_escaped = _is_odd(chunk)
                break
            if sign == _COMMA:
                cuts += [start] * (self._depth == 1)
                continue
            self._depth += 1 if sign in b"[{" else -1
            if self._depth == 0:
                self._is_over = True
                return [*cuts, start]
        return cuts

    def _string_end(self, chunk: bytes) -> int:
        """Where a string that began in an earlier chunk has ended, the chunk's end for nowhere."""
        if not self._is_in_string:
            return 0
        if found := _END_OF_STRING.match(chunk, int(self._is_escaped)):
            self._is_in_string = self._is_escaped = False
            return found.end()
        self._is_escaped = _is_odd(chunk[int(self._is_escaped) :])
        return len(chunk)


class ObjectLines(ArrayLines):
    """A stream of objects over several lines, each as one line; what is not in one stays.

    Raises Damaged where it ends within an object.
    """

    def read(self, size: int, /) -> bytes:
        """See `Stream`."""
        chunk = self._source.read(size)
        if not chunk and (self._depth or self._is_in_string):
            raise Damaged("ends within a JSON object")
        lines = bytearray(chunk.translate(_ONE_LINE))
        for start, end in self._between(chunk):
            lines[start:end] = chunk[start:end]
        return bytes(lines)

    def _between(self, chunk: bytes) -> Iterator[tuple[int, int]]:
        """Where a chunk is in no object."""
        at = self._string_end(chunk)
        for token in _TOKEN.finditer(chunk, at):
            start = token.start()
            sign = chunk[start]
            if self._depth == 0:
                yield at, start
            at = token.end()
            if at - start > 1 or sign == _COMMA:
                continue
            if sign == _QUOTE:
                self._is_in_string = True
                self._is_escaped = _is_odd(chunk)
                return
            self._depth = max(self._depth + (1 if sign in b"[{" else -1), 0)
        if self._depth == 0:
            yield at, len(chunk)


def lines_of_json(text: Stream, kind: str) -> Stream:
    """JSON as one record a line.

    Args:
        text: the content.
        kind: "json_array", "json_objects", or of lines already.
    """
    if kind == "json_array":
        return ArrayLines(text)
    return ObjectLines(text) if kind == "json_objects" else text


def _is_odd(text: bytes) -> bool:
    """Whether text in a string ends with a backslash that escapes what follows."""
    return (len(text) - len(text.rstrip(b"\\"))) % 2 == 1
