{{ config(meta={'dagster': {'ref': {'name': 'fact_events'}}}) }}

-- Reconciliation of raw and fact: no event may be missing from the days that were built. A day that
-- a load has changed since is left out, in the same snapshot: it is for the next build.
-- Materialized, so that the ledger is read for what is missing only, which is nothing.
with

events as (select * from {{ ref('int_valid_events') }}),

facts as (select * from {{ ref('fact_events') }}),

versions as (select * from {{ source('raw', 'day_versions') }}),

built as (select * from {{ source('intermediate', 'built_days') }}),

missing as materialized (
    select
        events.event_date,
        events.user_id,
        events.event_id
    from events
    left join facts
        on
            events.event_date = facts.event_date
            and events.user_id = facts.user_id
            and events.event_id = facts.event_id
            and {{ in_built_days('facts.event_date', 'fact_events') }}
    where
        not events.is_retracted
        and {{ in_built_days('events.event_date', 'fact_events') }}
        and facts.event_id is null
)

select missing.*
from missing
inner join versions
    on missing.event_date = versions.day and versions.kind = 'event_date'
inner join built
    on
        versions.kind = built.kind
        and versions.day = built.day
        and versions.version = built.version
        and built.model = 'fact_events'
