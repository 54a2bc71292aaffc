"""What a mapping takes out of a record before anything is made of it: `drop` and `hash`.

Both name fields as `[events.fields]` does: `email`, or `user.email` of an object in the record. A
dropped one is gone; a hashed one has its keyed hash (core/keyed_hash.py) in its place. The columns,
the payload and the quarantine are all made of the record that is left. What cannot be taken apart
cannot be cleaned either: of a record that is no record its size alone is kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import UserError
from core.keyed_hash import hash_pads, keyed_hash
from ingestion.mapping.blanks import is_filled
from ingestion.mapping.duck_sql import quoted
from ingestion.mapping.json_paths import last_value, may_repeat, steps

NOT_KEPT = "not kept: "
_IS_HASH = "^[0-9a-f]{64}$"
Steps = tuple[str, ...]


@dataclass(frozen=True)
class Cleaning:
    """The fields that are dropped, and those of which a hash is kept. `is_replay`: the record was
    cleaned once before: what looks like a hash is one."""

    drop: tuple[str, ...] = ()
    hash: tuple[str, ...] = ()
    is_replay: bool = False

    def __bool__(self) -> bool:
        """Whether anything is to be done."""
        return bool(self.drop or self.hash)

    @property
    def places(self) -> tuple[str, ...]:
        """All of them, as they are written."""
        return (*self.drop, *self.hash)

    @property
    def key_mark(self) -> str:
        """What is another one with another key; "" where nothing is hashed.

        Raises:
            UserError: HASH_KEY is not set.
        """
        return f"-{keyed_hash('')[:8]}" if self.hash else ""

    def cleaned(self, line: str) -> str:
        """The expression of a JSON object's text, cleaned.

        Args:
            line: the expression of its text, which is valid.

        Raises:
            UserError: HASH_KEY is not set.
        """
        patch = _object(_Tree(self, line), ())
        return f"cast(json_merge_patch({line}, {patch}) as varchar)"

    def of_column(self, column: str, value: str) -> str | None:
        """The expression of what stands in a column of a table; None where it is dropped.

        Args:
            column: its name.
            value: the expression of its text.

        Raises:
            UserError: HASH_KEY is not set.
        """
        tree = _Tree(self, value, (column,))
        if column in self.drop:
            return None
        if column in self.hash:
            return f"case when {is_filled(value)} then {tree.hashed(value)} else {value} end"
        if not tree.below((column,)):
            return value
        whole = tree.hashed(value) if tree.is_hashed((column,)) else "cast(null as varchar)"
        patch = f"json_merge_patch({value}, {_object(tree, (column,))})"
        return f"""case when {value} is null then null
            when case when json_valid({value}) then json_type({value}) = 'OBJECT' end
            then cast({patch} as varchar) else {whole} end"""

    def missing(self, columns: Sequence[str]) -> list[str]:
        """Those of its places that none of the columns of a table is, or holds."""
        found = [place for place in self.places if not {place, place.split(".")[0]} & {*columns}]
        return [] if self.is_replay else found

    def not_kept(self, text: str) -> str:
        """The expression of what is kept of a text that is no record."""
        if not self:
            return text
        said = f"{quoted(NOT_KEPT)} || strlen({text}) || ' bytes that are no record'"
        if not self.is_replay:
            return said
        return f"case when starts_with({text}, {quoted(NOT_KEPT)}) then {text} else {said} end"


@dataclass(frozen=True)
class _Tree:
    """The places as a tree of keys, below the column that holds the object, if it is one."""

    cleaning: Cleaning
    line: str
    root: Steps = ()

    def _all(self) -> Iterator[tuple[Steps, bool]]:
        """Each place, and whether it is hashed; `a.b` is also a field of that name."""
        for place in self.cleaning.places:
            is_hashed = place in self.cleaning.hash
            yield tuple(place.split(".")), is_hashed
            if "." in place:
                yield (place,), is_hashed

    def below(self, node: Steps) -> list[str]:
        """The keys below a node, each once; none of a place itself."""
        at = len(node)
        keys = [path[at] for path, _ in self._all() if len(path) > at and path[:at] == node]
        return list(dict.fromkeys(keys))

    def is_hashed(self, node: Steps) -> bool:
        """Whether it, or something below it, is hashed and not dropped."""
        return any(hashed for path, hashed in self._all() if path[: len(node)] == node)

    def value(self, node: Steps) -> str:
        """The expression of what lies there, as text; of a key that is there twice the last."""
        path = "$" + "".join(f'."{key}"' for key in node[len(self.root) :])
        first = f"json_extract_string({self.line}, {quoted(path)})"
        if len(steps(path)) < 2:
            return first
        is_twice = may_repeat(self.line, [path])
        return f"case when {is_twice} then {last_value(self.line, path)} else {first} end"

    def kind(self, node: Steps) -> str:
        """The expression of its JSON type."""
        path = "$" + "".join(f'."{key}"' for key in node[len(self.root) :])
        return f"json_type({self.line}, {quoted(path)})"

    def hashed(self, value: str) -> str:
        """The expression of a value's keyed hash."""
        inner, outer = hash_pads()
        hashed = f"sha256(unhex('{outer}') || unhex(sha256(unhex('{inner}') || encode({value}))))"
        if not self.cleaning.is_replay:
            return hashed
        return f"case when regexp_matches({value}, '{_IS_HASH}') then {value} else {hashed} end"


