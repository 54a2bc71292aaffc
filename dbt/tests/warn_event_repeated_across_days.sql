{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'fact_events'}}}) }}

-- The same event under two event days: kept, because dedup works within a day, but worth knowing.
-- Hashes first: most events are there once, and joining all of them by name takes four times as
-- much of the processor. Sorted, not grouped: that would keep a second core from the other tests.
{%- set key = "hashtextextended(event_id, hashtextextended(user_id, 0))" %}
with

-- Read twice: without `not materialized`, Postgres would keep a copy of every fact.
facts as not materialized (select * from {{ ref('fact_events') }}),

keys as (
    select {{ key }} as key
    from facts
    where {{ in_built_days('event_date', 'fact_events', before=7) }}
),

neighbours as (
    select
        key,
        lag(key) over (order by key) as key_before
    from keys
),

seen_again as (
    select key from neighbours
    where key = key_before
),

days as (
    select
        user_id,
        event_id,
        event_date,
        lag(event_date) over (partition by user_id, event_id order by event_date) as day_before
    from facts
    where
        {{ in_built_days('event_date', 'fact_events', before=7) }}
        and {{ key }} in (select seen_again.key from seen_again)
)

select
    user_id,
    event_id,
    min(day_before) as first_day,
    max(event_date) as event_date
from days
where
    day_before >= event_date - 7
    and {{ in_built_days('event_date', 'fact_events') }}
group by 1, 2
