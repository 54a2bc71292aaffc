{{ config(
    materialized='incremental',
    incremental_strategy='overwrite_days',
    overwrite_by='event_date',
    cell_column='region',
    on_schema_change='append_new_columns',
    pre_hook="set local enable_partitionwise_aggregate = on",
    indexes=[{'columns': ['event_date', 'region', 'event_type'], 'unique': true}],
    post_hook="{{ mark_days_built() }}"
) }}

with

facts as (select * from {{ ref('fact_events') }}),

-- Counted by user, then by cell, each partition on its own: count(distinct user_id) would sort, and
-- take twice as long.
users as (
    select
        event_date,
        coalesce(region, 'unknown') as region,
        event_type,
        user_id,
        count(*) as events
    from facts
    where
        {{ in_window('event_date', 'event_date', upstream='fact_events') }}
        and {{ in_cells("coalesce(region, 'unknown')") }}
    group by 1, 2, 3, 4
)

select
    event_date,
    region,
    event_type,
    sum(events)::bigint as events,
    count(*) as users
from users
group by 1, 2, 3