def _object(tree: _Tree, node: Steps) -> str:
    """The expression of the patch (RFC 7396) of an object."""
    members = ", ".join(_member(tree, (*node, key)) for key in tree.below(node))
    return f"'{{' || concat_ws(',', {members}) || '}}'"


def _member(tree: _Tree, node: Steps) -> str:
    """The expression of one member of a patch; null where there is nothing to do. What lies on the
    way to a place and is no object, such as a list, is taken for the place itself."""
    key = json.dumps(node[-1], ensure_ascii=False) + ":"
    whole = quoted(f"{key}null")
    if tree.is_hashed(node):
        hashed = f"""{quoted(f'{key}"')} || {tree.hashed("found")} || '"'"""
        member = f"case when {is_filled('found')} then {hashed} end"
        # The value once: of a nested place it costs more than the hash.
        whole = f"list_transform([{tree.value(node)}], lambda found: {member})[1]"
    if not tree.below(node):
        return whole
    return f"""case coalesce({tree.kind(node)}, 'NULL') when 'NULL' then null
        when 'OBJECT' then {quoted(key)} || {_object(tree, node)} else {whole} end"""


def read_cleaning(where: str, section: Mapping[str, Any]) -> Cleaning:
    """`drop` and `hash` of a table's section, checked.

    Args:
        where: the mapping and the table, for messages.
        section: [events] or [profiles], as TOML has it; of the right types.

    Raises:
        UserError: one is no place, or a field or another place lies in one of them.
    """
    for name in ("drop", "hash"):
        if wrong := [place for place in section.get(name, ()) if not _is_place(place)]:
            raise UserError(f"{where} has {wrong[0]!r} in {name}, not a field's name, or a.b")
    cleaning = Cleaning(tuple(section.get("drop", ())), tuple(section.get("hash", ())))
    for number, place in enumerate(cleaning.places):
        for other in cleaning.places[number + 1 :]:
            if _lies_in(place, other) or _lies_in(other, place):
                raise UserError(f"{where} says twice what becomes of {place!r}, with {other!r}")
    for alias, at in section.get("fields", {}).items():
        for place in [at] if isinstance(at, str) else at:
            _check_field(where, alias, place, cleaning)
    return cleaning


def _check_field(where: str, alias: str, place: str, cleaning: Cleaning) -> None:
    """Refuse a field that is never there, or of which only a part would be hashed."""
    key = place.removeprefix("$.").replace('"', "")
    for cleaned in cleaning.places:
        is_whole = cleaned in cleaning.hash and key == cleaned
        if _lies_in(key, cleaned) and not is_whole:
            what = "hashes" if cleaned in cleaning.hash else "drops"
            raise UserError(f"{where} {what} {cleaned!r}, which the field {alias!r} needs")


def _is_place(place: str) -> bool:
    return not re.search(r'["$\[\]]|^\.|\.$|\.\.|^$', place)


def _lies_in(inner: str, outer: str) -> bool:
    return inner == outer or inner.startswith(f"{outer}.")


def check_users(where: str, events: Mapping[str, Any], profiles: Mapping[str, Any]) -> None:
    """Refuse a user id that is hashed in events and not in profiles, or the other way round.

    Raises:
        UserError: no event would ever find its user.
    """
    hashed = {name: _hashes_user(section) for name, section in (("e", events), ("p", profiles))}
    if hashed["e"] != hashed["p"]:
        one, other = ("events", "profiles") if hashed["e"] else ("profiles", "events")
        raise UserError(
            f"{where}: {one} has the field of user_id in hash, {other} has not: "
            "no event would find its user"
        )


def _hashes_user(section: Mapping[str, Any]) -> bool:
    """Whether the expression of user_id uses a field that is hashed."""
    for alias, at in section.get("fields", {}).items():
        is_used = re.search(rf"\b{re.escape(alias)}\b", str(section["user_id"]))
        places = [at] if isinstance(at, str) else at
        if is_used and {*places} & {*section.get("hash", ())}:
            return True
    return False
