{{ config(
    materialized='incremental',
    incremental_strategy='overwrite_days',
    overwrite_by='week_start',
    granularity='week',
    on_schema_change='append_new_columns',
    indexes=[{'columns': ['week_start'], 'unique': true}],
    post_hook="{{ mark_days_built() }}"
) }}

with

facts as (select * from {{ ref('fact_events') }}),

-- A user once a week first: count(distinct user_id) would sort.
users as (
    select
        date_trunc('week', event_date::timestamp)::date as week_start,
        user_id,
        count(*) as events
    from facts
    where {{ in_window('event_date', 'event_date', upstream='fact_events') }}
    group by 1, 2
)

select
    week_start,
    count(*) as active_users,
    sum(events)::bigint as events
from users
group by 1
