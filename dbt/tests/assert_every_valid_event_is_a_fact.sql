{{ config(meta={'dagster': {'ref': {'name': 'fact_events'}}}) }}

-- Reconciliation of raw and fact: no event may be missing from the days that were built.
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
