"""Expressions about JSON text, for DuckDB: what is valid JSON there and would fail in Postgres."""

from __future__ import annotations

from ingestion.mapping.duck_sql import quoted

# JSON strings, to look for the numbers that DuckDB reads and Postgres' jsonb refuses.
STRINGS = r'"(\\.|[^"\\])*"'
# NaN, Infinity, 1e99999, and numbers of a thousand digits (numeric ends at 16,383 decimals).
_NOT_JSONB = r"nan|inf|e[+-]?[0-9]{4}|[0-9]{1000}"
# Text that may have such a number, or a NUL, or a string that begins like an object. Looking costs
# more than parsing, so it is done once for all of them: what is not suspect needs no other look.
# Arrow does it in half of DuckDB's time (0.4 s against 0.7 s for 1 M lines of 210 bytes). An
# exponent is looked for where a number may begin: "e1234" is in every ninth UUID.
SUSPECT = (
    r"[:,\[\s-](?i:nan|inf)|(?:^|[:,\[\s])-?[0-9]+(?:\.[0-9]+)?[eE][+-]?[0-9]{4}|[0-9]{100}"
    r"|\x00|\\u0000"
    r"|\"\{|\\u007[bB]"
)
# Deeper records are quarantined: Postgres' jsonb fails at about 6,000 levels, and with it the load.
MAX_DEPTH = 500
_NUL = r"(^|[^\\])(\\\\)*\\u0000"  # an escaped NUL, which Postgres' text cannot hold


def has_nul(text: str) -> str:
    """Whether JSON text has an escaped NUL character."""
    return (
        rf"(case when contains({text}, '\u0000') then regexp_matches({text}, {quoted(_NUL)}) end)"
    )


def not_jsonb(text: str, suspect: str = "") -> str:
    """Whether valid JSON text has a number, outside of its strings, that jsonb refuses."""
    outside = f"regexp_replace({text}, {quoted(STRINGS)}, '', 'g')"
    return f"""(case when {suspect or f"regexp_matches({text}, {quoted(SUSPECT)})"}
        then regexp_matches({outside}, {quoted(_NOT_JSONB)}, 'i') else false end)"""


def too_deep(text: str) -> str:
    """Whether valid JSON text has more than MAX_DEPTH levels. Depth is counted, bracket by bracket,
    only where the text is long and has so many brackets at all."""
    outside = f"regexp_replace({text}, {quoted(STRINGS)}, '', 'g')"
    brackets = f"translate(regexp_replace({outside}, '[^][{{}}]', '', 'g'), '{{}}', '[]')"
    steps = f"""list_transform(string_split({brackets}, ''),
        lambda bracket: case bracket when '[' then 1 else -1 end)"""
    deepest = f"""list_reduce({steps},
        lambda so, step: {{'now': so.now + step, 'most': greatest(so.most, so.now + step)}},
        {{'now': 0, 'most': 0}}).most"""
    opening = f"strlen(translate({text}, '{{[', ''))"
    return f"""(case when strlen({text}) <= {2 * MAX_DEPTH} then false
        when strlen({text}) - {opening} <= {MAX_DEPTH} then false
        else {deepest} > {MAX_DEPTH} end)"""
