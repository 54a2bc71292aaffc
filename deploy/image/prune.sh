#!/usr/bin/env bash
# Take out what packages bring and nothing here runs, then compile the rest: prune.sh PREFIX
# Figures are of 2026-11 and of amd64; docs/deployment.md has the sum.
set -euo pipefail
cd "$1"/lib/python3*/site-packages
gone() { rm -rf "$@"; }
# Their own tests (180 MB; dbt's are the definitions of not_null and so on), and byte code that came with them.
find . -depth -type d \( -name tests -o -name __pycache__ \) ! -path './dbt/include/*' -exec rm -rf {} +
# Arrow: headers, and parts that nothing links to. Files on S3 are read by s3fs. 60 MB.
gone pyarrow/include pyarrow/{libarrow_flight,_flight,libarrow_python_flight,libarrow_s3,_s3fs,_pyarrow_cpp_tests}*
# Three copies of one library, where a wheel can hold no links (5 MB).
for name in pyarrow/*.so.*; do
  short=${name%%.so*}.so
  if [ -f "$short" ] && [ "$name" != "$short" ] && cmp -s "$name" "$short"; then ln -f "$name" "$short"; fi
done
# What compilers and editors read (10 MB); a film in the UI; SQLAlchemy's own test kit.
find . -type f \( -name '*.py[ix]' -o -name '*.px[di]' -o -name '*.h' -o -name '*.hpp' -o -name '*.[ch]pp' \) -delete
gone sqlalchemy/testing dagster_webserver/webapp/build/*.mp4
# The asynchronous copy of the Kubernetes client (42 MB), source maps of the UI (22 MB).
gone kubernetes/aio
find dagster_webserver -name '*.map' -delete 2> /dev/null || true
# Babel is asked for numbers in English alone (34 MB), botocore for S3 and who may use it (25 MB).
find babel/locale-data -name '*.dat' ! -name 'root.dat' ! -name 'en*.dat' -delete
find botocore/data -mindepth 1 -maxdepth 1 -type d ! -name s3 ! -name 's[st][os]*' ! -name signin -exec rm -rf {} +
# Symbols for debuggers (55 MB); libraries that a wheel has patched (*.libs) do not survive it.
find . -name '*.so*' -type f -size +256k ! -path '*.libs/*' -exec strip --strip-unneeded {} +
# Of the Kubernetes client, 1,000 generated files, the byte code alone (20 MB).
"$1"/bin/python -m compileall -q -b --invalidation-mode unchecked-hash kubernetes
find kubernetes -name '*.py' -delete
"$1"/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash .
# Nothing of what is used is gone: a library that another links to is missed when that is loaded.
"$1"/bin/python -c 'import pyarrow.dataset, pyarrow.parquet, adbc_driver_postgresql.dbapi, duckdb, dlt, s3fs
import psycopg2, dbt.cli.main, dbt.adapters.postgres, dagster_dbt, dagster_postgres, dagster_k8s, sqlglot.lineage'
