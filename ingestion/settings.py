"""What the user can set of an ingestion, read once from the environment and `.env`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from core.days import DayRange, Window
from core.errors import UserError
from core.settings import Place, Setting, optional_window, read_settings
from core.values import Day, OneOf, Port, Share, Switch, Text, Whole
from ingestion.mapping.reading import EVENT_TS_MIN as FIRST_DAY
from ingestion.mapping.reasons import Reason
from ingestion.sources import NamedSource, all_sources, chosen_source

MAX_CONCURRENCY = 64
MAPPING = Setting(
    "MAPPING",
    Text("a name or a path"),
    "How records are read: a shipped mapping, or a TOML file (docs/mapping.md). "
    "For replay: the sources that it read; not set, all of them.",
    default="canonical",
)
EVENTS_URL = Setting(
    "EVENTS_URL",
    Text("a URL, or a template of paths or URLs"),
    "The events: the base URL of an API, or files, with strftime fields and globs.",
    example="/data/%Y-%m-%d*.jsonl.gz",
)
RESOURCE = Setting(
    "RESOURCE",
    Text("package.module:function"),
    "For SOURCE=dlt: a resource or source of dlt, or a function that gives records.",
    example="examples.dlt.orders:orders",
)
SOURCE_NAME = Setting(
    "SOURCE_NAME",
    Text("a name"),
    "Which source of SOURCES_FILE is read; the variables of a single one do not count then.",
    example="web",
)
SOURCES_FILE = Setting(
    "SOURCES_FILE",
    Place("a file"),
    "Several sources, each with its mapping, schedule, owner and calls (docs/sources.md).",
    default="sources.toml",
)
EVENT_TS_MIN = Setting(
    "EVENT_TS_MIN",
    Day(),
    "Events before this day are quarantined as event_ts_out_of_range.",
    default=FIRST_DAY.isoformat(),
)
SOURCE = Setting(
    "SOURCE",
    OneOf(("api", "files", "dlt")),
    "Where events come from. Not set: what EVENTS_URL is, an API if it is an http(s) URL, else "
    "files; without it dlt where RESOURCE is set.",
    example="files",
)
PROFILES_URL = Setting(
    "PROFILES_URL",
    Text("a template of paths or URLs"),
    "Files of user profiles. Of an API they are read beside the events.",
    example="/data/profiles/%Y-%m-%d.csv",
)
API_TOKEN = Setting(
    "EVENTS_API_TOKEN", Text(), "The bearer token of the API, if it asks for one.", secret=True
)
DRY = Setting("DRY", Switch(), "Say what would be done, and do nothing.", default="false")
JSON = Setting("JSON", Switch(), "Print what was done as JSON.", default="false")


@dataclass(frozen=True)
class IngestSettings:
    """One ingestion: which days, from where, read how. `hours`: where not all of the days are asked
    for."""

    days: DayRange
    connector: str = SOURCE.field()
    mapping: str = MAPPING.field()
    events_url: str = EVENTS_URL.field()
    profiles_url: str = PROFILES_URL.field()
    api_token: str = API_TOKEN.field()
    source_name: str = SOURCE_NAME.field()
    resource: str = RESOURCE.field()
    api_concurrency: int = Setting(
        "API_CONCURRENCY",
        Whole("requests", 1, MAX_CONCURRENCY),
        "Requests that the API gets at the same time.",
        default="4",
    ).field()
    max_quarantined: float = Setting(
        "MAX_QUARANTINED",
        Share(),
        "A load of 1,000 records or more is refused when more than this share is rejected.",
        default="0.5",
    ).field()
    event_ts_min: date = EVENT_TS_MIN.field()
    force: bool = Setting(
        "FORCE", Switch(), "Read every unit, also those that are as before.", default="false"
    ).field()
    dry: bool = DRY.field()
    hours: Window | None = None
    calls_per_day: int = 0  # of an API; 0 for any number

    @property
    def asked(self) -> Window:
        """The hours asked for."""
        return self.hours or Window.of_days(self.days)

    @classmethod
    def from_env(
        cls, days: DayRange | None = None, env: Mapping[str, str] = os.environ
    ) -> IngestSettings:
        """Read the settings of an ingestion, and FROM and TO.

        Args:
            days: instead of FROM and TO.
            env: where the settings are.

        Raises:
            UserError: a setting is missing or wrong.
        """
        asked = Window.of_days(days) if days else optional_window()
        if asked is None:
            raise UserError("FROM is not set: give the first UTC day to ingest, FROM=YYYY-MM-DD")
        env, calls = _chosen(env)
        hours = None if asked.is_days else asked
        settings = read_settings(cls, env, days=asked.days, hours=hours, calls_per_day=calls)
        settings.check()
        return settings

    def check(self) -> None:
        """Refuse a source that does not say where it is.

        Raises:
            UserError: it does not.
        """
        _check_place(self)


@dataclass(frozen=True)
class SampleSettings:
    """What to look at for a mapping. `asked`: None for whatever is there."""

    asked: Window | None
    connector: str = SOURCE.field()
    mapping: str = MAPPING.field(default="")
    events_url: str = EVENTS_URL.field()
    profiles_url: str = PROFILES_URL.field()
    api_token: str = API_TOKEN.field()
    source_name: str = SOURCE_NAME.field()
    resource: str = RESOURCE.field()
    event_ts_min: date = EVENT_TS_MIN.field()
    calls_per_day: int = 0  # of an API; 0 for any number

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> SampleSettings:
        """Read the settings of a draft or a check.

        Raises:
            UserError: a setting is missing or wrong.
        """
        env, calls = _chosen(env)
        settings = read_settings(cls, env, asked=optional_window(), calls_per_day=calls)
        _check_place(settings)
        return settings


@dataclass(frozen=True)
class RetractSettings:
    """Which unit is taken back."""

    unit: str = Setting(
        "UNIT",
        Text("a name, or name@window"),
        "For retract: the unit, as `make ingest` and raw.units name it.",
        example="2026-01-01.jsonl",
    ).field()
    mapping: str = MAPPING.field(default="")
    dry: bool = DRY.field()


@dataclass(frozen=True)
class ReplaySettings:
    """Which quarantined records are read again; "" is all of them."""

    reason: str = Setting(
        "REASON",
        OneOf(tuple(Reason)),
        "For replay: records quarantined for this reason. Not set: whatever the reason.",
        example="invalid_event_ts",
    ).field()
    mapping: str = MAPPING.field(default="")
    event_ts_min: date = EVENT_TS_MIN.field()
    dry: bool = DRY.field()


DEMO_API_PORT = Setting(
    "DEMO_API_PORT",
    Port(0),
    "Where `make demo-api` listens, on loopback. 0 is any free port.",
    default="8008",
)
# Of the AWS SDKs, for s3://… templates and storage: they read them, and some that are not here.
OTHERS = (
    Setting("AWS_ACCESS_KEY_ID", Text(), "For s3://…: the key."),
    Setting("AWS_SECRET_ACCESS_KEY", Text(), "For s3://…: the secret.", secret=True),
    Setting("AWS_SESSION_TOKEN", Text(), "For s3://…: of a temporary key.", secret=True),
    Setting("AWS_REGION", Text(), "For s3://…: the region.", example="eu-central-1"),
    Setting(
        "AWS_ENDPOINT_URL",
        Text("a URL"),
        "For s3://…: a store that is not Amazon's.",
        example="https://minio.example.com",
    ),
)


def named_sources() -> dict[str, NamedSource]:
    """The sources of SOURCES_FILE, by name; none where variables say that there is one source.

    Raises:
        UserError: the file is no TOML, or says what cannot be.
    """
    return all_sources(SOURCES_FILE.read(), SOURCE_NAME.read(), os.environ)


def _chosen(env: Mapping[str, str]) -> tuple[Mapping[str, str], int]:
    """The variables of the source that is meant, and its calls a day; see `chosen_source`."""
    named = chosen_source(SOURCES_FILE.read(env), SOURCE_NAME.read(env), env)
    variables = named.variables if named else {}
    return _with_source({**env, **variables}), named.calls_per_day if named else 0


def _with_source(env: Mapping[str, str]) -> dict[str, str]:
    """The variables that are set, and SOURCE as it is understood where it is not."""
    url = EVENTS_URL.read(env)
    inferred = "files" if url and not _is_http(url) else "api"
    if RESOURCE.read(env) and not url:
        inferred = "dlt"
    return {"SOURCE": inferred} | {name: value for name, value in env.items() if value}


def _is_http(url: str) -> bool:
    return url.startswith(("http://", "https://"))


def _check_place(settings: IngestSettings | SampleSettings) -> None:
    """Refuse a source that does not say where it is."""
    if settings.connector != "dlt":
        _check_url(settings.connector, settings.events_url)
        return
    if not settings.resource:
        raise UserError("RESOURCE is not set: give package.module:function for SOURCE=dlt")
    if settings.profiles_url:
        raise UserError(
            f"PROFILES_URL={settings.profiles_url!r} is of files and APIs, but SOURCE=dlt: "
            "name the resource of profiles in [dlt] of the mapping"
        )


def _check_url(connector: str, url: str) -> None:
    """Refuse an EVENTS_URL that is not what SOURCE says."""
    if connector == "files":
        if not url:
            raise UserError("EVENTS_URL is not set: give a template, /data/%Y-%m-%d.jsonl.gz")
    elif not url:
        raise UserError("EVENTS_URL is not set: give the API's base URL (make demo-api serves one)")
    elif not _is_http(url):
        raise UserError(f"EVENTS_URL={url!r} is no http(s) URL, but SOURCE=api")
