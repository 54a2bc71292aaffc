{#- Incremental strategy: make the whole table equal to the query by writing only what differs. For
    dimensions, of which few rows change: readers never wait, nothing is rewritten, and two runs at
    once queue here instead of failing on dbt's backup name.

    Config: unique_key, a list. The rows that went and came are in the temporary tables <model>_gone
    and <model>_came until the transaction ends, for post-hooks. -#}
{% macro get_incremental_sync_rows_sql(arg_dict) %}
    {%- set target, temp = arg_dict['target_relation'], arg_dict['temp_relation'] -%}
    {%- set columns = arg_dict['dest_columns'] | map(attribute='quoted') | join(', ') -%}
    {%- set key = config.require('unique_key') -%}
    {%- set gone, came = target.identifier ~ '_gone', target.identifier ~ '_came' %}
    select pg_advisory_xact_lock(hashtextextended('{{ target }}', 0));

    create temporary table {{ gone }} on commit drop as
    select {{ columns }} from {{ target }} except all select {{ columns }} from {{ temp }};

    create temporary table {{ came }} on commit drop as
    select {{ columns }} from {{ temp }} except all select {{ columns }} from {{ target }};

    delete from {{ target }} as t using {{ gone }} as gone
    where {% for column in key %}t.{{ column }} = gone.{{ column }}{% if not loop.last %} and {% endif %}{% endfor %};

    insert into {{ target }} ({{ columns }}) select {{ columns }} from {{ came }};
{% endmacro %}


{#- Post-hook of dim_user_versions: the days on which a user's profile is another one than before
    are out of date. A version that only got another end is the same version: what follows it came
    or went as a row of its own. -#}
{% macro mark_days_of_changed_profiles() %}
    {%- set facts = adapter.get_relation(this.database, this.schema, 'fact_events') if execute -%}
    {%- if not execute or not is_incremental() or facts is none -%}
        {{ return('select 1') }}
    {%- endif -%}
    {%- set versions -%}
        select user_id, valid_from, tier, region from
    {%- endset %}
    update raw.day_versions as v
    set version = v.version + 1, changed_at = clock_timestamp()
    from (
        select distinct f.event_date
        from (
            select * from {{ this.identifier }}_came
            where (user_id, valid_from) in (
                select user_id, valid_from
                from ({{ versions }} {{ this.identifier }}_came except {{ versions }} {{ this.identifier }}_gone) as a
            )
            union all
            select * from {{ this.identifier }}_gone
            where (user_id, valid_from) in (
                select user_id, valid_from
                from ({{ versions }} {{ this.identifier }}_gone except {{ versions }} {{ this.identifier }}_came) as b
            )
        ) as changed
        inner join {{ facts }} as f
            on f.user_id = changed.user_id
            and (f.event_ts >= changed.valid_from or changed.version_number = 1)
            and (f.event_ts < changed.valid_to or changed.valid_to is null)
    ) as touched
    where v.kind = 'event_date' and v.day = touched.event_date
{% endmacro %}
