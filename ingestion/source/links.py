"""The header Link (RFC 8288)."""

from __future__ import annotations

import re

_PARAMETER = r"""\s*;\s*(?:([\w!#$&+.^`|~-]+)\*?\s*(?:=\s*("(?:[^"\\]|\\.)*"|[^",;\s]*))?)?"""
_LINK = re.compile(rf"\s*<([^>]*)>((?:{_PARAMETER})*)\s*(?:,|$)")
_EACH_PARAMETER = re.compile(_PARAMETER)


def linked(header: str) -> dict[str, str]:
    """The addresses in the header Link by what they are, as written and in lower case; one may be
    several things.

    requests' own reader parts a link at each semicolon, also at one in a title: what came behind
    it, such as `rel="next"`, was not there.
    """
    found: dict[str, str] = {}
    for link in _LINK.finditer(header):
        relations = [
            value.strip('"')
            for name, value in _EACH_PARAMETER.findall(link[2])
            if name.lower() == "rel"
        ]
        for relation in relations[:1]:  # a second one does not count: RFC 8288, 3.3
            found |= dict.fromkeys(f"{relation} {relation.lower()}".split(), link[1])
    return found
