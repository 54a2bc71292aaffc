{{ config(materialized='view') }}

-- Bounds from the same weekday in the twelve weeks before: median and median absolute deviation
-- (MAD), which a few odd days do not move. 1.4826 * MAD estimates a standard deviation; five of
-- them, and never less than a fifth of the median, because a steady history has a MAD of zero.
with

days as (
    select
        event_date,
        sum(fact_rows)::bigint as events
    from {{ ref('int_event_day_counts') }}
    group by 1
),

same_weekdays as (
    select
        days.event_date,
        earlier.events
    from days
    inner join days as earlier
        on
            days.event_date > earlier.event_date
            and days.event_date - earlier.event_date <= 84
            and (days.event_date - earlier.event_date) % 7 = 0
),

history as (
    select
        event_date,
        count(*) as history,
        percentile_cont(0.5) within group (order by events) as median
    from same_weekdays
    group by 1
),

deviations as (
    select
        history.event_date,
        percentile_cont(0.5) within group (order by abs(earlier.events - history.median)) as mad
    from history
    inner join same_weekdays as earlier on history.event_date = earlier.event_date
    group by 1
),

bounds as (
    select
        history.event_date,
        history.history,
        history.median,
        greatest(5 * 1.4826 * deviations.mad, 0.2 * history.median) as reach
    from history
    inner join deviations on history.event_date = deviations.event_date
)

select
    days.event_date,
    days.events,
    coalesce(bounds.history, 0)::bigint as history,
    bounds.median,
    bounds.median - bounds.reach as low,
    bounds.median + bounds.reach as high,
    case
        when coalesce(bounds.history, 0) < 4
            then
                format(
                    '%s events, too little history: %s of 4 days',
                    days.events, coalesce(bounds.history, 0)
                )
        when abs(days.events - bounds.median) > bounds.reach
            then
                format(
                    '%s events, expected %s to %s',
                    days.events,
                    round(bounds.median - bounds.reach),
                    round(bounds.median + bounds.reach)
                )
    end as unusual
from days
left join bounds on days.event_date = bounds.event_date
