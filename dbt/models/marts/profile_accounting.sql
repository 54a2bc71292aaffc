with

deliveries as (select * from {{ source('raw', 'deliveries') }}),

day_versions as (select * from {{ source('raw', 'day_versions') }}),

built_days as (select * from {{ source('intermediate', 'built_days') }}),

user_versions as (select * from {{ ref('dim_user_versions') }}),

day_counts as (select * from {{ ref('int_profile_day_counts') }}),

received as (
    select
        ingest_date,
        sum(rows + forgotten)::bigint as received,
        sum(forgotten)::bigint as forgotten
    from deliveries
    where table_name = 'user_profiles'
    group by 1
),

versions as (
    select
        first_ingest_date as ingest_date,
        count(*) as version
    from user_versions
    group by 1
),

counted as (
    select
        ingest_date,
        coalesce(sum(records) filter (where reason is null), 0)::bigint as valid,
        coalesce(sum(records) filter (where reason is not null), 0)::bigint as quarantined
    from day_counts
    group by 1
),

built as (
    select day as ingest_date
    from day_versions
    inner join built_days using (kind, day, version)
    where model in ('dim_user_versions', 'int_profile_day_counts')
    group by 1
    having count(*) = 2
)

select
    ingest_date,
    received.received,
    coalesce(versions.version, 0) as version,
    coalesce(counted.valid, 0) - coalesce(versions.version, 0) as repeat,
    coalesce(counted.quarantined, 0) as quarantined,
    built.ingest_date is not null as is_complete,
    received.forgotten
from received
left join versions using (ingest_date)
left join counted using (ingest_date)
left join built using (ingest_date)
