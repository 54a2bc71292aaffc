"""SOURCE=dlt: what a resource does wrong is said in one line, and leaves everything as it was."""

from __future__ import annotations

import pytest

from core.errors import Unavailable, UserError
from tests.helpers.pipeline import query
from tests.helpers.processes import run_fresh
from tests.helpers.resources import WINDOWED, land
from tests.helpers.units import D1, D2, STATE

FAILING = {
    "raise ValueError('no such account')": "ValueError: no such account",
    "raise SystemExit(0)": "SystemExit: 0",
    "yield {'a': object()}": "TypeError: a value of the type object has no form in JSON",
    "yield {(1, 2): 3}": "TypeError: keys must be str",
    "open('/nowhere/at/all')": "FileNotFoundError",
}


@pytest.mark.parametrize("fault", FAILING)
def test_an_error_of_a_resource_is_one_line_and_the_window_stays(warehouse, theirs, fault):
    good = theirs(WINDOWED)
    land(warehouse, f"{good}:events", D1, D2)
    before = query(warehouse, STATE)
    name = theirs(f"""
        @dlt.resource
        def events(start, end):
            yield event(f"{{start:%d}}-changed", f"{{start:%Y-%m-%d}}")
            if start.day == 2:
                {fault}
    """)
    with pytest.raises(UserError) as error:
        land(warehouse, f"{name}:events", D1, D2)
    assert f"RESOURCE='{name}:events' for 2026-01-02 failed: {FAILING[fault]}" in str(error.value)
    assert "\n" not in str(error.value)
    assert error.value.__suppress_context__, "a traceback would show all that is in it"
    assert query(warehouse, STATE) == before


def test_a_network_that_is_down_may_pass(warehouse, theirs):
    name = theirs("""
        from dlt.sources.helpers import requests
        import requests as plain
        def events():
            plain.get("http://127.0.0.1:9/")
            yield event("a")
    """)
    with pytest.raises(Unavailable, match="ConnectionError"):
        land(warehouse, f"{name}:events")


@pytest.mark.parametrize(
    ("text", "function", "said"),
    [
        ("", "missing", "has no missing"),
        ("events = [1]", "events", "is a list, not a function or resource"),
        ("import not_installed_at_all", "events", "ModuleNotFoundError: No module named 'not_inst"),
        ("raise KeyError('setup')", "events", "KeyError: 'setup'"),
        ("def events(start): yield 1", "events", "takes start and not both, start and end"),
        ("def events(): return None", "events", "returned nothing, neither records nor a resource"),
        ("def events(): return {'a': 1}", "events", "Resources cannot be strings or dictionaries"),
        ("def events(key): yield 1", "events", "missing 1 required positional argument: 'key'"),
        (
            "@dlt.resource\ndef events(key: str = dlt.secrets.value):\n    yield 1",
            "events",
            "ConfigFieldMissingException: Missing 1 field(s) in configuration",
        ),
    ],
)
def test_what_is_no_resource_is_refused_in_one_line(warehouse, theirs, text, function, said):
    name = theirs(text)
    with pytest.raises(UserError) as error:
        land(warehouse, f"{name}:{function}")
    assert f"RESOURCE='{name}:{function}'" in str(error.value)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_the_command_line_reads_it_and_hides_its_secrets(warehouse, theirs, tmp_path):
    name = theirs("""
        import pandas as pd
        @dlt.resource
        def events(token: str = dlt.secrets.value):
            if token != "canary-of-dlt":
                raise ValueError(token)
            yield pd.DataFrame({"event_id": ["a"], "user_id": ["u"], "event_type": ["v"],
                "event_ts": ["2026-01-01T03:00:00Z"], "gap": [float("nan")]})
    """)
    given = {"FROM": D1, "PYTHONPATH": f".:{tmp_path}", "RESOURCE": f"{name}:events"}
    given |= warehouse.libpq_env()
    secret = f"SOURCES__{name.upper()}__TOKEN"
    failed = run_fresh("ingestion", "ingest", **given, **{secret: "canary-of-another"})
    assert failed.returncode == 2
    assert "ValueError: ***" in failed.stderr
    assert "canary" not in failed.stdout + failed.stderr
    assert failed.stderr.splitlines()[-1].startswith("error: RESOURCE="), failed.stderr
    done = run_fresh("ingestion", "ingest", **given, **{secret: "canary-of-dlt"})
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("canonical: 1 events received")
    for wrong, said in {
        "RESOURCE=": "RESOURCE is not set",
        "RESOURCE=a.b": "is not written",
    }.items():
        refused = run_fresh(
            "ingestion", "ingest", **given | {"SOURCE": "dlt", "RESOURCE": wrong[9:]}
        )
        assert (refused.returncode, said in refused.stderr) == (2, True), refused.stderr
