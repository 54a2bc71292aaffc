"""How a record's time is read: DuckDB SQL from a text to an instant, null where it is none.

Three rules hold for every form. An instant is exact: it has an offset of at most 14 hours, `Z`,
`UTC` or `GMT`, or counts a declared unit since 1970. A time without a zone is the wall time of the
mapping's zone. Other names of zones are not read: `BST` is Bangladesh to ICU, Britain to people.
Digits below the microsecond are cut off. docs/mapping.md has the table of forms.
"""

from __future__ import annotations

import re

from ingestion.mapping.blanks import BLANK
from ingestion.mapping.duck_sql import quoted
from ingestion.mapping.mapping import EPOCHS, TableMapping

_DAY = r"\d{4,}-\d\d-\d\d(?: \(BC\))?"
_CLOCK = r"\d\d:\d\d(?::\d\d(?:\.\d+)?)?"
_OFFSET = r"[+-](?:(?:0\d|1[0-3])(?::?[0-5]\d)?|14(?::?00)?)"
# What DuckDB casts as ISO 8601 means it. Its own cast takes more: any zone that ICU has heard of,
# offsets of 99 hours. The three words are what Postgres and Parquet write for such times.
_WALL = rf"^{_DAY}(?:[T ]{_CLOCK})?$"
_INSTANT = rf"^(?:{_DAY}[T ]{_CLOCK}(?:Z|{_OFFSET}| UTC| GMT)|-?infinity|epoch)$"
# Everything else that ISO 8601 and RFC 3339 allow, and 2026/1/3 9:05.
_PARTS = {
    "date": r"\d{4}-\d\d?-\d\d?|\d{4}/\d\d?/\d\d?",
    "compact": r"\d{8}|\d{4}-?\d{3}|\d{4}-?W\d\d-?[1-7]",  # day of the year, of a week
    "clock": r"\d\d?:\d\d?(?::\d\d?)?|\d\d(?:\d\d(?:\d\d)?)?",
    "fraction": r"\d+",  # of the last unit there is: 10:30,5 is 10:30:30
    "zone": rf"Z|UTC|GMT|{_OFFSET}|[+-](?:0\d|1[0-3]):[0-5]\d:[0-5]\d",
}
_ANY_FORM = (
    rf"^{BLANK}*(?:({_PARTS['date']})|({_PARTS['compact']}))"
    rf"(?:(?:T|{BLANK}+)({_PARTS['clock']})(?:[.,]({_PARTS['fraction']}))?"
    rf"(?:{BLANK}*({_PARTS['zone']}))?)?{BLANK}*$"
)
_DIRECTIVE = re.compile(r"%-?.")
# What %z takes and is no offset: beyond 14 hours, or with 60 minutes and more.
_NO_OFFSET = r"[+-](?:(?:1[5-9]|[2-9]\d)(?::?\d\d)?|14:?(?:0[1-9]|[1-9]\d)|\d\d:?[6-9]\d)"


def timed(mapping: TableMapping, column: str, of: str) -> str:
    """CTEs, the last of them `timed`: the columns of a relation, and `_time`, a timestamptz.

    Args:
        mapping: says the format and the zone.
        column: the text to read.
        of: the relation.
    """
    if mapping.time_format != "iso":
        if isinstance(mapping.time_format, tuple):
            time = _by_formats(mapping.time_format, column, mapping.timezone)
        else:
            time = _since_1970(EPOCHS[mapping.time_format], column)
        return f"timed as (select *, {time} as _time from {of})"
    return f"""usual as (
            select *, {_usual(column, mapping.timezone)} as _usual_time from {of}
        ),
        parted as (
            select *, case when _usual_time is null then {_parts(column)} end as _parts from usual
        ),
        dated as (
            select *, case when _parts is not null then {_date_of("_parts")} end as _midnight
            from parted
        ),
        walled as (
            select *, case when _midnight is not null then {_wall_of("_parts", "_midnight")} end
                as _wall
            from dated
        ),
        timed as (
            select *, coalesce(_usual_time, {_instant_of("_wall", mapping.timezone)}) as _time
            from walled
        )"""


def _usual(column: str, zone: str) -> str:
    """The forms that nearly all logs have. A digit and Z at the end, or +00:00 where the signs of
    the date and the clock are in their places, need no regular expression, which costs twice what
    the cast does (1 M times: 0.29 CPU seconds with it, 0.10 without): what DuckDB reads of them has
    no other zone."""
    is_utc = f"suffix({column}, 'Z') and substring({column}, -2) between '0Z' and '9Z'"
    is_zero = f"""suffix({column}, '+00:00') and substring({column}, -7, 1) between '0' and '9'
        and {column} >= '0' and substring({column}, 5, 1) = '-'
        and substring({column}, 14, 1) = ':'"""
    return f"""case
        when {is_utc} or {is_zero} then try_cast({column} as timestamptz)
        when regexp_matches({column}, {quoted(_WALL)})
            then {_at(f"try_cast({column} as timestamp)", zone)}
        when regexp_matches({column}, {quoted(_INSTANT)}) then try_cast({column} as timestamptz)
        end"""


