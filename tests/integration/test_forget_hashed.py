"""A person is forgotten by the id that the source delivers, also where its hash alone is kept."""

from __future__ import annotations

import pytest

from core.keyed_hash import keyed_hash
from ingestion.mapping.mapping import SHIPPED
from tests.helpers.everywhere import everywhere
from tests.helpers.pipeline import build, deliver, event, ingest_files, query
from tests.helpers.processes import run
from tests.helpers.units import D1, D2

pytestmark = pytest.mark.tables_built

KEY = "the key of these tests, long enough"
HELD = """
    select user_id from raw.events union select user_id from raw.user_profiles
    union select user_id from analytics.fact_events
    union select user_id from analytics.dim_user_versions order by 1
"""


@pytest.fixture(autouse=True)
def with_key(monkeypatch):
    monkeypatch.setenv("HASH_KEY", KEY)


def hashing(tmp_path, name="hashed", user_id="user_id") -> str:
    """The canonical mapping, which keeps a hash of each user_id."""
    text = (SHIPPED / "canonical.toml").read_text()
    for section in ("events", "profiles"):
        text = text.replace(f"[{section}]\n", f'[{section}]\nhash = ["user_id"]\n')
    text = text.replace('user_id = "user_id"', f'user_id = "{user_id}"', 1)
    path = tmp_path / f"{name}.toml"
    path.write_text(text)
    return str(path)


def taken(warehouse, tmp_path, mapping: str, day=D1, users=("17", 170, "5")) -> None:
    """An event, a rejected one and a profile of each user, in a source of its own."""
    folder = tmp_path / f"of-{len(mapping)}-{mapping[-8:-5]}"
    at = f"{day}T01:00:00Z"
    events = [event(f"e{user}", at, user_id=user) for user in users]
    late = [event(f"l{user}", "never", user_id=user) for user in users]
    profiles = [
        {"user_id": user, "tier": "gold", "region": "eu", "updated_at": f"{D1}T00:00:00Z"}
        for user in users
    ]
    deliver(folder / "e", day, events + late)
    deliver(folder / "p", day, profiles)
    ingest_files(
        warehouse, folder / "e", day, mapping=mapping, profiles_url=folder / "p", max_quarantined=1
    )


def test_they_go_from_hashed_and_plain_sources_and_stay_away(warehouse, tmp_path):
    hashed = hashing(tmp_path)
    for mapping in ("canonical", hashed):
        taken(warehouse, tmp_path, mapping)
    build()
    everybody = {"17", "170", "5"} | {keyed_hash(user) for user in ("17", "170", "5")}
    assert {user for (user,) in query(warehouse, HELD)} == everybody
    dry = run("commands.forget", USER_ID="17", DRY="1")
    assert "raw.events" in dry.stdout, dry.stderr
    assert " 4 " in dry.stdout.split("raw.events")[1].splitlines()[0], dry.stdout
    done = run("commands.forget", USER_ID="17")
    assert done.returncode == 0, done.stderr
    [(deleted, subject)] = query(warehouse, "select deleted, subject from raw.audit")
    assert deleted["ingestion"] == {"raw.events": 4, "raw.user_profiles": 2}
    assert deleted["transform"]["analytics.fact_events"] == 2
    left = everybody - {"17", keyed_hash("17")}
    assert {user for (user,) in query(warehouse, HELD)} == left
    assert keyed_hash("17") not in everywhere(warehouse), "nor what stood for them"
    assert keyed_hash("17") not in done.stdout
    assert subject in done.stdout
    for mapping in ("canonical", hashed):
        taken(warehouse, tmp_path, mapping, D2)
    build()
    assert {user for (user,) in query(warehouse, HELD)} == left
    held = "select sum(forgotten) from raw.units where live group by source order by source"
    assert query(warehouse, held) == [(3,), (3,)]
    again = run("commands.forget", USER_ID="17")
    assert again.returncode == 0, again.stderr
    accounts = "select received = fact + duplicate + quarantined + forgotten"
    assert query(warehouse, f"{accounts} from analytics.row_accounting") == [(True,)] * 2


def test_an_expression_around_the_hash_is_found_too(warehouse, tmp_path):
    mapping = hashing(tmp_path, "around", "'web-' || user_id")
    taken(warehouse, tmp_path, mapping)
    build()
    assert run("commands.forget", USER_ID="17").returncode == 0
    left = {user for (user,) in query(warehouse, "select user_id from analytics.fact_events")}
    assert left == {f"web-{keyed_hash(user)}" for user in ("170", "5")}
    mapping = hashing(tmp_path, "around", "'app-' || user_id")
    taken(warehouse, tmp_path, mapping, D2)
    users = query(warehouse, "select user_id from raw.events where ingest_date = %s", D2)
    assert {user for (user,) in users} == {f"app-{keyed_hash(user)}" for user in ("170", "5")}


