{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'fact_events'}}}) }}

-- Days of which more than MAX_UNKNOWN_USERS of the facts are of users whom no profile knows: their
-- profiles did not come, or could not be read. Where none were ever delivered, none are missing.
with

facts as (select * from {{ ref('fact_events') }}),

deliveries as (select * from {{ source('raw', 'deliveries') }}),

days as (
    select
        event_date,
        count(*) as events,
        count(*) filter (where user_tier = 'unknown' and user_region = 'unknown') as unknown
    from facts
    where {{ in_built_days('event_date', 'fact_events') }}
    group by 1
)

select *
from days
where
    unknown > {{ max_unknown_users() }} * events
    and exists (
        select * from deliveries
        where table_name = 'user_profiles' and rows > 0
    )
