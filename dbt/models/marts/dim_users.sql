{{ config(materialized='view') }}

select
    user_id,
    tier,
    region,
    version_number as versions,
    valid_from as updated_at
from {{ ref('dim_user_versions') }}
where valid_to is null
