with

events as (select * from {{ source('raw', 'events') }}),

loads as (
    select
        load_id,
        completed_at
    from {{ source('raw', 'loads') }}
    where completed_at is not null
)

select
    events.event_id,
    events.user_id,
    events.event_type,
    events.region,
    events.payload,
    events.source,
    events.reject_reason,
    events.event_ts,
    events.event_date,
    events.ingest_date,
    loads.completed_at as loaded_at
from events
inner join loads on events._dlt_load_id = loads.load_id
