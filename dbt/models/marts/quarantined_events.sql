{{ config(
    materialized='incremental',
    incremental_strategy='overwrite_days',
    overwrite_by='ingest_date',
    on_schema_change='append_new_columns',
    indexes=[{'columns': ['ingest_date', 'reason']}],
    post_hook="{{ mark_days_built() }}"
) }}

with

events as (select * from {{ ref('stg_events') }})

select
    ingest_date,
    reject_reason as reason,
    payload as record,
    loaded_at
from events
where
    reject_reason != 'deletion'
    and {{ in_window('ingest_date', 'ingest_date') }}
