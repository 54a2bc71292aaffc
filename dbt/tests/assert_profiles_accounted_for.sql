{{ config(meta={'dagster': {'ref': {'name': 'profile_accounting'}}}) }}

-- Every received profile is a version, a repeat, quarantined or of a forgotten user.
select *
from {{ ref('profile_accounting') }}
where
    is_complete
    and (received != version + repeat + quarantined + forgotten or repeat < 0)
