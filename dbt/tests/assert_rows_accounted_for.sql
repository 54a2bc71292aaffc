{{ config(meta={'dagster': {'ref': {'name': 'row_accounting'}}}) }}

-- Every received record is a fact row, a duplicate, quarantined, or of a deleted event.
select *
from {{ ref('row_accounting') }}
where
    is_complete
    and (received != fact + duplicate + quarantined + retracted or duplicate < 0)
