{{ config(
    materialized='incremental',
    incremental_strategy='overwrite_days',
    overwrite_by='ingest_date',
    on_schema_change='append_new_columns',
    post_hook="{{ mark_days_built() }}"
) }}

with

quarantined as (select * from {{ ref('quarantined_events') }})

select
    ingest_date,
    reason,
    count(*) as records
from quarantined
where {{ in_window('ingest_date', 'ingest_date', upstream='quarantined_events') }}
group by 1, 2
