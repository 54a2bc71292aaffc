{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'fact_events'}}}) }}

-- `alter system set max_locks_per_transaction = <locks_needed>`, and a restart (docs/postgres.md).
select *
from {{ ref('int_partition_locks') }}
where not is_enough
