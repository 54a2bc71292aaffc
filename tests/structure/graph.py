"""Which room imports which, drawn into docs/architecture.md: `python -m tests.structure.graph`.

A room is a folder; an arrow means *imports*, its number is how many pairs of files do. Imports
inside of functions count like all others. Lines are in hundreds, so that not every change is one
of the picture.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from tests.structure.source import FLOORS, HOUSE, ROOT, sources

DOCUMENT = ROOT / "docs" / "architecture.md"
BEGIN = "<!-- The import graph, written by make format. -->\n"
END = "<!-- The import graph ends. -->\n"

Arrow = tuple[str, str]


def file_arrows() -> set[Arrow]:
    """The pairs of files of which one imports the other, by their names."""
    files = {source.module: source.name for source in sources(*HOUSE)}
    arrows: set[Arrow] = set()
    for source in sources(*HOUSE):
        for name in source.imports():
            target = files.get(name) or files.get(name.rpartition(".")[0])
            if target and target != source.name:
                arrows.add((source.name, target))
    return arrows


def room_arrows() -> Counter[Arrow]:
    """How many pairs of files of two rooms import each other, by the rooms."""
    pairs = ((_room(left), _room(right)) for left, right in file_arrows())
    return Counter(pair for pair in pairs if pair[0] != pair[1])


def inside(top: str) -> Counter[Arrow]:
    """The arrows between the rooms of one such as `ingestion`; its own files are a room of it."""
    return Counter(
        {pair: n for pair, n in room_arrows().items() if _top(pair[0]) == _top(pair[1]) == top}
    )


def lines_by_room() -> Counter[str]:
    """How many lines of Python there are in each room."""
    lines: Counter[str] = Counter()
    for source in sources(*HOUSE):
        lines[source.room] += len(source.lines)
    return lines


def circle(arrows: Iterable[Arrow]) -> set[Arrow]:
    """The arrows that lead back to where they begin; none where there is no circle."""
    left = set(arrows)
    while True:
        begins = {begin for begin, _ in left}
        ends = {end for _, end in left}
        on = {(begin, end) for begin, end in left if begin in ends and end in begins}
        if on == left:
            return left
        left = on


def upward() -> set[Arrow]:
    """The arrows between rooms that do not lead to a lower floor."""
    floor = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
    tops = {(_top(left), _top(right)) for left, right in room_arrows()}
    return {(left, right) for left, right in tops if left != right and floor[left] >= floor[right]}


def drawn() -> str:
    """The pictures and the table, as they stand in the document."""
    rooms = lines_by_room()
    tops: Counter[str] = Counter()
    for room, lines in rooms.items():
        tops[_top(room)] += lines
    arrows: Counter[Arrow] = Counter()
    for (left, right), number in room_arrows().items():
        if _top(left) != _top(right):
            arrows[_top(left), _top(right)] += number
    parts = {room: lines for room, lines in rooms.items() if _top(room) == "ingestion"}
    ingestion = inside("ingestion")
    table = [f"| `{left}/` | `{right}/` | {n} |" for (left, right), n in sorted(ingestion.items())]
    return "\n".join(
        [
            *_picture(tops, arrows),
            "",
            f"Between the rooms of `ingestion/`: {len(ingestion)} arrows, for {ingestion.total()}"
            " imports of a file by a file.",
            "",
            *_picture(parts, ingestion),
            "",
            "| room | imports | files by files |",
            "|---|---|---|",
            *table,
            "",
        ]
    )


def write() -> None:
    """Bring the document up to date."""
    before, after = _around(DOCUMENT.read_text())
    DOCUMENT.write_text(before + BEGIN + drawn() + END + after)


def in_document() -> str:
    """What the document says between the marks."""
    text = DOCUMENT.read_text()
    before, after = _around(text)
    return text.removeprefix(before + BEGIN).removesuffix(END + after)


def _around(text: str) -> tuple[str, str]:
    before, _, rest = text.partition(BEGIN)
    return before, rest.partition(END)[2]


def _picture(rooms: dict[str, int], arrows: Counter[Arrow]) -> Iterator[str]:
    yield "```mermaid"
    yield "flowchart TD"
    for room, lines in sorted(rooms.items()):
        yield f'    {_id(room)}["{room}/<br/>{round(lines, -2) or lines:,} lines"]'
    for (left, right), number in sorted(arrows.items()):
        yield f"    {_id(left)} -->|{number}| {_id(right)}"
    yield "```"


def _room(name: str) -> str:
    return name.rpartition("/")[0]


def _top(room: str) -> str:
    return room.partition("/")[0]


def _id(room: str) -> str:
    return room.replace("/", "_")


if __name__ == "__main__":
    write()
