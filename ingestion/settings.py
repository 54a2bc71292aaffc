"""What the user can set of an ingestion, read once from the environment and `.env`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from core.days import DayRange
from core.errors import UserError
from core.settings import optional_range

SOURCES = ("api", "files")
MAX_CONCURRENCY = 64


@dataclass(frozen=True)
class IngestSettings:
    """One ingestion: which days, from where, read how."""

    days: DayRange
    source: str
    mapping: str
    events_url: str
    profiles_url: str
    api_token: str = field(repr=False)
    api_concurrency: int = 4
    max_quarantined: float = 0.5

    @classmethod
    def from_env(
        cls, days: DayRange | None = None, env: Mapping[str, str] = os.environ
    ) -> IngestSettings:
        """Read SOURCE, MAPPING, EVENTS_URL, PROFILES_URL, EVENTS_API_TOKEN, API_CONCURRENCY
        and FROM, TO.

        Args:
            days: instead of FROM and TO.
            env: where the settings are.

        Raises:
            UserError: a setting is missing or wrong.
        """
        days = days or optional_range()
        if days is None:
            raise UserError("FROM is not set: give the first UTC day to ingest, FROM=YYYY-MM-DD")
        events_url = env.get("EVENTS_URL", "")
        is_http = events_url.startswith(("http://", "https://"))
        source = env.get("SOURCE") or ("files" if events_url and not is_http else "api")
        if source not in SOURCES:
            raise UserError(f"SOURCE={source!r} is unknown: use one of {', '.join(SOURCES)}")
        token = env.get("EVENTS_API_TOKEN", "")
        if source == "api":
            if not events_url:
                raise UserError(
                    "EVENTS_URL is not set: give the API's base URL (make demo-api serves one)"
                )
            if not is_http:
                raise UserError(f"EVENTS_URL={events_url!r} is no http(s) URL, but SOURCE=api")
            if not token:
                raise UserError("EVENTS_API_TOKEN is not set: export it or put it in .env")
        elif not events_url:
            raise UserError("EVENTS_URL is not set: give a template, /data/%Y-%m-%d.jsonl.gz")
        return cls(
            days=days,
            source=source,
            mapping=env.get("MAPPING") or "canonical",
            events_url=events_url,
            profiles_url=env.get("PROFILES_URL", ""),
            api_token=token,
            api_concurrency=_concurrency(),
            max_quarantined=_share("MAX_QUARANTINED", 0.5),
        )


def _concurrency() -> int:
    """API_CONCURRENCY: how many requests the API gets at the same time."""
    text = os.environ.get("API_CONCURRENCY") or str(IngestSettings.api_concurrency)
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MAX_CONCURRENCY:
        raise UserError(f"API_CONCURRENCY={text!r} is not a number from 1 to {MAX_CONCURRENCY}")
    return int(text)


def _share(name: str, default: float) -> float:
    """A setting between 0 and 1.

    Raises:
        UserError: it is not.
    """
    value = os.environ.get(name) or str(default)
    try:
        share = float(value)
    except ValueError:
        share = -1
    if not 0 <= share <= 1:
        raise UserError(f"{name}={value!r} is not a share: give a number from 0 to 1")
    return share
