{{ config(
    materialized='incremental',
    incremental_strategy='overwrite_days',
    overwrite_by='event_date',
    on_schema_change='append_new_columns',
    post_hook="{{ mark_days_built() }}"
) }}

with

valid as (
    select
        event_date,
        ingest_date,
        count(*) as valid_rows
    from {{ ref('stg_events') }}
    where
        reject_reason is null
        and {{ in_window('event_date', 'event_date', upstream='fact_events') }}
    group by 1, 2
),

facts as (
    select
        event_date,
        ingest_date,
        count(*) as fact_rows
    from {{ ref('fact_events') }}
    where {{ in_window('event_date', 'event_date', upstream='fact_events') }}
    group by 1, 2
)

select
    event_date,
    ingest_date,
    coalesce(valid.valid_rows, 0) as valid_rows,
    coalesce(facts.fact_rows, 0) as fact_rows
from valid
full outer join facts using (event_date, ingest_date)
