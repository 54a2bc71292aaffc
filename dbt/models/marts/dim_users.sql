{{ config(materialized='stable_view') }}

with

versions as (select * from {{ ref('dim_user_versions') }})

select
    user_id,

    tier,
    region,
    version_number as versions,

    valid_from as updated_at
from versions
where valid_to is null
