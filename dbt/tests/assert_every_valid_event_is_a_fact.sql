{{ config(meta={'dagster': {'ref': {'name': 'fact_events'}}}) }}

-- Reconciliation of raw and fact: no event may be missing from the days that were built. A day that
-- a load has changed since is left out, in the same snapshot: it is for the next build.
-- Materialized, so that the ledger is read for what is missing only, which is nothing.
with

missing as materialized (
    select
        events.event_date,
        events.user_id,
        events.event_id
    from {{ ref('stg_events') }} as events
    left join {{ ref('fact_events') }} as facts
        on
            events.event_date = facts.event_date
            and events.user_id = facts.user_id
            and events.event_id = facts.event_id
            and {{ in_built_days('facts.event_date', 'fact_events') }}
    where
        events.reject_reason is null
        and {{ in_built_days('events.event_date', 'fact_events') }}
        and facts.event_id is null
)

select missing.*
from missing
inner join {{ source('raw', 'day_versions') }} as versions
    on missing.event_date = versions.day and versions.kind = 'event_date'
inner join intermediate.built_days as built
    on
        versions.kind = built.kind
        and versions.day = built.day
        and versions.version = built.version
        and built.model = 'fact_events'
