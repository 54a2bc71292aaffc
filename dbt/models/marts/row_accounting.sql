{{ config(materialized='stable_view') }}

-- Received is what ingestion counted before it landed; the rest is counted where it ended up. A
-- delivery is complete once every day it touched has been built since.
with

deliveries as (select * from {{ source('raw', 'deliveries') }}),

deletion_counts as (select * from {{ ref('int_deletion_day_counts') }}),

event_counts as (select * from {{ ref('int_event_day_counts') }}),

quarantine_counts as (select * from {{ ref('int_quarantine_day_counts') }}),

unfinished as (select * from {{ ref('int_unfinished_deliveries') }}),

received as (
    select
        ingest_date,
        sum(rows + forgotten) as received,
        sum(forgotten) as forgotten
    from deliveries
    where table_name = 'events'
    group by 1
),

counted as (
    select
        ingest_date,
        sum(fact_rows) as fact,
        sum(valid_rows - fact_rows - coalesce(retracted_rows, 0)) as duplicate,
        sum(retracted_rows) as retracted
    from event_counts
    group by 1
),

quarantined as (
    select
        ingest_date,
        sum(records) as quarantined
    from quarantine_counts
    group by 1
)

select
    received.ingest_date,
    received.received::bigint as received,
    coalesce(counted.fact, 0)::bigint as fact,
    coalesce(counted.duplicate, 0)::bigint as duplicate,
    coalesce(quarantined.quarantined, 0)::bigint as quarantined,
    unfinished.ingest_date is null as is_complete,
    (coalesce(counted.retracted, 0) + coalesce(deletion_counts.records, 0))::bigint as retracted,
    received.forgotten::bigint as forgotten
from received
left join counted on received.ingest_date = counted.ingest_date
left join quarantined on received.ingest_date = quarantined.ingest_date
left join deletion_counts on received.ingest_date = deletion_counts.ingest_date
left join unfinished on received.ingest_date = unfinished.ingest_date
