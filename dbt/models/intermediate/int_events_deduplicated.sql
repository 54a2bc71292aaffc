with

events as (select * from {{ ref('int_valid_events') }})

-- The winner of a repeated event: latest ingest_date, then latest event_ts, then the greater
-- payload::text. The columns after that only make equal copies' order certain.
select distinct on (event_date, user_id, event_id)
    event_id,
    user_id,

    event_type,
    region,
    payload,

    event_ts,
    event_date,
    ingest_date,
    loaded_at
from events
where not is_retracted
order by
    event_date asc,
    user_id asc,
    event_id asc,
    ingest_date desc,
    event_ts desc,
    (payload::text) collate "C" desc,
    event_type collate "C" desc,
    region collate "C" desc nulls last,
    loaded_at desc
