{{ config(
    materialized='incremental',
    incremental_strategy='partition_overwrite',
    partition_by={'field': 'event_date', 'granularity': 'day', 'schema': 'partitions'},
    on_schema_change='append_new_columns',
    indexes=[{'columns': ['event_date', 'user_id', 'event_id'], 'unique': true}],
    post_hook="{{ mark_days_built() }}"
) }}

select
    event_id,
    user_id,
    event_type,
    event_ts,
    event_date,
    region,
    user_tier,
    user_region,
    payload as properties,
    ingest_date,
    loaded_at
from {{ ref('int_events_enriched') }}
where {{ in_window('event_date', 'event_date') }}
