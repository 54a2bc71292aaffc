{{ config(materialized='stable_view') }}

-- From the ledger alone: no event is read.
with

delivered as (select * from {{ source('raw', 'delivered_days') }}),

lags as (
    select
        ingest_date - event_date as lag_days,
        sum(rows) as records
    from delivered
    where
        table_name = 'events'
        and event_date is not null
        and rows > 0
    group by 1
)

select
    lag_days,
    records::bigint as records,
    round(100 * records / sum(records) over (), 3) as percent
from lags
