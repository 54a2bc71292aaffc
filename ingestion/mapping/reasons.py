"""Why a record is no event: the closed list, in the order in which the first that applies wins.

Described in `dbt/models/docs.md`; a test compares the two.
"""

REASONS = (
    "malformed_json",
    "malformed_csv",
    "invalid_encoding",
    "nul_character",
    "duplicate_key",
    "nested_too_deeply",
    "oversized_record",
    "oversized_field",
    "invalid_event_ts",
    "event_ts_out_of_range",
    "missing_event_id",
    "missing_user_id",
    "missing_event_type",
    "missing_event_ts",
)
