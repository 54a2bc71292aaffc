{{ config(
    materialized='incremental',
    incremental_strategy='sync_rows',
    unique_key=['user_id', 'version_number'],
    on_schema_change='append_new_columns',
    sync_where='user_id in (select changed.user_id from dim_user_versions_changed as changed)',
    indexes=[{'columns': ['user_id', 'version_number'], 'unique': true}],
    pre_hook="{{ find_users_of_changed_profiles() }}",
    post_hook=["{{ mark_days_built() }}", "{{ mark_days_of_changed_profiles() }}"]
) }}

with

profiles as (select * from {{ ref('stg_user_profiles') }}),

-- One moment, one version: the latest delivery wins.
moments as (
    select distinct on (user_id, updated_at)
        user_id,
        tier,
        region,
        updated_at,
        min(ingest_date) as first_ingest_date
    from profiles
    where reject_reason is null and {{ in_users_of_changed_profiles('user_id') }}
    group by user_id, tier, region, updated_at
    order by
        user_id asc,
        updated_at asc,
        max(ingest_date) desc,
        tier collate "C" desc nulls last,
        region collate "C" desc nulls last
),

compared as (
    select
        *,
        lag(updated_at) over by_user as previous_at,
        lag(tier) over by_user as previous_tier,
        lag(region) over by_user as previous_region
    from moments
    window by_user as (partition by user_id order by updated_at)
)

-- Deliveries repeat what has not changed.
select
    user_id,
    (row_number() over by_user)::integer as version_number,
    tier,
    region,
    updated_at as valid_from,
    lead(updated_at) over by_user as valid_to,
    first_ingest_date
from compared
where
    previous_at is null
    or tier is distinct from previous_tier
    or region is distinct from previous_region
window by_user as (partition by user_id order by updated_at)
