-- What the blocking tests said of each day, as it was built last. A day of which one has not said
-- anything yet owes it.
with

built as (select * from {{ source('intermediate', 'built_days') }}),

blocking as (select * from {{ source('intermediate', 'blocking_tests') }}),

tested as (select * from {{ source('intermediate', 'tested_days') }}),

said as (
    select
        built.day,
        blocking.test,
        tested.passed,
        tested.tested_at
    from built
    inner join blocking on built.model = blocking.model
    left join tested
        on
            blocking.test = tested.test
            and blocking.definition = tested.definition
            and built.day = tested.day
            and built.built_at = tested.built_at
    where built.kind in ('event_date', 'ingest_date')
    union all
    -- Of tests that look at everything, the days for which they failed.
    select
        tested.day,
        tested.test,
        tested.passed,
        tested.tested_at
    from tested
    inner join blocking on tested.test = blocking.test
    where blocking.model is null
)

select
    day,
    max(tested_at) as tested_at,
    case
        when bool_or(not passed) then false
        when bool_and(passed is not null) then true
    end as tests_passed,
    string_agg(distinct split_part(test, '.', 3), ', ') filter (where not passed) as failed_tests
from said
group by 1
