{{ config(
    materialized='incremental',
    incremental_strategy='partition_overwrite',
    partition_by={'field': 'event_date', 'granularity': 'day', 'schema': schema_of('partitions')},
    on_schema_change='append_new_columns',
    indexes=[{'columns': ['event_date', 'user_id', 'event_id'], 'unique': true}],
    post_hook="{{ mark_days_built() }}"
) }}

with

events as (select * from {{ ref('int_events_enriched') }})

select
    event_id,
    user_id,

    event_type,
    region,
    user_tier,
    user_region,
    payload as properties,

    event_ts,
    event_date,
    ingest_date,
    loaded_at
from events
where {{ in_window('event_date', 'event_date') }}