def _parts(column: str) -> str:
    """A struct of the parts of a time in an unusual form; all empty where it is none."""
    text = f"upper(translate({column}, '\u2212', '-'))"  # ISO 8601's minus
    names = ", ".join(map(quoted, _PARTS))
    return f"regexp_extract({text}, {quoted(_ANY_FORM)}, [{names}])"


def _date_of(parts: str) -> str:
    """Midnight of the parts' day. DuckDB reads week 53 of a year that has none: compared."""
    compact = f"replace({parts}.compact, '-', '')"
    day = f"try_strptime({compact}, ['%GW%V%u', '%Y%j', '%Y%m%d'])"
    is_one = f"not contains({compact}, 'W') or strftime({day}, '%GW%V%u') = {compact}"
    return f"""case
        when {parts}.date <> '' then try_cast({parts}.date as timestamp)
        when {is_one} then {day} end"""


def _wall_of(parts: str, midnight: str) -> str:
    """The wall time of the parts. An hour of 24 is the end of the day, so nothing follows it."""
    is_basic = f"not contains({parts}.clock, ':')"
    clock = f"""case when {is_basic}
        then regexp_replace(rpad({parts}.clock, 6, '0'), '(..)(..)(..)', '\\1:\\2:\\3')
        else {parts}.clock end"""
    units = f"""case when {is_basic} then strlen({parts}.clock) // 2
        else len(string_split({parts}.clock, ':')) end"""
    microseconds = f"case {units} when 1 then 3600000000 when 2 then 60000000 else 1000000 end"
    fraction = f"""cast(rpad(left({parts}.fraction, 12), 12, '0') as hugeint)
        * {microseconds} // 1000000000000"""
    day = f"strftime({midnight}, '%Y-%m-%d ')"
    return f"""case
        when {parts}.clock = '' then {midnight}
        when {parts}.fraction = '' then try_cast({day} || {clock} as timestamp)
        when starts_with({parts}.clock, '24') and {fraction} > 0 then null
        else try_cast({day} || {clock} as timestamp) + to_microseconds(cast({fraction} as bigint))
        end"""


def _instant_of(wall: str, zone: str) -> str:
    """The instant of a wall time and the parts' zone, or the mapping's where there is none."""
    return f"""case
        when _parts.zone = '' then {_at(wall, zone)}
        when _parts.zone in ('Z', 'UTC', 'GMT') then {_at(wall, "UTC")}
        else try_cast(cast({wall} as varchar) || _parts.zone as timestamptz) end"""


def _at(wall: str, zone: str) -> str:
    """The instant of a wall time (a timestamp) in a zone. ICU takes the second of the two times
    that a repeated hour has, and moves one in a skipped hour: what does not come back is none."""
    if zone == "UTC":
        return f"make_timestamptz(epoch_us({wall}))"  # 1 M of them without ICU: not to be noticed
    instant = f"timezone({quoted(zone)}, {wall})"
    return f"case when timezone({quoted(zone)}, {instant}) = {wall} then {instant} end"


def _since_1970(per_second: int, column: str) -> str:
    """The instant of a number of units, read to the nanosecond: as a decimal, since a double has 53
    bits, and nanoseconds need 61."""
    units = f"try_cast({column} as decimal(28, {10 - len(str(per_second))}))"
    microseconds = f"{1_000_000 / per_second:.3f}"  # of a unit: 1000000.000 to 0.001
    return f"make_timestamptz(try_cast(floor({units} * {microseconds}) as bigint))"


def _by_formats(formats: tuple[str, ...], column: str, zone: str) -> str:
    """The instant that the first format that fits reads."""
    if not any("%z" in each or "%Z" in each for each in formats):
        listed = ", ".join(map(quoted, formats))
        return _at(f"try_strptime({column}, [{listed}])", zone)
    return f"coalesce({', '.join(_by_format(each, column, zone) for each in formats)})"


def _by_format(time_format: str, column: str, zone: str) -> str:
    """The instant that a format reads. For `%Z` the words of UTC stand, and no other name."""
    read = [time_format]
    for directive, words in {"%Z": ("UTC", "GMT", "Z"), "%z": ("%z", "Z")}.items():
        if directive in _DIRECTIVE.findall(time_format):
            read = [_with(each, directive, word) for each in read for word in words]
    if read == [time_format]:
        return _at(f"try_strptime({column}, {quoted(time_format)})", zone)
    return ", ".join(_zoned(each, column) for each in read)


def _zoned(time_format: str, column: str) -> str:
    """The instant that a format with an offset, or with a word of UTC in it, reads."""
    if "%z" not in _DIRECTIVE.findall(time_format):
        return _at(f"try_strptime({column}, {quoted(time_format)})", "UTC")
    rest = time_format.rsplit("%z", 1)[1]
    after = "".join(
        ".*" if _DIRECTIVE.fullmatch(piece) else re.escape(piece)
        for piece in re.split(r"(%-?.)", rest)
    )
    is_wrong = f"regexp_matches({column}, {quoted(_NO_OFFSET + after + '$')})"
    return f"""case when not {is_wrong}
        then try_cast(try_strptime({column}, {quoted(time_format)}) as timestamptz) end"""


def _with(time_format: str, directive: str, word: str) -> str:
    """A format with a word in the place of a directive; `%%Z` is a percent sign and a Z."""
    return _DIRECTIVE.sub(lambda found: word if found[0] == directive else found[0], time_format)
