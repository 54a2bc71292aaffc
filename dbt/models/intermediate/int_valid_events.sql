with

events as (select * from {{ ref('stg_events') }}),

deletions as (select * from {{ ref('int_deletions') }})

-- A deletion counts for what was delivered no later than it: delivered again, an event is back.
select
    events.event_id,
    events.user_id,

    events.event_type,
    events.region,
    events.payload,
    deletions.event_id is not null as is_retracted,

    events.event_ts,
    events.event_date,
    events.ingest_date,
    events.loaded_at
from events
left join deletions
    on
        events.user_id = deletions.user_id
        and events.event_id = deletions.event_id
        and events.ingest_date <= deletions.deleted_on
where events.reject_reason is null
