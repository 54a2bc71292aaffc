"""What the user can set of the commands across rooms."""

from dataclasses import dataclass

from core.errors import UserError
from core.settings import Setting
from core.values import Text, Whole

_LONGEST = 63 - len("_orchestrator")  # Postgres cuts off what is longer

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
FOLLOW_DAYS = Setting(
    "FOLLOW_DAYS",
    Whole("days", high=3650),
    "For follow: how many UTC days before today are looked at too; all of an undated template.",
    default="2",
)
FOLLOW_SECONDS = Setting(
    "FOLLOW_SECONDS",
    Whole("seconds", high=86_400),
    "For follow: the pause between two looks. 0 is half a second at files on "
    "a disk, 10 at those elsewhere, "
    "60 at an API or a resource; longer where its calls_per_day would not last the day.",
    default="0",
)


@dataclass(frozen=True)
class Prefix:
    """What names of roles begin with."""

    words: str = f"a name without blanks, at most {_LONGEST} bytes"

    def __call__(self, name: str, text: str) -> str:
        """The text; UserError where Postgres would refuse it, or cut it off."""
        if text.startswith("pg_"):
            raise UserError(f"{name}={text!r}: names that begin with pg_ are Postgres' own")
        if len(text.encode()) > _LONGEST or text.split() != [text]:
            raise UserError(f"{name}={text!r} is not {self.words}")
        return text


ROLE_PREFIX = Setting(
    "ROLE_PREFIX",
    Prefix(),
    "For roles: what the names of the group roles begin with (docs/roles.md).",
    default="fact_events",
)
