"""Hostile ids, in all places at once: all of one person goes, and nothing of others."""

import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from commands.forget import forget
from core.command_line import run_command
from core.traces import is_said, pattern
from core.warehouse.connection import Warehouse
from ingestion.decode.line_blocks import MAX_LINE_BYTES
from orchestration import retention as orchestrated
from orchestration.dbt.preview import markdown
from tests.conftest import empty_warehouse
from tests.helpers.hostile_ids import IDS, POOL, near
from tests.helpers.people import AT, DAY, HELD, PER_USER, records_of
from tests.helpers.pipeline import build, deliver, event, in_thread, ingest_files, query
from tests.helpers.servers import database_of_worker
from transform import retention as transformed

pytestmark = [pytest.mark.full, pytest.mark.timeout(1800)]
NEXT = "2026-03-02"
KEY = dg.AssetKey("a")
USER_COLUMNS = """
    select table_schema, table_name from information_schema.columns
    inner join information_schema.tables using (table_schema, table_name)
    where column_name = 'user_id' and table_type = 'BASE TABLE'
        and table_schema in ('raw', 'staging', 'intermediate', 'analytics')
"""
ACCOUNTS = """
    select received = fact + duplicate + quarantined + forgotten, forgotten
    from analytics.row_accounting
    union all
    select received = version + repeat + quarantined + forgotten, forgotten
    from analytics.profile_accounting
"""


@dg.op
def builds(context: dg.OpExecutionContext) -> None:
    """Shows a user, as a build's preview does."""
    preview = dg.MetadataValue.md(markdown([{"user_id": context.run.tags["user"], "n": 1}]))
    context.log_event(dg.AssetMaterialization(KEY, metadata={"preview": preview}))


@dg.job
def shows() -> None:
    """One run a user."""
    builds()


@contextmanager
def a_world(server: Warehouse, root: Path) -> Iterator[Warehouse]:
    """A warehouse, and the places of this machine, with nothing in them."""
    with (
        empty_warehouse(server, f"{database_of_worker()}_{root.name}") as found,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in found.libpq_env().items():
            patch.setenv(name, value)
        (root / "dagster").mkdir(parents=True)
        (root / "dagster" / "dagster.yaml").touch()
        patch.setenv("LOCAL_DIR", f"{root}/local")
        patch.setenv("DAGSTER_HOME", f"{root}/dagster")
        patch.setattr(transformed, "LOG_DIR", root / "logs")
        patch.setattr(transformed, "TARGET_DIR", root / "target")
        patch.setattr(orchestrated, "Storage", lambda: SimpleNamespace(url=f"{root}/storage"))
        yield found


def take(warehouse: Warehouse, root: Path, day: str, users: list[str]) -> None:
    """Deliver and build everybody's records and profiles; each mentions the next user."""
    friends = [*users[1:], users[0]]
    pairs = list(zip(users, friends, strict=True))
    deliver(root / "e", day, [each for pair in pairs for each in records_of(*pair)])
    profile = {"tier": "free", "region": "EU", "updated_at": AT}
    profiles = [profile | {"user_id": user} for user in users]
    deliver(root / "p", day, [*profiles, *(each | {"updated_at": "x"} for each in profiles)])
    ingest_files(warehouse, root / "e", day, profiles_url=root / "p", max_quarantined=1)
    build()


def write(root: Path, users: list[str]) -> None:
    """What programs write of each user: logs, dbt's target, scratch, frames, Dagster's runs."""
    for number, user in enumerate(users):
        said = json.dumps({"user_id": user})
        for place in (
            f"logs/dbt.log.{number}",
            f"target/run/{number}.json",
            f"local/scratch/killed-{number}/events.jsonl",
        ):
            path = root / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"kept\n{said}\n")
    folder = root / "storage" / "features"
    folder.mkdir(parents=True)
    pd.DataFrame({"user_id": users, "n": range(len(users))}).to_parquet(folder / f"{DAY}.parquet")
    with dg.DagsterInstance.get() as instance:
        for user in users:
            shows.execute_in_process(instance=instance, tags={"user": user})


def shown(root: Path) -> dict[str, set[str]]:
    """By place, who is left there."""
    with dg.DagsterInstance.get() as instance:
        runs = {run.tags["user"] for run in instance.get_runs()}
    lines = [
        (path.relative_to(root).parts[0], line)
        for path in root.rglob("*")
        if path.is_file() and path.parts[len(root.parts)] in ("logs", "target", "local")
        for line in path.read_text(errors="replace").split("\n")
        if line.startswith('{"user_id"')
    ]
    found = {"runs": runs}
    for place in ("logs", "target", "local"):
        found[place] = {json.loads(line)["user_id"] for where, line in lines if where == place}
    [frame] = (root / "storage").rglob("*.parquet")
    found["storage"] = set(pd.read_parquet(frame).user_id)
    return found


