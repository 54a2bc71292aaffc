{{ config(
    materialized='incremental',
    incremental_strategy='overwrite_days',
    overwrite_by='ingest_date',
    on_schema_change='append_new_columns',
    indexes=[{'columns': ['ingest_date', 'reason']}],
    post_hook="{{ mark_days_built() }}"
) }}

with

profiles as (select * from {{ ref('stg_user_profiles') }})

select
    ingest_date,
    reject_reason as reason,
    payload as record,
    loaded_at
from profiles
where
    reject_reason is not null
    and {{ in_window('ingest_date', 'profile_date') }}