def test_the_hash_itself_may_be_given_and_means_the_same_person(warehouse, tmp_path):
    hashed = hashing(tmp_path)
    taken(warehouse, tmp_path, hashed)
    build()
    assert run("commands.forget", USER_ID=keyed_hash("17")).returncode == 0
    for mapping in ("canonical", hashed):
        taken(warehouse, tmp_path, mapping, D2)
    users = {user for (user,) in query(warehouse, "select user_id from raw.events")}
    assert users == {"5", "170", keyed_hash("5"), keyed_hash("170")}


def test_an_id_that_looks_like_a_hash_is_hashed_like_any_other(warehouse, tmp_path):
    digest, hashed = "ab" * 32, hashing(tmp_path)
    for mapping in ("canonical", hashed):
        taken(warehouse, tmp_path, mapping, users=(digest, "5"))
    build()
    assert run("commands.forget", USER_ID=digest).returncode == 0
    for mapping in ("canonical", hashed):
        taken(warehouse, tmp_path, mapping, D2, users=(digest, "5"))
    users = {user for (user,) in query(warehouse, "select user_id from raw.events")}
    assert users == {"5", keyed_hash("5")}


@pytest.mark.parametrize(("key", "said"), [("", "is not set"), (KEY * 2, "is another one")])
def test_without_the_key_nobody_can_be_found_and_nothing_is_done(
    warehouse, tmp_path, monkeypatch, key, said
):
    taken(warehouse, tmp_path, hashing(tmp_path))
    build()
    monkeypatch.setenv("HASH_KEY", key)
    done = run("commands.forget", USER_ID="17")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(f"error: HASH_KEY {said}, and 'hashed' has"), (
        done.stderr
    )
    for table in ("forgotten", "forgotten_keys", "audit"):
        assert query(warehouse, f"select count(*) from raw.{table}") == [(0,)], table


def test_what_another_key_has_made_is_said_when_the_rest_is_done(warehouse, tmp_path, monkeypatch):
    taken(warehouse, tmp_path, hashing(tmp_path))
    old = keyed_hash("17")
    monkeypatch.setenv("HASH_KEY", KEY * 2)
    taken(warehouse, tmp_path, hashing(tmp_path, "newer"))
    build()
    done = run("commands.forget", USER_ID="17")
    assert done.returncode == 2
    assert "'hashed' has users as hashes of another HASH_KEY" in done.stderr.splitlines()[-1]
    users = {user for (user,) in query(warehouse, HELD)}
    assert keyed_hash("17") not in users
    assert old in users
    assert run("commands.forget", USER_ID=old).returncode == 0
    assert old not in {user for (user,) in query(warehouse, HELD)}


def test_who_an_earlier_version_forgot_stays_away(warehouse, tmp_path):
    """It kept the hash of the id itself, not that of its hash."""
    query(
        warehouse,
        """with kept as (insert into raw.forgotten_keys (key_id) values (%s) returning key_id)
        insert into raw.forgotten (user_hash, key_id) select %s, key_id from kept returning 1""",
        keyed_hash("raw.forgotten")[:16],
        keyed_hash("17"),
    )
    taken(warehouse, tmp_path, "canonical")
    assert {user for (user,) in query(warehouse, "select user_id from raw.events")} == {"5", "170"}


def test_a_named_source_is_looked_through_by_its_own_mapping(warehouse, tmp_path, monkeypatch):
    """What an older version quarantined does not say whose it is; its mapping does."""
    text = (SHIPPED / "canonical.toml").read_text()
    place = '[events.fields]\nevent_id = "event_id"\nuser_id = '
    assert place in text
    (tmp_path / "m.toml").write_text(text.replace(f'{place}"user_id"', f'{place}"who"'))
    source = f"""
        [[source]]
        name = "web"
        SOURCE = "files"
        url = "{tmp_path}/e/%Y-%m-%d.jsonl"
        mapping = "{tmp_path}/m.toml"
    """
    (tmp_path / "sources.toml").write_text(source)
    deliver(tmp_path / "e", D1, ['{"who": "17", "event_id": ', '{"who": "5", "event_id": '])
    given = {"SOURCE_NAME": "web", "FROM": D1, "MAX_QUARANTINED": "1"}
    assert run("ingestion", "ingest", **given).returncode == 0
    query(warehouse, "update raw.events set user_id = null returning 1")
    build()
    monkeypatch.delenv("SOURCE_NAME", raising=False)
    assert run("commands.forget", USER_ID="17").returncode == 0
    assert query(warehouse, "select user_id from raw.events") == [("5",)]
