{{ config(meta={'dagster': {'ref': {'name': 'profile_accounting'}}}) }}

-- Every received profile is a version, a repeat or quarantined.
select *
from {{ ref('profile_accounting') }}
where
    is_complete
    and (received != version + repeat + quarantined or repeat < 0)
