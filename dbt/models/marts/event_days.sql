{{ config(materialized='stable_view') }}

-- From the ledger and small counts alone: no event is read. A day is there because events happened
-- on it (fact_events builds it) or because something was delivered on it (quarantined_events does).
with

versions as (select * from {{ source('raw', 'day_versions') }}),

built as (select * from {{ source('intermediate', 'built_days') }}),

event_counts as (select * from {{ ref('int_event_day_counts') }}),

models as (select * from {{ ref('int_days_by_models') }}),

tested as (select * from {{ ref('int_days_tested') }}),

days as (
    select
        versions.day,
        sum(versions.version) as raw_version,
        max(built.built_at) as built_at,
        bool_and(built.version is not distinct from versions.version) as is_up_to_date,
        max(built.invocation_id) filter (where built.model = 'fact_events') as invocation_id
    from versions
    left join built
        on
            versions.kind = built.kind
            and versions.day = built.day
            and built.model in ('fact_events', 'quarantined_events')
    where versions.kind in ('event_date', 'ingest_date')
    group by 1
),

counts as (
    select
        event_date,
        sum(fact_rows) as events
    from event_counts
    group by 1
)

select
    days.day as event_date,
    coalesce(counts.events, 0)::bigint as events,
    days.raw_version::bigint as raw_version,
    days.built_at,
    days.is_up_to_date,
    days.invocation_id,
    tested.tested_at,
    tested.tests_passed,
    models.model_version,
    models.is_on_current_model,
    tested.failed_tests
from days
left join counts on days.day = counts.event_date
left join tested on days.day = tested.day
left join models on days.day = models.day
