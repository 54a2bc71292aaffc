with

events as (select * from {{ ref('int_events_deduplicated') }}),

versions as (select * from {{ ref('dim_user_versions') }})

-- Tier and region as they were at the event: the version valid at event_ts; before the first known
-- version, that one.
select
    events.event_id,
    events.user_id,

    events.event_type,
    events.region,
    events.payload,
    coalesce(versions.tier, 'unknown') as user_tier,
    coalesce(versions.region, 'unknown') as user_region,

    events.event_ts,
    events.event_date,
    events.ingest_date,
    events.loaded_at
from events
left join versions
    on
        events.user_id = versions.user_id
        and (versions.valid_from <= events.event_ts or versions.version_number = 1)
        and (events.event_ts < versions.valid_to or versions.valid_to is null)
