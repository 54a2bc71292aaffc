{{ config(
    materialized='incremental',
    incremental_strategy='overwrite_days',
    overwrite_by='event_date',
    cell_column='region',
    on_schema_change='append_new_columns',
    indexes=[{'columns': ['event_date', 'region', 'event_type'], 'unique': true}],
    post_hook="{{ mark_days_built() }}"
) }}

select
    event_date,
    coalesce(region, 'unknown') as region,
    event_type,
    count(*) as events,
    count(distinct user_id) as users
from {{ ref('fact_events') }}
where
    {{ in_window('event_date', 'event_date', upstream='fact_events') }}
    and {{ in_cells("coalesce(region, 'unknown')") }}
group by 1, 2, 3
