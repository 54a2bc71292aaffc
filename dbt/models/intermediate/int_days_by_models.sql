-- Which versions of the models built each day, and whether they are today's.
with

built as (select * from {{ source('intermediate', 'built_days') }}),

current_models as (select * from {{ source('intermediate', 'model_versions') }})

select
    built.day,
    max(built.model_version) filter (where built.model = 'fact_events') as model_version,
    bool_and(
        built.model_version = current_models.version
        and current_models.shape is not distinct from current_models.table_shape
    ) as is_on_current_model
from built
inner join current_models on built.model = current_models.model
where built.kind in ('event_date', 'ingest_date')
group by 1
