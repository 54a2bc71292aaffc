#!/bin/sh
# The daily job: the last DAYS complete UTC days (or FROM to TO), landed, and what they touch built.
# A unit that is as before is not landed again, so a week each day costs little, and a day that
# failed, was late or was corrected comes in with the next run. What is built, the ledger says.
set -eu
cd "$(dirname "$0")/../.."
export FROM="${FROM:-$(date -u -d "-${DAYS:-7} days" +%F)}"
export TO="${TO:-$(date -u -d yesterday +%F)}"
.venv/bin/python -m ingestion ingest
# It takes FROM and TO as the days to build: without them, those that any load has touched.
exec env -u FROM -u TO .venv/bin/python -m transform
