{{ config(meta={'dagster': {'ref': {'name': 'row_accounting'}}}) }}

-- Every received record is a fact row, a duplicate or quarantined.
select *
from {{ ref('row_accounting') }}
where
    is_complete
    and (received != fact + duplicate + quarantined or duplicate < 0)
