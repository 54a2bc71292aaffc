{{ config(
    materialized='incremental',
    incremental_strategy='sync_rows',
    unique_key=['user_id'],
    on_schema_change='append_new_columns',
    indexes=[{'columns': ['user_id'], 'unique': true}]
) }}

select
    user_id,
    tier,
    region,
    version_number as versions,
    valid_from as updated_at
from {{ ref('dim_user_versions') }}
where valid_to is null
