with

versions as (select * from {{ source('raw', 'day_versions') }}),

delivered as (select * from {{ source('raw', 'delivered_days') }}),

built as (select * from {{ source('intermediate', 'built_days') }}),

outdated as (
    select
        versions.kind,
        versions.day
    from versions
    left join built
        on
            versions.kind = built.kind
            and versions.day = built.day
            and versions.version = built.version
            and built.model in ('int_event_day_counts', 'int_quarantine_day_counts')
    where built.day is null
)

select delivered.ingest_date
from delivered
inner join outdated
    on delivered.event_date = outdated.day and outdated.kind = 'event_date'
where delivered.table_name = 'events'
union
select day as ingest_date from outdated
where kind = 'ingest_date'
