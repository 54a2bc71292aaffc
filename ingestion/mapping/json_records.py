"""Lines of JSON as landing rows.

Every JSON function parses the line again, so few are called: 1 M lines of 210 bytes cost 0.3 s for
`json_keys`, 0.6 s for `json_merge_patch`, and 0.2 s for `json_valid`, for which a failed
`json_extract_string` stands. CASE, unlike AND, leaves out what is not needed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from ingestion.mapping.duck_sql import name, quoted
from ingestion.mapping.json_checks import STRINGS, SUSPECT, has_nul, not_jsonb, too_deep
from ingestion.mapping.json_paths import last_value, may_repeat, steps
from ingestion.mapping.mapping import TableMapping
from ingestion.mapping.projection import projection
from ingestion.mapping.reading import Reading
from ingestion.mapping.reasons import Reason, first_reason

# The received line for the quarantine. A trailing comma is read by DuckDB and refused by jsonb:
# such text, like malformed text, is kept as a JSON string.
_ORIGINAL = rf"""case
    when _malformed is not null
        or regexp_matches(regexp_replace(_line, '{STRINGS}', '', 'g'), ',\s*[}}\]]')
        then cast(to_json(replace(_line, chr(0), '\u0000')) as varchar)
    else _line end"""


def json_lines(
    reading: Reading,
    received: str,
    rejected: str = "null",
    suspect: str = f"regexp_matches(line, {quoted(SUSPECT)})",
) -> str:
    """The query that turns lines of JSON into landing rows.

    Args:
        reading: how a record is read.
        received: a relation of (line text, _file text, _ingest_date date, _unit int).
        rejected: the expression of a reason that the reader has found; null for none.
        suspect: the expression of whether a line matches SUSPECT; the reader may have looked.
    """
    extraction = _Extraction(reading.mapping)
    return f"""
        with seen as (
            select line, _file as file, _ingest_date as ingest_date, _unit,
                {rejected} as _rejected, {suspect} as _suspect
            from {received}
        ),
        {_judged(extraction)},
        {_cleaned(extraction)},
        {_fielded(extraction)}
        {projection(reading, _ORIGINAL)}"""


def _judged(extraction: _Extraction) -> str:
    """CTEs: is it a record at all (`_broken`), and what lies at the paths (`_values`)."""
    has_any_nul = f"contains(line, chr(0)) or {has_nul('line')}"
    unreadable = {Reason.NUL_CHARACTER: f"case when _suspect then {has_any_nul} end"}
    broken = {
        Reason.MALFORMED_JSON: f"""case
            when _values is null then true
            when case when starts_with(line, '{{') then false
                else json_type(line) <> 'OBJECT' end then true
            else {not_jsonb("line", "_suspect")} end""",
        Reason.NESTED_TOO_DEEPLY: too_deep("line"),
    }
    return f"""checked as (
            select *, coalesce(_rejected, {first_reason(unreadable)}) as _unreadable from seen
        ),
        parsed as (
            select *, case when _unreadable is null then {extraction.all_values} end as _values
            from checked
        ),
        judged_lines as (
            select *, coalesce(_unreadable, {first_reason(broken)}) as _broken from parsed
        )"""


def _cleaned(extraction: _Extraction) -> str:
    """CTEs: the line without what the mapping takes out (`drop`, `hash`), or as it was. What is no
    record is not kept; a key that is there twice is looked for before one of them is gone."""
    cleaning = extraction.mapping.cleaning
    if not cleaning:
        return "cleaned as (from judged_lines)"
    is_twice = "len(list_distinct(json_keys(line))) < len(json_keys(line))"
    duplicate = {Reason.DUPLICATE_KEY: is_twice}
    return f"""distinct_lines as (
            select * replace (
                case when _broken is null then {first_reason(duplicate)} else _broken end
                    as _broken)
            from judged_lines
        ),
        cleaned_lines as (
            select * replace (
                case when _broken is null then {cleaning.cleaned("line")}
                    else {cleaning.not_kept("line")} end as line)
            from distinct_lines
        ),
        cleaned as (
            select * replace (case when _broken is null then {extraction.all_values} end as _values)
            from cleaned_lines
        )"""


def _fielded(extraction: _Extraction) -> str:
    """CTEs: the mapping's fields, and what is left of the record beside them."""
    patch = quoted(json.dumps(dict.fromkeys(extraction.taken_out)))
    is_twice = "len(list_distinct(_keys)) < len(_keys)"
    duplicate = {Reason.DUPLICATE_KEY: f"case when _has_others then {is_twice} end"}
    return f"""valued as (
            select *, case when _broken is null then json_keys(line) end as _keys from cleaned
        ),
        lifted as (
            select *,
                case when _broken is null then cast({extraction.lifted} as varchar) end as _lifted
            from valued
        ),
        compared as (
            select *, len(_keys) > {extraction.number_of_known} as _has_others,
                case when _broken is null then {extraction.may_repeat} end as _may_repeat
            from lifted
        ),
        fielded as (
            select {", ".join(extraction.fields)},
                line as _line, file, ingest_date, _unit, _lifted,
                coalesce(_broken, {first_reason(duplicate)}) as _malformed,
                case when _has_others then cast(json_merge_patch(line, {patch}) as varchar)
                    else '{{}}' end as _others
            from compared
        )"""


