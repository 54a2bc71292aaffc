{{ config(materialized='stable_view') }}

with

facts as (select * from {{ ref('fact_events') }})

select
    event_date,
    user_id,

    max(user_tier) as user_tier,
    max(user_region) as user_region,
    count(*) as events,
    count(distinct event_type) as event_types,
    count(*) filter (where event_type = 'add_to_cart') as add_to_carts,
    count(*) filter (where event_type = 'purchase') as purchases
from facts
group by 1, 2
