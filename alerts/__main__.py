"""`make alert-test` and `make silence`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta

from alerts.conditions import KINDS
from alerts.send import Alert, channels, deliver
from alerts.settings import ALERT, HOURS, AlertSettings
from alerts.state import silence
from core.command_line import command, group, run_command
from core.errors import UserError
from core.settings import read_settings
from core.warehouse.server import warehouse


@command()
def test() -> int:
    """Send one alert of each kind everywhere that is set; status 1 where one was not sent.

    \f
    Raises:
        UserError: nothing is set.
    """
    settings = read_settings(AlertSettings)
    if not channels(settings):
        raise UserError("ALERT_EMAIL, ALERT_WEBHOOK_URL and ALERT_SIGNED_URL are not set: give one")
    has_failed = False
    for kind in KINDS:
        sent = deliver(_sample(kind, settings.owner), settings)
        for name, error in sent.items():
            print(f"{kind}: {error or f'{name}: sent'}")
            has_failed = has_failed or bool(error)
    return 1 if has_failed else 0


@command(ALERT, HOURS)
def _silence() -> None:
    """Tell nobody of one kind of alert for some hours.

    \f
    Raises:
        UserError: a setting is missing or wrong.
    """
    kind = ALERT.read()
    if not kind:
        raise UserError(f"ALERT is not set: give one of {', '.join(KINDS)}")
    until = datetime.now(UTC) + timedelta(hours=HOURS.read())
    silence(warehouse(), kind, until)
    print(f"{kind} is silent until {until:%Y-%m-%d %H:%M} UTC")


def _sample(kind: str, owner: str) -> Alert:
    return Alert(
        title=f"fact-events: test: {kind}",
        owner=owner,
        run_id="",
        reason="This is a test of alerts (make alert-test). Nothing is wrong.",
        queries={"none": "select 1"},
        kind=kind,
        subject="a test",
        days=(f"{datetime.now(UTC):%Y-%m-%d}",),
        rows=0,
        key=f"test-{kind}-{datetime.now(UTC):%Y%m%dT%H%M%S}",
    )


PROGRAM = group("python -m alerts", "Alerts: test them, silence one.", test, _silence)

if __name__ == "__main__":
    sys.exit(run_command(PROGRAM, prog="python -m alerts"))
