with

profiles as (select * from {{ source('raw', 'user_profiles') }}),

loads as (
    select
        load_id,
        completed_at
    from {{ source('raw', 'loads') }}
    where completed_at is not null
)

select
    profiles.user_id,
    profiles.tier,
    profiles.region,
    profiles.updated_at,
    profiles.ingest_date,
    loads.completed_at as loaded_at,
    profiles.payload,
    profiles.reject_reason
from profiles
inner join loads on profiles._dlt_load_id = loads.load_id
