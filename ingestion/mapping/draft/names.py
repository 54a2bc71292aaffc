"""What a field is called, and what that says of what it holds."""

from __future__ import annotations

import re
from collections.abc import Sequence

_PERSON = (
    "user|usr|customer|cust|account|member|subscriber|player|visitor|person|profile|client|contact"
    "|employee|student|patient|buyer|author|sender|actor|who|owner|guest|shopper|learner|rider"
    "|driver|participant|anonymous|distinct"
)
_ID = "id|uid|uuid|guid|key|ref|no|nr|num|number|code|hash|pk"
# By role, patterns of a plain name, the surest first, and how sure each is.
ROLES: dict[str, tuple[tuple[str, float], ...]] = {
    "event_id": (
        ("event(id|uuid|guid|key)|(message|insert)id", 1.0),
        ("id|uuid|guid|pk", 0.9),
        (
            "(record|log|hit|row|transaction|line|comment|request|delivery|entry|activity|action"
            "|click|post|order|invoice|item)(id|uuid|guid|key|no|number)",
            0.7,
        ),
        (".*(id|uuid|guid|key|hash)", 0.5),
    ),
    "user_id": (
        (f"user({_ID})|uid", 1.0),
        (f"({_PERSON})({_ID})", 0.95),
        (f"({_PERSON})", 0.85),
        (f"({_PERSON})?(login|email|mail|name)", 0.6),
        (f"(device|cookie|session|ip)({_ID}|address)?", 0.5),
        (f".*({_PERSON})({_ID})?", 0.5),
    ),
    "event_type": (
        ("event(type|name|action|kind)?", 1.0),
        ("type|action|kind|verb|activity|activitytype|actiontype", 0.9),
        ("what|op|operation|name|category|topic|method", 0.6),
        (".*(eventtype|eventname|action|type|kind)", 0.5),
    ),
    "event_ts": (
        ("event(ts|time|timestamp|date|datetime|at)|(occurred|happened)(at|on)", 1.0),
        ("timestamp|ts|time|datetime|created(at|on|time|date)?|at|when|t", 0.9),
        ("date|day", 0.7),
        ("(updated|modified|received|ingested|processed|sent|loaded|deleted|expires)(at|on)?", 0.4),
        (".*(timestamp|datetime|time|date|ts|at)", 0.7),
    ),
    "region": (
        ("region|country|countrycode|geocountry|georegion", 1.0),
        ("market|territory|state|province|continent|.*(country|region)(code|name)?", 0.7),
        ("city|location|locale|area|zone", 0.5),
    ),
    "tier": (
        ("tier|plan|level|segment|membership|subscription", 1.0),
        ("role|status|class|category|grade|rank|experience|.*(tier|plan|level)", 0.6),
    ),
}
ROLES["updated_at"] = (
    ("(updated|modified|changed|lastmodified|lastupdated|validfrom)(at|on|time|date|ts)?", 1.0),
    *ROLES["event_ts"][1:3],
    ROLES["event_ts"][4],
)
# Objects that hold what else is known of an event.
LIFTED = re.compile(
    r"(event)?(properties|props|payload|attributes|params|data|details|body|context|extra|meta)"
)
DEEPER = 0.95  # what is inside of an object is so much less sure


def plain(keys: Sequence[str]) -> str:
    """A name without its spelling: Comment ID, comment_id and commentId are one."""
    return re.sub(r"[^a-z0-9]", "", "".join(keys).lower())


def sureness(role: str, keys: Sequence[str]) -> float:
    """How much a name says that a field is what the role needs, 0 to 1.

    Of `actor.id` both `actorid` and `id` are looked at: the whole way tells more, and what a
    part of it is called alone is worth less.
    """
    whole = _sureness(role, plain(keys))
    last = _sureness(role, plain(keys[-1:])) if len(keys) > 1 else 0.0
    return max(whole, 0.6 * last) * DEEPER ** (len(keys) - 1)


def _sureness(role: str, name: str) -> float:
    return next((sure for each, sure in ROLES[role] if re.fullmatch(each, name)), 0.0)
