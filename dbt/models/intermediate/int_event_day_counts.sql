{{ config(
    materialized='incremental',
    incremental_strategy='overwrite_days',
    overwrite_by='event_date',
    on_schema_change='append_new_columns',
    post_hook="{{ mark_days_built() }}"
) }}

with

events as (select * from {{ ref('int_valid_events') }}),

facts as (select * from {{ ref('fact_events') }}),

valid_counts as (
    select
        event_date,
        ingest_date,
        count(*) as valid_rows,
        count(*) filter (where is_retracted) as retracted_rows
    from events
    where {{ in_window('event_date', 'event_date', upstream='fact_events') }}
    group by 1, 2
),

fact_counts as (
    select
        event_date,
        ingest_date,
        count(*) as fact_rows
    from facts
    where {{ in_window('event_date', 'event_date', upstream='fact_events') }}
    group by 1, 2
)

select
    event_date,
    ingest_date,
    coalesce(valid_counts.valid_rows, 0) as valid_rows,
    coalesce(fact_counts.fact_rows, 0) as fact_rows,
    coalesce(valid_counts.retracted_rows, 0) as retracted_rows
from valid_counts
full outer join fact_counts using (event_date, ingest_date)
