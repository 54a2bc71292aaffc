{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'fact_events'}}}) }}

-- The same event under two event days: kept, because dedup works within a day, but worth knowing.
select
    facts.user_id,
    facts.event_id,
    min(others.event_date) as first_day,
    max(facts.event_date) as last_day
from {{ ref('fact_events') }} as facts
inner join {{ ref('fact_events') }} as others
    on
        facts.user_id = others.user_id
        and facts.event_id = others.event_id
        and facts.event_date > others.event_date
        and others.event_date >= facts.event_date - 7
where
    {{ in_built_days('facts.event_date', 'fact_events') }}
    and {{ in_built_days('others.event_date', 'fact_events', before=7) }}
group by 1, 2
