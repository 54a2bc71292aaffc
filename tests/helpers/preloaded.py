"""What the project's commands import first, imported once, in the process that they fork from.

Of ours only what reads no setting while it is imported. dbt's macros are compiled here too, which a
process does when it first calls one: half a second of a build.
"""

import gc
from pathlib import Path
from types import SimpleNamespace

import dagster  # noqa: F401
import dagster_dbt  # noqa: F401
import dbt.adapters.postgres
import dbt.cli.main
import dbt.include.global_project
import dbt.include.postgres
import dbt.task.build
import dlt.destinations  # noqa: F401
import duckdb  # noqa: F401
from dbt_common.clients.jinja import extract_toplevel_blocks, template_cache

import ingestion.ingest  # noqa: F401

ROOT = Path(__file__).resolve().parents[2]
KINDS = {"macro", "materialization", "test", "data_test"}


def compile_macros(folder: Path) -> None:
    for path in folder.rglob("*.sql"):
        text = path.read_text()
        for block in extract_toplevel_blocks(text, allowed_blocks=KINDS, collect_raw_data=False):
            template_cache.get_node_template(SimpleNamespace(name="", macro_sql=block.full_block))


compile_macros(ROOT / "dbt" / "macros")
compile_macros(ROOT / "core" / "migrations")
for package in (dbt.include.global_project, dbt.include.postgres):
    compile_macros(Path(package.__file__).parent)

gc.collect()
gc.freeze()  # the children share these pages
