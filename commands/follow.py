"""`make follow`: one process that stays up, lands what arrives, and builds the days it touches."""

from __future__ import annotations

import gc
import os
import sys
import time
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from commands.ending import Ending
from commands.settings import FOLLOW_DAYS, FOLLOW_SECONDS
from commands.trouble import Once, Quiet, Trouble, say
from core.command_line import command, run_command
from core.days import days_until_today
from core.errors import UserError
from core.refusals import REFUSALS
from ingestion.settings import IngestSettings
from transform.settings import MAX_UNKNOWN_USERS, SWAP_WAIT

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

    from core.warehouse.connection import Warehouse
    from ingestion.follow import Landed

LEAD_SECONDS = 2.0  # between two questions whether another one follows still
FAILURES = (UserError, OSError, *REFUSALS)
SHOWN = 5  # days, in a line
# dbt becomes slower by 1 to 2 ms with each build of a process (docs/performance.md), and larger.
RENEW_BUILDS = 200


@command(IngestSettings, FOLLOW_DAYS, FOLLOW_SECONDS, MAX_UNKNOWN_USERS, SWAP_WAIT)
def follow() -> None:
    """Land what arrives, and build the days that it touches, until Ctrl-C or SIGTERM.

    Looked at are today and the FOLLOW_DAYS days before it, or all of an undated template.

    \f
    Raises:
        UserError: a setting is wrong. What a server, a source or its data have, ends nothing.
    """
    settings = IngestSettings.from_env(days_until_today(FOLLOW_DAYS.read()))
    for name in ("dry", "force"):
        if getattr(settings, name):
            raise UserError(f"{name.upper()}=1 is for one load: follow goes on and on")
    from ingestion.watch import require_template

    require_template(settings)
    Follower(settings).run(Ending())


class Follower:
    """What follows one source: looks, lands, builds, and waits."""

    def __init__(self, settings: IngestSettings) -> None:
        from ingestion.follow import followed, name_of

        self._settings = settings
        self._name = name_of(settings)
        self._source = followed(settings, FOLLOW_SECONDS.read())
        self._landing = Trouble(f"{self._name}: landing works again")
        self._building = Trouble(f"{self._name}: all days are built and have passed their tests")
        self._quiet = Quiet(Once())
        self._notes: list[str] = []
        self._warehouse: Warehouse | None = None
        self._lead: Connection | None = None
        # What was landed before this process, and not built. Where nothing was, dbt gets warm.
        self._owes = True
        self._builds = 0

    def run(self, ending: Ending) -> None:
        """Go on until the process is told to end.

        Raises:
            KeyboardInterrupt, SystemExit: it was.
        """
        say(f"following {self._name}: {self._settings.days}, every {self._source.pause:g} s")
        while True:
            pause = self._round()
            ending.check()
            if self._builds >= RENEW_BUILDS and not self._owes:
                self._renew()
            time.sleep(pause)

    def _renew(self) -> None:
        """Become a fresh process of the same id. Nothing is open, and nothing is to be done."""
        self._let_go()
        sys.stdout.flush()
        os.execv(sys.executable, [sys.executable, "-m", "commands.follow", *sys.argv[1:]])  # noqa: S606

    def _round(self) -> float:
        """One look, and what follows from it; seconds until the next."""
        landed: list[Landed] = []
        if not self._landing.wait:
            try:
                if not self._leads():
                    return LEAD_SECONDS
                landed = self._land()
                self._landing.over()
            except FAILURES as error:
                self._landing.failed(error)
                self._let_go()
        if landed or (self._owes and not self._building.wait):
            self._build(landed)
        return self._landing.wait or self._source.pause

    def _leads(self) -> bool:
        """Whether this is the one process that follows the source; FAILURES where nobody knows."""
        from core.warehouse.server import warehouse
        from ingestion.land.loads import lead

        if self._warehouse is None:
            self._warehouse = warehouse()
        if self._lead is None:
            self._lead = self._warehouse.connect()
        if not lead(self._lead, self._name):
            self._quiet.tell(f"another make follow has {self._name}: waiting until it ends")
            return False
        return True

    def _let_go(self) -> None:
        """After a failure: whoever has a server that answers may go on."""
        if self._lead is not None:
            with suppress(*REFUSALS):
                self._lead.close()
        self._lead = self._warehouse = None

    def _land(self) -> list[Landed]:
        """What has arrived, landed; FAILURES as they come."""
        assert self._warehouse  # noqa: S101 - for mypy: `_leads` has found it
        settings = replace(self._settings, days=days_until_today(FOLLOW_DAYS.read()))
        landed = []
        for each in self._source.land(settings, self._warehouse, self._quiet):
            if each.result.load_id:
                self._owes = True
                landed.append(each)
        return landed

    def _build(self, landed: list[Landed]) -> None:
        """Build and test the days that are out of date, and say what came of it."""
        from transform.build import transform

        if self._warehouse is None:
            return
        try:
            said = transform(self._warehouse, None, self._quiet)
            self._owes = False
            self._building.over()
            self._warm()
        except FAILURES as error:
            self._building.failed(error, self._red())
            said = ""
        if landed:
            say(self._line(landed, bool(said)))
        notes = said.splitlines()[1:] if said else self._notes
        for note in notes:
            if note not in self._notes:
                say(note)
        self._notes = notes

    def _warm(self) -> None:
        """After the first build: what dbt has imported and compiled is no garbage."""
        self._builds += 1
        if self._builds == 1:
            gc.collect()
            gc.freeze()

    def _red(self) -> str:
        """By which days the trouble is known, as far as anybody can tell."""
        from transform.event_days import failed_days, named

        try:
            days = failed_days(self._warehouse) if self._warehouse else []
        except FAILURES:
            return ""
        return f"red: {named(days)}" if days else ""

    def _line(self, landed: list[Landed], is_built: bool) -> str:
        """Of some loads: units, rows, days, seconds."""
        tables = [table for each in landed for table in each.result.tables.values()]
        units = sum(len(table.read) for table in tables)
        rows = sum(table.added_rows for table in tables)
        parts = [f"{units:,} unit{'' if units == 1 else 's'}", f"{rows:,} rows"]
        for word, number in (
            ("replaced", sum(table.replaced_rows for table in tables)),
            ("retracted", sum(table.retracted_rows for table in tables)),
            ("quarantined", sum(sum(table.rejected.values()) for table in tables)),
        ):
            parts += [f"{number:,} {word}"] if number else []
        return f"{self._name}: {', '.join(parts)}; {self._facts(landed, is_built)}"

    def _facts(self, landed: list[Landed], is_built: bool) -> str:
        """Which facts they became, and when."""
        from transform.build import days_built

        seconds = (datetime.now(UTC) - min(each.at for each in landed)) / timedelta(seconds=1)
        if not is_built or self._warehouse is None:
            return "not all of it is built and tested"
        try:
            with closing(self._warehouse.connect()) as db:
                days = days_built(db)
        except FAILURES:
            days = []
        more = f" and {len(days) - SHOWN} more" if len(days) > SHOWN else ""
        return (
            f"facts of {', '.join(map(str, days[:SHOWN])) or 'no day'}{more} after {seconds:.1f} s"
        )


if __name__ == "__main__":
    sys.exit(run_command(follow, prog="python -m commands.follow"))
