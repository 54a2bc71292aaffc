{{ config(meta={'dagster': {'ref': {'name': 'row_accounting'}}}) }}

-- Every received record is a fact row, a duplicate, quarantined, of a deleted event, or of a
-- forgotten user.
select *
from {{ ref('row_accounting') }}
where
    is_complete
    and (received != fact + duplicate + quarantined + retracted + forgotten or duplicate < 0)
