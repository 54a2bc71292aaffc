with

counts as (select * from {{ ref('int_event_day_counts') }}),

days as (
    select
        event_date,
        sum(fact_rows)::bigint as events
    from counts
    group by 1
),

same_weekdays as (
    select
        days.event_date,
        count(*) as history,
        percentile_cont(0.5) within group (order by earlier.events) as median,
        array_agg(earlier.events) as counts
    from days
    inner join days as earlier
        on
            days.event_date > earlier.event_date
            and days.event_date - earlier.event_date <= 84
            and (days.event_date - earlier.event_date) % 7 = 0
    group by 1
),

-- Median and median absolute deviation (MAD) are not moved by a few odd days. 1.4826 * MAD
-- estimates a standard deviation; five of them, and never less than a fifth of the median, because
-- a steady history has a MAD of zero.
bounds as (
    select
        event_date,
        history,
        median,
        greatest(5 * 1.4826 * (
            select percentile_cont(0.5) within group (order by abs(past.events - median))
            from unnest(counts) as past (events)
        ), 0.2 * median) as reach
    from same_weekdays
)

select
    days.event_date,
    days.events,
    coalesce(bounds.history, 0)::bigint as history,
    bounds.median,
    bounds.median - bounds.reach as low,
    bounds.median + bounds.reach as high
from days
left join bounds on days.event_date = bounds.event_date
