"""Which lines get a closer look: all that need one, and few that do not."""

import random
import re
import uuid

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from ingestion.mapping.json_checks import SUSPECT


def is_suspect(text: str) -> bool:
    return pc.match_substring_regex(pa.array([text]), SUSPECT).to_pylist() == [True]


@pytest.mark.parametrize("number", ["1e9999", "-1E+99999", "2.5e-12345", "0e1234", "12.000E00001"])
@pytest.mark.parametrize(
    "around",
    ["{}", "[{}]", "[1,{}]", "[1, {}]", '{{"a":{}}}', '{{"a": {}, "b": 1}}', '{{"a":\t{}}}'],
)
def test_a_number_that_postgres_may_refuse_is_seen_wherever_it_may_be(number, around):
    assert is_suspect(around.format(number))


@pytest.mark.parametrize(
    "text", ['{"a": NaN}', '{"a":-Infinity}', "[nan]", '{"a": "\\u0000"}', "\0", '{"a": "{}"}']
)
def test_so_is_what_else_postgres_refuses(text):
    assert is_suspect(text)


def test_ids_are_no_numbers():
    """An exponent was once seen in every ninth UUID: their lines were parsed twice."""
    rng = random.Random(4)  # noqa: S311
    ids = [str(uuid.UUID(int=rng.getrandbits(128))) for _ in range(2_000)]
    ids += [one.replace("-", "") for one in ids]
    lines = [f'{{"event_id":"{one}","user_id": "{one}", "n": 1.5e10}}' for one in ids]
    assert sum(map(is_suspect, lines)) == 0
    assert sum(bool(re.search(r"[0-9.][eE][+-]?[0-9]{4}", line)) for line in lines) > 200