@dataclass(frozen=True)
class _Extraction:
    """What is extracted from a line, in one call for all paths."""

    mapping: TableMapping

    @property
    def _places(self) -> dict[str, list[str]]:
        return {
            alias: [json_path(p) for p in found] for alias, found in self.mapping.fields.items()
        }

    @property
    def _consumed(self) -> list[str]:
        return [member(key) for key in dict.fromkeys(self.mapping.consumes)]

    @property
    def _paths(self) -> list[str]:
        """The consumed fields too: when they are all there is, nothing is left over."""
        lift = [member(self.mapping.lift)] if self.mapping.lift else []
        wanted = [
            *(path for found in self._places.values() for path in found),
            *self._consumed,
            *lift,
        ]
        return list(dict.fromkeys(wanted)) or ["$"]

    def _value(self, path: str) -> str:
        return f"_values[{self._paths.index(path) + 1}]"

    def _last(self, path: str) -> str:
        """The value, also where one of the keys on its way is there twice."""
        if len(steps(path)) < 2:
            return self._value(path)
        return f"case when _may_repeat then {last_value('line', path)} else {self._value(path)} end"

    @property
    def may_repeat(self) -> str:
        """Whether a key on the way to a field may be there twice, below the top level."""
        return may_repeat("line", (path for found in self._places.values() for path in found))

    @property
    def all_values(self) -> str:
        """The list of what lies at the paths, as text; null where the line is no JSON."""
        return f"try(json_extract_string(line, [{', '.join(map(quoted, self._paths))}]))"

    @property
    def fields(self) -> list[str]:
        """The mapping's fields, each from the first of its places that the record has."""
        found = [
            f"coalesce({', '.join(map(self._last, paths))}) as {name(alias)}"
            for alias, paths in self._places.items()
        ]
        return [*found, "null as _no"]

    @property
    def lifted(self) -> str:
        """The lifted field as JSON. Extracted as text, an object is as it was, but a string that
        begins with a brace, for which SUSPECT looks, would seem one: then, and where it is neither,
        it is extracted again, as JSON."""
        if not self.mapping.lift:
            return "null"
        path = member(self.mapping.lift)
        return f"""case
            when case when starts_with({self._value(path)}, '{{') then not _suspect else false end
            then {self._value(path)} else json_extract(line, {quoted(path)}) end"""

    @property
    def number_of_known(self) -> str:
        """How many of the record's own fields are consumed or lifted."""
        known = [*map(self._value, self._consumed), "_lifted"]
        return " + ".join(f"cast({value} is not null as int)" for value in known)

    @property
    def taken_out(self) -> list[str]:
        """The fields that do not stay in the payload as they are."""
        return [key for key in (*self.mapping.consumes, self.mapping.lift) if key]


def json_path(place: str) -> str:
    """`actor.id` as DuckDB's `$."actor"."id"`; a place that begins with $ is a path already."""
    if place.startswith("$"):
        return place
    return "$" + "".join(f'."{part}"' for part in place.split("."))


def member(key: str) -> str:
    """The path of a field of the record itself, whatever its name."""
    return f'$."{key}"'
