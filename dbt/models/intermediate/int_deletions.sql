with

events as (select * from {{ ref('stg_events') }})

-- A deletion counts for what was delivered no later than it: delivered again, an event is back.
select
    user_id,
    event_id,
    max(ingest_date) as deleted_on
from events
where reject_reason = 'deletion'
group by 1, 2
