{{ config(indexes=[{'columns': ['user_id', 'version_number'], 'unique': true}]) }}

-- One moment, one version: the latest delivery wins.
with

moments as (
    select distinct on (user_id, updated_at)
        user_id,
        tier,
        region,
        updated_at
    from {{ ref('stg_user_profiles') }}
    order by
        user_id, updated_at, ingest_date desc, tier desc nulls last, region desc nulls last
),

-- Deliveries repeat what has not changed.
changes as (
    select
        *,
        row_number() over by_user = 1
        or (tier, region) is distinct from (lag(tier) over by_user, lag(region) over by_user)
            as is_change
    from moments
    window by_user as (partition by user_id order by updated_at)
)

select
    user_id,
    (row_number() over by_user)::integer as version_number,
    tier,
    region,
    updated_at as valid_from,
    lead(updated_at) over by_user as valid_to
from changes
where is_change
window by_user as (partition by user_id order by updated_at)
