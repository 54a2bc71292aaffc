{{ config(materialized='stable_view') }}

with

days as (select * from {{ ref('int_daily_count_bounds') }})

select
    event_date,
    events,
    history,
    median,
    low,
    high,
    case
        when history < 4
            then format('%s events, too little history: %s of 4 days', events, history)
        when events not between low and high
            then format('%s events, expected %s to %s', events, round(low), round(high))
    end as unusual
from days
