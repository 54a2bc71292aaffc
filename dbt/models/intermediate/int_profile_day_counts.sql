{{ config(
    materialized='incremental',
    incremental_strategy='overwrite_days',
    overwrite_by='ingest_date',
    on_schema_change='append_new_columns',
    post_hook="{{ mark_days_built() }}"
) }}

with

profiles as (select * from {{ ref('stg_user_profiles') }}),

quarantined as (select * from {{ ref('quarantined_profiles') }}),

records as (
    select
        ingest_date,
        reject_reason as reason
    from profiles
    where
        reject_reason is null
        and {{ in_window('ingest_date', 'profile_date', upstream='quarantined_profiles') }}
    union all
    select
        ingest_date,
        reason
    from quarantined
    where {{ in_window('ingest_date', 'profile_date', upstream='quarantined_profiles') }}
)

select
    ingest_date,
    reason,
    count(*) as records
from records
group by 1, 2
