"""Settings: each environment variable is declared once, in the room that reads it.

A room has one frozen dataclass (or one for each of its commands) whose fields are declared by a
`Setting`; `read_settings` fills it from the environment. Nothing else reads a variable of the
project. Command line options, `.env.example` and docs/settings.md are made of these declarations.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from dotenv import load_dotenv

from core.days import DayRange, Window, parse_range, parse_window
from core.errors import SECRETS, UserError, secret_variables
from core.values import Kind, Text

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

ROOT = Path(__file__).resolve().parent.parent
_LONGEST_SECRET = 65_536  # bytes; what is longer is another file
# Of this process: which secrets came out of files, and those files.
SECRET_FILES: dict[str, str] = {}
Value = TypeVar("Value")
Settings = TypeVar("Settings", bound="DataclassInstance")
_SETTING = "setting"


@dataclass(frozen=True)
class Setting(Generic[Value]):
    """One environment variable: what it means, which texts it takes, what it is unless set."""

    name: str
    kind: Kind[Value]
    meaning: str
    default: str = ""
    example: str = ""  # for .env.example, where there is no default
    secret: bool = False  # never an option, never shown

    def read(self, env: Mapping[str, str] = os.environ) -> Value:
        """The value; an empty variable is one that is not set. UserError where it is wrong."""
        return self.kind(self.name, env.get(self.name) or self.default)

    def field(self, default: str | None = None) -> Value:
        """The field of a dataclass that holds it, perhaps with a default of its own."""
        declared = self if default is None else replace(self, default=default)
        value: Value = field(
            default_factory=lambda: declared.read({}),
            repr=not self.secret,
            metadata={_SETTING: declared},
        )
        return value


def declared(settings: type[DataclassInstance]) -> Iterator[tuple[str, Setting[Any]]]:
    """The fields of a dataclass that variables fill, by name. Any: each has its own type."""
    for each in fields(settings):
        if _SETTING in each.metadata:
            yield each.name, each.metadata[_SETTING]


def read_settings(
    settings: type[Settings],
    env: Mapping[str, str] = os.environ,
    **given: object,
) -> Settings:
    """A dataclass of settings, from the environment.

    Args:
        settings: the dataclass.
        env: where the variables are.
        given: fields that are known, whatever the environment says.

    Raises:
        UserError: a variable is wrong.
    """
    values = {name: setting.read(env) for name, setting in declared(settings) if name not in given}
    return settings(**values, **given)


@dataclass(frozen=True)
class Place:
    """A file or directory; a relative one is below `base`."""

    words: str
    base: Path = ROOT

    def __call__(self, name: str, text: str) -> Path:
        """The path, absolute."""
        return self.base / text


# libpq's own: dbt, psql and dlt read them too. Read in core/warehouse alone.
OTHERS = (
    Setting(
        "PGHOST",
        Text("a host, the directory of a socket, or a list of hosts"),
        "The server of the warehouse. Not set, nor PGSERVICE or PGHOSTADDR: an embedded one is "
        "started under LOCAL_DIR.",
        example="localhost",
    ),
    Setting(
        "PGHOSTADDR", Text("an address"), "Its address, without a name server.", example="10.0.0.5"
    ),
    Setting(
        "PGSERVICE",
        Text("a name"),
        "Its section in PGSERVICEFILE or ~/.pg_service.conf.",
        example="events",
    ),
    Setting("PGPORT", Text("a port"), "Its port, common to all hosts.", default="5432"),
    Setting("PGUSER", Text(), "The role. Not set: the name of the account.", example="fact_events"),
    Setting("PGPASSWORD", Text(), "The role's password.", secret=True),
    Setting(
        "PGDATABASE",
        Text(),
        "The database. Not set: named like the role; fact_events of the embedded server.",
        example="fact_events",
    ),
    Setting(
        "PGOPTIONS",
        Text("options of the server"),
        "For each session, such as another role. PGTZ does not count: every session is in UTC.",
        example="-c role=builder",
    ),
)
LOCAL_DIR = Setting(
    "LOCAL_DIR",
    Place("a directory"),
    "Where this machine keeps the embedded server, working files and Dagster's home.",
    default=".local",
)
ENV_FILE = Setting(
    "ENV_FILE",
    Place("a file"),
    "The file that settings come from beside the environment, which wins.",
    default=".env",
)
TARGET = Setting(
    "TARGET",
    Text("default, dev, prod, ci, or a target of your own in profiles/profiles.yml"),
    "Whose schemas dbt builds: dev those of DEV_NAME. A database that is marked for one is "
    "built by no other (docs/dbt.md).",
    default="default",
)
DEV_NAME = Setting(
    "DEV_NAME",
    Text("a name"),
    "Of TARGET=dev: dev_<name>_analytics and so on. Letters and digits.",
    example="anna",
)

HASH_KEY = Setting(
    "HASH_KEY",
    Text("16 characters or more"),
    "The key of the hashes that stand for values which are not kept "
    "(docs/mapping.md), and of forgotten users (docs/erasing.md).",
    secret=True,
)


@dataclass(frozen=True)
class RangeSettings:
    """The days asked for, as people write them."""

    first: str = Setting(
        "FROM",
        Text("a UTC day, YYYY-MM-DD"),
        "First day; for ingest an hour too (2026-01-01T05), where the source has hours.",
        example="2026-01-01",
    ).field()
    last: str = Setting(
        "TO",
        Text("a UTC day, YYYY-MM-DD"),
        "Last day, inclusive. Not set: the same as FROM.",
        example="2026-01-31",
    ).field()


def load_env() -> None:
    """Read `.env` beside the Makefile, or ENV_FILE, then the files of secrets. Variables that are
    already set win. A value is what is written there: in a password `$` is a `$`.

    Raises:
        UserError: a file of a secret cannot be used, or the secret is set beside it.
    """
    load_dotenv(ENV_FILE.read(), interpolate=False)
    _load_secrets()
    for name, given in secret_variables().items():
        # A file that an editor wrote has one; `$(cat token)` has none.
        if given != given.strip("\r\n"):
            os.environ[name] = given.strip("\r\n")
            print(f"{name}: the line end around it is left out", file=sys.stderr)


def file_variable(name: str) -> str:
    """The variable that names a file in which a secret is."""
    return f"{name}_FILE"


def _load_secrets() -> None:
    """Secrets that are in files, as `<NAME>_FILE` says, into their variables: libpq, the AWS
    libraries and dbt look there, and so does what hides them."""
    for name in SECRETS:
        variable = file_variable(name)
        path = os.environ.get(variable)
        if not path:
            continue
        if os.environ.get(name):
            raise UserError(f"{name} and {variable}={path} are both set: give one of them")
        os.environ[name] = _secret_in(variable, path)
        SECRET_FILES[name] = path
        # Not deleted: processes that are started from here read .env again.
        os.environ[variable] = ""


def _secret_in(variable: str, path: str) -> str:
    """What a file has, without the line end after it. UserError where it has no secret."""
    try:
        with (ROOT / path).open("rb") as file:
            content = file.read(_LONGEST_SECRET + 1)
        secret = content.decode().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text (UTF-8)"
        raise UserError(f"{variable}={path} cannot be read: {reason}") from None
    if not secret.strip() or "\0" in secret or len(content) > _LONGEST_SECRET:
        wrong = "is empty" if not secret.strip() else "is no secret: it has NUL, or 64 kB and more"
        raise UserError(f"{variable}={path} {wrong}")
    return secret


def local_dir() -> Path:
    """The directory of everything this machine keeps: embedded server, working files, Dagster."""
    return LOCAL_DIR.read()


def optional_range() -> DayRange | None:
    """FROM and TO as a range, or None when neither is set. TO alone defaults to FROM.

    Raises:
        UserError: TO without FROM, a value that is no day, or TO before FROM.
    """
    asked = _asked()
    return parse_range(*asked) if asked else None


def optional_window() -> Window | None:
    """FROM and TO, each a day or an hour; None when neither is set. See `optional_range`."""
    asked = _asked()
    return parse_window(*asked) if asked else None


def _asked() -> tuple[str, str] | None:
    asked = read_settings(RangeSettings)
    if not asked.first and not asked.last:
        return None
    if not asked.first:
        raise UserError(
            f"FROM is not set, but TO={asked.last}: give the first day, FROM=YYYY-MM-DD"
        )
    return asked.first, asked.last or asked.first


def declared_in(module: ModuleType) -> list[Setting[Any]]:
    """What a room's settings.py declares, each setting once, in the order of the file."""
    found: dict[str, Setting[Any]] = {}
    for value in vars(module).values():
        if isinstance(value, type) and is_dataclass(value) and value.__module__ == module.__name__:
            settings = [setting for _, setting in declared(value)]
        else:
            settings = [each for each in _items(value) if isinstance(each, Setting)]
        for setting in settings:
            found.setdefault(setting.name, setting)
    return [*found.values()]


def _items(value: object) -> tuple[object, ...]:
    return value if isinstance(value, tuple) else (value,)
