with

events as (select * from {{ ref('stg_events') }})

select
    user_id,
    event_id,
    max(ingest_date) as deleted_on
from events
where reject_reason = 'deletion'
group by 1, 2
