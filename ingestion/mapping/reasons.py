"""Why a record is rejected: the closed list, in the order in which the first that applies wins.

Landing writes a record's reason, and nobody decides it again: staging passes it on, replay and
MAX_QUARANTINED filter on it. Described in `dbt/models/docs.md`; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Reason(StrEnum):
    """A reject reason; earlier ones win."""

    OVERSIZED_RECORD = "oversized_record"
    INVALID_ENCODING = "invalid_encoding"
    NUL_CHARACTER = "nul_character"
    MALFORMED_JSON = "malformed_json"
    MALFORMED_CSV = "malformed_csv"
    NESTED_TOO_DEEPLY = "nested_too_deeply"
    DUPLICATE_KEY = "duplicate_key"
    OVERSIZED_FIELD = "oversized_field"
    INVALID_EVENT_TS = "invalid_event_ts"
    EVENT_TS_OUT_OF_RANGE = "event_ts_out_of_range"
    INVALID_DELETED = "invalid_deleted"
    INVALID_UPDATED_AT = "invalid_updated_at"
    UPDATED_AT_OUT_OF_RANGE = "updated_at_out_of_range"
    MISSING_EVENT_ID = "missing_event_id"
    MISSING_USER_ID = "missing_user_id"
    MISSING_EVENT_TYPE = "missing_event_type"
    MISSING_EVENT_TS = "missing_event_ts"
    MISSING_UPDATED_AT = "missing_updated_at"


# Such a record is kept as text: it is no JSON, or none that Postgres takes.
UNREADABLE = (
    Reason.OVERSIZED_RECORD,
    Reason.INVALID_ENCODING,
    Reason.NUL_CHARACTER,
    Reason.MALFORMED_JSON,
    Reason.NESTED_TOO_DEEPLY,
    Reason.DUPLICATE_KEY,
)
# No fault: the record says that an event was deleted. It is no event, and not quarantined.
DELETION = "deletion"
_OF_EVENTS = {
    Reason.INVALID_EVENT_TS,
    Reason.EVENT_TS_OUT_OF_RANGE,
    Reason.INVALID_DELETED,
    Reason.MISSING_EVENT_ID,
    Reason.MISSING_EVENT_TYPE,
    Reason.MISSING_EVENT_TS,
}
_OF_PROFILES = {
    Reason.INVALID_UPDATED_AT,
    Reason.UPDATED_AT_OUT_OF_RANGE,
    Reason.MISSING_UPDATED_AT,
}
# Those that an event can have, and a profile.
EVENT_REASONS = tuple(reason for reason in Reason if reason not in _OF_PROFILES)
PROFILE_REASONS = tuple(reason for reason in Reason if reason not in _OF_EVENTS)


def first_reason(findings: Mapping[Reason, str], otherwise: str = "null") -> str:
    """The SQL expression of the first reason that applies.

    Args:
        findings: by reason, the SQL condition under which it applies.
        otherwise: the expression where none does.
    """
    whens = [f"when {findings[reason]} then '{reason}'" for reason in Reason if reason in findings]
    return f"case {' '.join(whens)} else {otherwise} end"
