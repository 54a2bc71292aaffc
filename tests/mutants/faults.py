"""Faults to make one at a time: in Python by cosmic-ray's operators, in SQL and macros by ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cosmic_ray.ast import ast_nodes, get_ast_from_path
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

# What people mistake for each other. Not those of `|`: it mostly stands in a type.
OPERATORS = re.compile(
    r"core/(ReplaceComparisonOperator_(Eq_NotEq|NotEq_Eq|Lt_LtE|LtE_Lt|Gt_GtE|GtE_Gt|Is_IsNot"
    r"|IsNot_Is|In_NotIn|NotIn_In|Lt_Gt|Gt_Lt)"
    r"|ReplaceBinaryOperator_(Add_Sub|Sub_Add|Mul_Div|Div_Mul|FloorDiv_Mul|Mod_Sub)"
    r"|NumberReplacer|ReplaceTrueWithFalse|ReplaceFalseWithTrue|ReplaceAndWithOr|ReplaceOrWithAnd"
    r"|AddNot|ReplaceBreakWithContinue|ReplaceContinueWithBreak|ReplaceUnaryOperator_Delete_Not"
    r"|ZeroIterationForLoop)"
)
SQL = [
    (r" <= ", " < "),
    (r" >= ", " > "),
    (r" < ", " <= "),
    (r" > ", " >= "),
    (r" (?:!=|<>) ", " = "),
    (r" = ", " <> "),
    (r" is distinct from ", " is not distinct from "),
    (r" is not distinct from ", " is distinct from "),
    (r" is null", " is not null"),
    (r" is not null", " is null"),
    (r"\basc\b", "desc"),
    (r"\bdesc\b", "asc"),
    (r" nulls last", " nulls first"),
    (r"^(\s*)(and|or) [^()]*$", r"\1"),  # a condition dropped
    (r"^(\s*)and ", r"\1or "),
    (r"^(\s*)or ", r"\1and "),
    (r"\binner join\b", "left join"),
    (r"\bleft join\b", "inner join"),
    (r"\bmin\(", "max("),
    (r"\bmax\(", "min("),
    (r"\bunion all\b", "union"),
    (r"\bnot in\b", "in"),
    (r"(?<![\w.'%-])(\d+)(?![\w.'%-])", lambda found: str(int(found[1]) + 1)),
]
# Assignments, the words of a message, and what only makes it faster or slower.
_NOT_LOGIC = re.compile(
    r"{%-? *(set|do)\b|:=|raise (exception|notice)|statistics|autovacuum|pages_per_range"
    r"|_scale_factor"
)
_COMMENT = re.compile(r"\{#.*?#\}|/\*.*?\*/|--[^\n]*", re.DOTALL)


@dataclass(frozen=True)
class Fault:
    """A file with one fault in it. `path` is below the checkout, `line` counts from 1."""

    path: Path
    line: int
    before: str
    after: str
    content: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.before.strip()}  ->  {self.after.strip()}"


def faults_of(root: Path, path: Path) -> Iterator[Fault]:
    """Every fault of a file below `root`."""
    original = (root / path).read_text()
    made = in_python(root / path) if path.suffix == ".py" else in_sql(original)
    for content in made:
        pairs = enumerate(zip(original.split("\n"), content.split("\n"), strict=False), 1)
        changed = [(line, before, after) for line, (before, after) in pairs if before != after]
        if changed:
            yield Fault(path, *changed[0], content)


def in_python(path: Path) -> Iterator[str]:
    """The file's text with one fault each, by cosmic-ray."""
    code = path.read_text()
    tree = get_ast_from_path(path)
    for name in operator_names():
        if not OPERATORS.fullmatch(name):
            continue
        operator = get_operator(name)()
        places = sum(len(list(operator.mutation_positions(node))) for node in ast_nodes(tree))
        for occurrence in range(places):
            made = mutate_code(code, operator, occurrence)
            if made:
                yield made


def in_sql(text: str) -> Iterator[str]:
    """The text with one fault each, outside of comments."""
    code = _COMMENT.sub(lambda found: re.sub(r"[^\n]", "\0", found[0]), text)
    at = 0
    for line in code.split("\n"):
        for pattern, replacement in () if _NOT_LOGIC.search(line) else SQL:
            for found in re.finditer(pattern, line):
                new = replacement(found) if callable(replacement) else found.expand(replacement)
                yield text[: at + found.start()] + new + text[at + found.end() :]
        at += len(line) + 1
