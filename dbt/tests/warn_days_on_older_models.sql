{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'event_days'}}}) }}

-- Days that other models built than today's: `make rebuild` builds them anew.
select
    event_date,
    model_version
from {{ ref('event_days') }}
where not is_on_current_model
