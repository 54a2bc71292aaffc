"""Forgetting a user: exactly their records go, wherever they are, and none comes back."""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
import pytest

from commands.forget import forget
from core.command_line import run_command
from ingestion.forget import count_user, forget_user, leave_out
from orchestration import retention as orchestrated
from tests.helpers.people import AT, DAY, HELD, PER_USER
from tests.helpers.pipeline import deliver, event, in_thread, ingest_files, query
from tests.helpers.processes import run
from transform import retention as transformed

pytestmark = pytest.mark.tables_built
DETAIL = "DETAIL:  Key (event_date, user_id, event_id)=(2026-03-01, 17, e1) already exists.\n"
# Each beside what it must not be taken for.
IDS = {
    "17": ["5", "1", "170", "017", "17.0", "-17"],
    "18446744073709551617": ["18446744073709551616", "1.8446744073709552e19"],
    "0": ["00", "-0"],
    "u$1": ["u", "u1", "u$", "u$10"],
    "o'x\\ .*": ["o", "ox", "o'x", "oox\\ zz"],
    'a"b': ["a", "b", 'a\\"b'],
    "%": ["%%", "_"],
    "a|b": ["a | b", "a|"],
    "{}": ["{", "{1}", "[]"],
    "-- ;": ["--", ";"],
    "\U0001f642": ["\U0001f642\U0001f642", ":)"],
    "\u00e9": ["e", "e\u0301", "\u00c9"],
    "null": ["NULL", "nul"],
    "click": ["clicks", "clic"],
    "a b\tc": ["a b c", "a b"],
    "\\N": ["\\.", "\\"],
}
EVERYBODY = [*IDS, *(other for others in IDS.values() for other in others)]


def test_a_user_goes_and_nobody_else(warehouse, delivered):
    delivered(EVERYBODY)
    held = query(warehouse, HELD)
    for user in IDS:
        theirs = [row for row in held if row[0] == user]
        assert len(theirs) == PER_USER + 2, user
        leave_out(warehouse, user)
        counted = count_user(warehouse, user)
        assert counted == {"raw.events": PER_USER, "raw.user_profiles": 2}, user
        assert forget_user(warehouse, user) == counted
        held = [row for row in held if row[0] != user]
        assert query(warehouse, HELD) == held, user
    assert run("commands.forget", USER_ID="\\N").returncode == 0, (
        "which goes on where that one ended"
    )
    others = {*EVERYBODY} - {*IDS}
    for table in ("fact_events", "dim_user_versions", "user_activity"):
        found = {name for (name,) in query(warehouse, f"select user_id from analytics.{table}")}
        assert found == others, table
    quarantined = "select count(*) from analytics.quarantined_events"
    assert query(warehouse, quarantined) == [(len(others) * (PER_USER - 1) + 1,)]


def test_a_record_of_nobody_is_theirs_where_it_names_them_and_not_by_accident(warehouse, tmp_path):
    records = [
        event("17", AT, user_id=None, properties={"who": ["x17", "17", 17]}),
        event("x", AT, user_id=None, event_type="click", properties={"clicks": "17"}),
    ]
    deliver(tmp_path, DAY, records)
    ingest_files(warehouse, tmp_path, DAY)
    for user, gone in (("17", 0), ("click", 0), ("x", 0), ("x1", 0), ("x17", 1), ("x17", 0)):
        assert forget_user(warehouse, user)["raw.events"] == gone, user


def test_an_unknown_user_a_dry_run_and_the_audit(warehouse, delivered):
    delivered(["17", "5"])
    before = query(warehouse, HELD)
    unknown = run("commands.forget", USER_ID="170")
    assert unknown.returncode == 3
    assert unknown.stderr == "error: USER_ID='170' is unknown: no table, file or run has them\n"
    dry = run("commands.forget", USER_ID="17", DRY="1")
    assert dry.returncode == 0, dry.stderr
    assert "Nothing was deleted (DRY)" in dry.stdout
    assert query(warehouse, HELD) == before
    for table in ("forgotten", "forgotten_keys", "audit"):
        assert query(warehouse, f"select count(*) from raw.{table}") == [(0,)], table
    done = run("commands.forget", USER_ID="17")
    audit = (
        "select command, subject, deleted -> 'ingestion', account, role, finished_at from raw.audit"
    )
    [(command, subject, deleted, account, role, finished)] = query(warehouse, audit)
    [(user_hash,)] = query(warehouse, "select user_hash from raw.forgotten")
    assert (command, subject, role) == ("forget", user_hash, "postgres")
    assert deleted == {"raw.events": PER_USER, "raw.user_profiles": 2}
    assert "@" in account
    assert finished
    assert f"Forgotten: the user with the hash {user_hash}" in done.stdout
    assert "backups" in done.stdout
    again = run("commands.forget", USER_ID="17")
    assert again.returncode == 0, "who was forgotten is known"


