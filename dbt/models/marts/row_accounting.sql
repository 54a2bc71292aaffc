{{ config(materialized='view') }}

-- Received is what ingestion counted before it landed; the rest is counted where it ended up. A
-- delivery is complete once every day it touched has been built since.
with

received as (
    select
        ingest_date,
        sum(rows) as received
    from {{ source('raw', 'deliveries') }}
    where table_name = 'events'
    group by 1
),

counted as (
    select
        ingest_date,
        sum(fact_rows) as fact,
        sum(valid_rows - fact_rows) as duplicate
    from {{ ref('int_event_day_counts') }}
    group by 1
),

quarantined as (
    select
        ingest_date,
        sum(records) as quarantined
    from {{ ref('int_quarantine_day_counts') }}
    group by 1
),

outdated as (
    select
        versions.kind,
        versions.day
    from {{ source('raw', 'day_versions') }} as versions
    left join intermediate.built_days as built
        on
            versions.kind = built.kind
            and versions.day = built.day
            and versions.version = built.version
            and built.model in ('int_event_day_counts', 'int_quarantine_day_counts')
    where built.day is null
),

incomplete as (
    select delivered.ingest_date
    from {{ source('raw', 'delivered_days') }} as delivered
    inner join outdated
        on delivered.event_date = outdated.day and outdated.kind = 'event_date'
    where delivered.table_name = 'events'
    union
    select day as ingest_date from outdated
    where kind = 'ingest_date'
)

select
    received.ingest_date,
    received.received::bigint as received,
    coalesce(counted.fact, 0)::bigint as fact,
    coalesce(counted.duplicate, 0)::bigint as duplicate,
    coalesce(quarantined.quarantined, 0)::bigint as quarantined,
    incomplete.ingest_date is null as is_complete
from received
left join counted on received.ingest_date = counted.ingest_date
left join quarantined on received.ingest_date = quarantined.ingest_date
left join incomplete on received.ingest_date = incomplete.ingest_date
