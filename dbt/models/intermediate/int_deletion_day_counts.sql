with

events as (select * from {{ ref('stg_events') }})

select
    ingest_date,
    count(*) as records
from events
where reject_reason = 'deletion'
group by 1
