#!/bin/sh
# dbt of the project's own environment, on the project where it is: Cosmos runs it on links in a
# temporary directory, beside which there is no ../core/migrations. Of an option given twice the
# last one counts.
home=${FACT_EVENTS_HOME:-$(cd "$(dirname "$0")/../.." && pwd)}
cd "$home" || exit 2
exec .venv/bin/dbt "$@" --project-dir "$home/dbt" --profiles-dir "$home/profiles"
