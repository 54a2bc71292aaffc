"""Grants and comments, of models and of people: what a full refresh makes of them."""

from __future__ import annotations

from typing import Any

from tests.helpers import catalog
from tests.helpers.edited_models import Edit
from tests.helpers.strategy_project import PLAIN, PRICED

DOCS = {"persist_docs": {"relation": True, "columns": True}}
DESCRIBED = PLAIN.but(
    config=DOCS,
    yml={"description": "Sales."},
    of_column={"sale": {"description": "Its number."}},
)
ALL_GRANTS = """
    select grantee::regrole::text, privilege_type from pg_class, aclexplode(relacl)
    where pg_class.oid = '{t}'::regclass and grantee != relowner
    union all
    select grantee::regrole::text, privilege_type || ' ' || attname
    from pg_attribute, aclexplode(attacl) where attrelid = '{t}'::regclass order by 1, 2
"""


def granting(*roles: str) -> dict[str, Any]:
    """The config of a model that roles may read."""
    return {"grants": {"select": list(roles)}}


GRANTS = {
    "grant_added": Edit(
        PLAIN,
        PLAIN.but(config=granting("analyst")),
        check=catalog.GRANTS,
        expect=[("analyst", "SELECT")],
    ),
    "grant_removed": Edit(
        PLAIN.but(config=granting("analyst", "auditor")),
        PLAIN.but(config=granting("auditor")),
        check=catalog.GRANTS,
        expect=[("auditor", "SELECT")],
    ),
    "grant_removed_anew": Edit(
        PLAIN.but(config=granting("analyst", "auditor")),
        PRICED.but(config=granting("auditor")),
        check=catalog.GRANTS,
        expect=[("auditor", "SELECT")],
    ),
    "grants_removed": Edit(PLAIN.but(config=granting("analyst")), PLAIN, check=catalog.GRANTS),
    "grants_removed_anew": Edit(
        PLAIN.but(config=granting("analyst")), PRICED, check=catalog.GRANTS
    ),
    "grants_by_hand": Edit(
        PLAIN,
        PRICED,
        others="""grant select, update on {t} to auditor with grant option;
            grant select (sale) on {t} to analyst""",
        check=ALL_GRANTS,
        expect=[("analyst", "SELECT sale"), ("auditor", "SELECT"), ("auditor", "UPDATE")],
    ),
}
COMMENTS = {
    "comments_changed": Edit(
        DESCRIBED,
        DESCRIBED.but(yml={"description": "A sale's row, 100 %."}),
        check=catalog.COMMENTS,
        expect=[("", "A sale's row, 100 %."), ("sale", "Its number.")],
    ),
    "comments_removed": Edit(DESCRIBED, PLAIN.but(config=DOCS), check=catalog.COMMENTS),
    "comments_removed_anew": Edit(DESCRIBED, PRICED.but(config=DOCS), check=catalog.COMMENTS),
    "comments_no_more": Edit(DESCRIBED, DESCRIBED.but(config={}), check=catalog.COMMENTS),
    "comments_by_hand": Edit(
        DESCRIBED,
        PRICED.but(config=DOCS),
        others="comment on table {t} is 'ask Ada'; comment on column {t}.sold_on is 'UTC'",
        check=catalog.COMMENTS,
        expect=[("", "ask Ada"), ("sold_on", "UTC")],
    ),
}