def is_gone(root: Path, user: str, before: dict[str, set[str]]) -> None:
    """The user is in no place of the machine. Others are in all; but where the id stands as a word
    in somebody else's (`a` in `a b`), a line or a run may go with it: too much of a log, not too
    little."""
    after = shown(root)
    words = {each for each in before["runs"] if pattern(user).search(json.dumps(each))}
    assert after["storage"] == before["storage"] - {user}
    assert after["local"] == set(), "working files of killed loads"
    for place in ("logs", "target", "runs"):
        assert user not in after[place], place
        assert after[place] >= before[place] - {user} - words, place


def forgotten(user: str) -> int:
    """`make forget`, in this process: its exit status."""
    os.environ["USER_ID"] = user
    try:
        return in_thread(run_command, forget, [])
    finally:
        del os.environ["USER_ID"]


@settings(
    max_examples=int(os.environ.get("HOSTILE_EXAMPLES", "2")),
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(st.lists(IDS, min_size=4, max_size=4, unique=True), st.data())
def test_everything_of_one_goes_and_nothing_of_others_and_nobody_comes_back(
    server, tmp_path_factory, capsys, victims, data
):
    root = tmp_path_factory.mktemp("hostile")
    users = list(victims)
    for victim in victims:
        beside = data.draw(st.lists(st.sampled_from(near(victim)), max_size=3, unique=True))
        users += [each for each in beside if each not in users]
    users.append("nobody-else")
    with a_world(server, root) as warehouse:
        take(warehouse, root, DAY, users)
        write(root, users)
        held = query(warehouse, HELD)
        assert Counter(row[0] for row in held) == dict.fromkeys(users, PER_USER + 2)
        for victim in victims:
            before = shown(root)
            capsys.readouterr()
            assert forgotten(victim) == 0, victim
            told = capsys.readouterr()
            assert not is_said(told.out + told.err, victim) or not victim.strip("\\|{}[]%$-_"), told
            held = [row for row in held if row[0] != victim]
            assert query(warehouse, HELD) == held, victim
            assert_in_no_table(warehouse, victim)
            is_gone(root, victim, before)
        come_again(warehouse, root, users, victims, held)


def assert_in_no_table(warehouse: Warehouse, user: str) -> None:
    for schema, table in query(warehouse, USER_COLUMNS):
        rows = query(warehouse, f'select 1 from "{schema}"."{table}" where user_id = %s', user)
        assert rows == [], (table, user)


def come_again(warehouse, root, users, victims, held) -> None:
    """All of it is delivered again, and once more as another day's: nobody is back."""
    for folder in ("e", "p"):
        file = root / folder / f"{DAY}.jsonl"
        file.write_text(file.read_text() + "\n")
    ingest_files(warehouse, root / "e", DAY, profiles_url=root / "p", max_quarantined=1)
    assert query(warehouse, HELD) == held
    take(warehouse, root, NEXT, users)
    again = Counter(row[0] for row in query(warehouse, HELD))
    assert again == dict.fromkeys({*users} - {*victims}, 2 * (PER_USER + 2))
    for victim in victims:
        assert_in_no_table(warehouse, victim)
    accounts = query(warehouse, ACCOUNTS)
    events, profiles = PER_USER * len(victims), 2 * len(victims)
    assert sorted(accounts) == sorted([(True, events)] * 2 + [(True, profiles)] * 2)


@pytest.mark.parametrize("user", ["17", 'a"b\\'])
def test_a_record_that_is_too_large_goes_with_its_user_alone(warehouse, tmp_path, user):
    padding = "x" * MAX_LINE_BYTES
    owners = [user, f"{user}0", "5"]
    deliver(tmp_path, DAY, [event("big", AT, user_id=each, properties=padding) for each in owners])
    ingest_files(warehouse, tmp_path, DAY, max_quarantined=1)
    whose = "select user_id from raw.events where reject_reason = 'oversized_record' order by 1"
    assert sorted(row[0] for row in query(warehouse, whose)) == sorted(owners)
    build()
    assert forgotten(user) == 0
    assert sorted(row[0] for row in query(warehouse, whose)) == sorted(owners[1:])


def test_an_id_that_is_too_long_for_a_column_is_found_in_the_quarantine(warehouse, tmp_path):
    user, other = "y" * 1500, "y" * 1501
    deliver(tmp_path, DAY, [event("a", AT, user_id=user), event("b", AT, user_id=other)])
    ingest_files(warehouse, tmp_path, DAY, max_quarantined=1)
    build()
    assert forgotten(user) == 0
    left = query(warehouse, "select payload ->> 'user_id' from raw.events")
    assert left == [(other,)]
    deliver(tmp_path, NEXT, [event("a", AT, user_id=user), event("b", AT, user_id=other)])
    ingest_files(warehouse, tmp_path, NEXT, max_quarantined=1)
    again = query(warehouse, "select payload ->> 'user_id' from raw.events")
    assert again == [(other,)] * 2


def test_each_id_of_the_pool_is_unknown_where_nobody_has_it(warehouse):
    assert [user for user in POOL if forgotten(user) != 3] == []
