{#- Retention and erasure: records leave raw and its ledger together, the days they touched become out
    of date, and the next build takes them out of everything else. Called by transform/retention.py
    as `dbt run-operation`; each is one transaction. -#}

{#- Delete every event that happened before a UTC day, and drop those days' partitions. -#}
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
        {{ delete_from_raw('events', "coalesce(event_date, ingest_date) < date '" ~ before ~ "'") }}
        {{ delete_from_raw('user_profiles', "false") }}
        delete from raw.deliveries where rows = 0 and ingest_date < '{{ before }}';
        delete from raw.delivered_days
        where rows = 0 and coalesce(event_date, ingest_date) < '{{ before }}';
        {#- Loads that later ones replaced, of which nothing is left. -#}
        delete from raw.loads
        where completed_at < '{{ before }}' and load_id not in (select load_id from raw.deliveries);
        {%- if run_query("select to_regclass('raw._dlt_loads')").rows[0][0] is not none %}
        delete from raw._dlt_loads where load_id not in (select load_id from raw.loads);
        {%- endif %}
        delete from raw.day_versions where kind = 'event_date' and day < '{{ before }}';
        delete from intermediate.built_days where kind = 'event_date' and day < '{{ before }}';
        delete from {{ ref('int_event_day_counts') }} where event_date < '{{ before }}';
        delete from {{ ref('regional_daily_events') }} where event_date < '{{ before }}';
        {%- if partitions %}
        {{ lock_with_retries(facts, partitions_before) }}
        drop table {{ partitions | join(', ') }};
        {%- endif %}
        commit;
    {%- endcall %}
    {{ print_gone() }}
    {% do print('partitions dropped: ' ~ partitions | length) %}
{% endmacro %}


{#- Delete every record of a user: events, profiles, and rejected records that name them. A record
    of another user that mentions this one stays. -#}
{% macro forget(user) %}
    {%- set name = dbt.string_literal(dbt.escape_single_quotes(user | string)) -%}
    {%- set theirs -%}
        user_id = {{ name }}
        or user_id is null and (
            jsonb_path_exists(payload, '$.** ? (@ == $user)', jsonb_build_object('user', {{ name }}))
            or jsonb_typeof(payload) = 'string' and payload #>> '{}' ~ (
                '(^|\W)' || regexp_replace({{ name }}, '(\W)', '\\\1', 'g') || '(\W|$)'
            )
        )
    {%- endset -%}
    {%- call statement('forget', auto_begin=False) %}
        begin;
        {{ delete_from_raw('events', theirs) }}
        {{ delete_from_raw('user_profiles', theirs) }}
        commit;
    {%- endcall %}
    {{ print_gone() }}
{% endmacro %}


{#- Delete rows of a landing table, take them off the ledger, and mark the days they touched. The
    lock is the one under which loads are completed (ingestion/land/ledger.py). -#}
{% macro delete_from_raw(table, condition) %}
    {%- set is_events = table == 'events' %}
        select pg_advisory_xact_lock({{ load_lock() }});
        create temporary table gone_{{ table }} (
            source text, ingest_date date, event_date date, region text, rows bigint
        );
        with gone as (
            delete from raw.{{ table }} where {{ condition }}
            returning source, ingest_date, user_id, _dlt_load_id,
                {{ 'event_date, region' if is_events else 'null::date as event_date, null as region' }}
        )
        {%- if not is_events %},
        retracted as (
            insert into raw.retracted_profiles (ingest_date, user_id)
            select distinct ingest_date, user_id from gone where user_id is not null
        )
        {%- endif %}
        {#- What a killed load left behind was never on the ledger. #}
        insert into gone_{{ table }}
        select source, ingest_date, event_date, region, count(*) from gone
        where _dlt_load_id in (select load_id from raw.loads where completed_at is not null)
        group by 1, 2, 3, 4;

        update raw.delivered_days as d set rows = d.rows - gone.rows
        from gone_{{ table }} as gone
        where d.table_name = '{{ table }}' and d.source = gone.source
            and d.ingest_date = gone.ingest_date
            and d.event_date is not distinct from gone.event_date
            and d.region is not distinct from gone.region;

        update raw.deliveries as d set rows = d.rows - gone.rows
        from (
            select source, ingest_date, sum(rows) as rows from gone_{{ table }} group by 1, 2
        ) as gone
        where d.table_name = '{{ table }}' and d.source = gone.source
            and d.ingest_date = gone.ingest_date;

        update raw.day_versions set version = version + 1, changed_at = clock_timestamp()
        where (kind, day) in (
            select '{{ 'ingest_date' if is_events else 'profile_date' }}', ingest_date from gone_{{ table }}
            union all select 'event_date', event_date from gone_{{ table }}
        );
{% endmacro %}


{% macro print_gone() %}
    {%- for table in ['events', 'user_profiles'] -%}
        {%- set rows = run_query('select coalesce(sum(rows), 0) from gone_' ~ table).rows[0][0] -%}
        {%- do print('raw.' ~ table ~ ': ' ~ rows ~ ' deleted') -%}
    {%- endfor -%}
{% endmacro %}