def test_a_killed_forget_is_one_receipt(warehouse, delivered, monkeypatch):
    """Killed when the records had left raw: the next call goes on, and counts both."""
    delivered(["17", "5"])

    def dies(*arguments: object) -> dict[str, int]:
        raise KeyboardInterrupt

    monkeypatch.setenv("USER_ID", "17")
    with monkeypatch.context() as patch:
        patch.setattr(transformed, "forget_user", dies)
        assert in_thread(run_command, forget, []) == 130
    with monkeypatch.context() as patch:
        patch.setattr(orchestrated, "forget_user", dies)
        assert in_thread(run_command, forget, []) == 130
    unfinished = "select count(*), count(finished_at) from raw.audit"
    assert query(warehouse, unfinished) == [(1, 0)]
    done = run("commands.forget", USER_ID="17")
    assert done.returncode == 0, done.stderr
    [(deleted,)] = query(warehouse, "select deleted from raw.audit where finished_at is not null")
    assert deleted["ingestion"] == {"raw.events": PER_USER, "raw.user_profiles": 2}
    assert deleted["transform"]["analytics.fact_events"] == 1
    assert query(warehouse, "select distinct user_id from analytics.fact_events") == [("5",)]


def test_records_that_an_older_version_quarantined_are_theirs_too(warehouse, delivered):
    """It did not write down whose they are."""
    delivered(["17", "5"])
    query(warehouse, "update raw.events set user_id = null where event_id is null returning 1")
    assert run("commands.forget", USER_ID="17").returncode == 0
    left = "select distinct coalesce(user_id, 'nobody') from raw.events order by 1"
    assert query(warehouse, left) == [("5",), ("nobody",)]


def test_what_programs_have_written_on_this_machine(
    warehouse, delivered, tmp_path, monkeypatch, capsys
):
    """The logs of dbt and of the embedded server, dbt's target, working files, files of assets."""
    delivered(["17", "5"])
    logs, target, local = (tmp_path / name for name in ("logs", "target", "local"))
    for name, folder in (("LOG_DIR", logs), ("TARGET_DIR", target)):
        monkeypatch.setattr(transformed, name, folder)
    kept = "10:17:17 done\n"
    for path, text in (
        (logs / "dbt.log", kept + DETAIL),
        (logs / "dbt.log.1", DETAIL),
        (local / "postgres" / "log", kept + DETAIL),
        (target / "run_results.json", '{"message": "(2026-03-01, 17, e1) already exists"}'),
        (target / "compiled" / "a.sql", "select 170"),
        (target / "manifest.json", "17"),
        (local / "scratch" / "killed" / "events-0.jsonl", '{"user_id": "17"}'),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    folder = local / "storage" / "features" / "deep"
    folder.mkdir(parents=True)
    frame = pd.DataFrame([[17, 17], [5, 4], [170, 17]], columns=["user_id", "events"])
    frame.to_parquet(folder / f"{DAY}.parquet")
    (folder / f"{DAY}.parquet.a-killed-run").write_bytes(b"17")
    monkeypatch.setenv("USER_ID", "17")
    url = f"{local}/storage"
    monkeypatch.setattr(orchestrated, "Storage", lambda: SimpleNamespace(url=url))
    assert in_thread(run_command, forget, []) == 0
    assert [path.read_text() for path in sorted(logs.iterdir())] == [kept, ""]
    assert (local / "postgres" / "log").read_text() == kept
    left = sorted(f"{path.relative_to(target)}" for path in target.rglob("*") if path.is_file())
    assert left == ["compiled/a.sql", "manifest.json"]
    assert not (local / "scratch" / "killed").exists()
    assert [path.name for path in folder.iterdir()] == [f"{DAY}.parquet"]
    assert pd.read_parquet(folder / f"{DAY}.parquet").to_numpy().tolist() == [[5, 4], [170, 17]]
    assert (
        "And of what programs have written on this machine: 1 lines of the embedded Postgres' log, "
        "2 lines of dbt's logs, 1 files of dbt's target." in capsys.readouterr().out
    )


def test_the_id_is_in_no_statement(warehouse, delivered, server_dir):
    """Whoever logs statements, as the server does of those that fail, has no id."""
    delivered(["u-in-no-log", "5"])
    query(warehouse, f"alter database {warehouse.database} set log_statement = 'all'; select 1")
    assert run("commands.forget", USER_ID="u-in-no-log").returncode == 0
    log = (server_dir / "postgres" / "log").read_text()
    assert "delete from raw.events" in log
    assert "u-in-no-log" not in log
