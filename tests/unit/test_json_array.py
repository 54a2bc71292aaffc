"""Arrays cut into lines, whatever is in their strings and wherever a chunk ends."""

import io
import json
import random

import pytest

from ingestion.decode.json_array import ArrayLines, ObjectLines
from ingestion.decode.streams import Damaged

ODD = ['a"b\\', "[{,", "\\", "x\ny", 1, None, "", '\\\\"', "}]", "ü"]


def lines(text, size, kind=ArrayLines):
    array, found = kind(io.BytesIO(text)), b""
    while chunk := array.read(size):
        found += chunk
    assert len(found) == len(text)
    return [line for line in found.split(b"\n") if line.strip()]


def value(chance, depth=0):
    kind = chance.random()
    if depth > 5 or kind < 0.4:
        return chance.choice(ODD)
    few = range(chance.randint(0, 3))
    if kind < 0.7:
        return {f'{number}"': value(chance, depth + 1) for number in few}
    return [value(chance, depth + 1) for _ in few]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50, 10**6])
def test_each_member_is_a_line(size):
    chance = random.Random(size)  # noqa: S311 - no secret
    for _ in range(150):
        members = [{"a": value(chance)} for _ in range(chance.randint(0, 4))]
        text = json.dumps(members, indent=chance.choice([None, 1]), ensure_ascii=False).encode()
        assert [json.loads(line) for line in lines(text, size)] == members


@pytest.mark.parametrize("size", [1, 5, 10**6])
def test_what_comes_after_an_array_stays(size):
    assert lines(b'[{"a": 1}]\n{"b": [1,\t2]}\n', size) == [b'{"a": 1}', b'{"b": [1,\t2]}']


@pytest.mark.parametrize("text", [b'[{"a": 1}', b'[{"a": "]', b"[", b'[{"a": [1}'])
def test_an_array_without_its_end_is_refused(text):
    with pytest.raises(Damaged, match="ends within"):
        lines(text, 4)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50, 10**6])
def test_each_object_over_several_lines_is_a_line(size):
    chance = random.Random(size)  # noqa: S311 - no secret
    for _ in range(150):
        members = [{"a": value(chance)} for _ in range(chance.randint(0, 4))]
        end = chance.choice(["\n", "\r\n", "\n\n"])
        texts = [json.dumps(each, indent=chance.choice([None, 2, "\t"])) for each in members]
        text = end.join(texts).replace("\n", end)
        assert [json.loads(line) for line in lines(text.encode(), size, ObjectLines)] == members


@pytest.mark.parametrize("text", [b'{\n"a": 1', b'{\n"a": "}\n', b'{"a": {"b": 1}\n'])
def test_objects_without_their_end_are_refused(text):
    with pytest.raises(Damaged, match="ends within a JSON object"):
        lines(text, 4, ObjectLines)
