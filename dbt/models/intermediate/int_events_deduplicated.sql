with

events as (select * from {{ ref('stg_events') }}),

deletions as (select * from {{ ref('int_deletions') }})

-- The winner of a repeated event: latest ingest_date, then latest event_ts, then the greater
-- payload::text. The columns after that only make equal copies' order certain. A record that came
-- no later than a deletion of its event is none of them.
select distinct on (events.event_date, events.user_id, events.event_id)
    events.event_id,
    events.user_id,

    events.event_type,
    events.region,
    events.payload,

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
where
    events.reject_reason is null
    and deletions.event_id is null
order by
    events.event_date asc,
    events.user_id asc,
    events.event_id asc,
    events.ingest_date desc,
    events.event_ts desc,
    (events.payload::text) collate "C" desc,
    events.event_type collate "C" desc,
    events.region collate "C" desc nulls last,
    events.loaded_at desc
