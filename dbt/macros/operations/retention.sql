{#- Retention: days leave fact_events and what is counted by event day, after their records have left
    raw. Called by transform/retention.py as `dbt run-operation`, in one transaction. -#}

{#- Drop the partitions of the days before a UTC day, and those days' rows of other tables. -#}
{% macro prune(before) %}
    {%- set before = modules.datetime.date.fromisoformat(before | string) -%}
    {%- set facts = ref('fact_events') -%}
    {%- set partitions_before -%}
        select inhrelid::regclass::text
        from pg_inherits inner join pg_class on pg_class.oid = inhrelid
        where inhparent = to_regclass('{{ facts }}')
            and substring(pg_get_expr(relpartbound, 0) from 'TO \(''(.+)''\)')::date <= '{{ before }}'
    {%- endset -%}
    {%- set partitions = run_query(partitions_before).columns[0].values() -%}
    {%- call statement('prune', auto_begin=False) %}
        begin;
        delete from {{ schema_of('intermediate') }}.built_days where kind = 'event_date' and day < '{{ before }}';
        delete from {{ schema_of('intermediate') }}.tested_days as tested
        where tested.day < '{{ before }}' and not exists (
            select from {{ schema_of('intermediate') }}.blocking_tests as tests
            inner join {{ schema_of('intermediate') }}.built_days as built on tests.model = built.model
            where tests.test = tested.test and built.day = tested.day
        );
        delete from {{ ref('int_event_day_counts') }} where event_date < '{{ before }}';
        delete from {{ ref('regional_daily_events') }} where event_date < '{{ before }}';
        -- The week in which the last of these days lies is counted again, by the next build.
        delete from {{ ref('weekly_active_users') }} where week_start < '{{ before }}';
        update {{ schema_of('intermediate') }}.built_days set version = 0
        where model = 'weekly_active_users' and {{ unit_of('day', 'week') }} < '{{ before }}';
        {%- if partitions %}
        {{ lock_with_retries(facts, partitions_before) }}
        drop table {{ partitions | join(', ') }};
        {%- endif %}
        commit;
    {%- endcall %}
{% endmacro %}
