"""What the user can set of the commands across rooms."""

from core.settings import Setting
from core.values import Text, Whole

KEEP_DAYS = Setting(
    "KEEP_DAYS",
    Whole("days", 1),
    "For prune: the newest UTC days that are kept, today included.",
    example="400",
)
USER_ID = Setting(
    "USER_ID",
    Text(),
    "For forget: the user whose traces are deleted, by the id that the source delivers.",
    example="u17",
)
