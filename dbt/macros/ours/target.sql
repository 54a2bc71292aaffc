{#- Whose schemas a run builds. TARGET=dev: those of a developer, dev_<name>_…, beside production's in the same
    database, whose raw tables it reads through views. It writes nothing elsewhere. -#}

{% macro is_dev() %}{{ return(target.name == 'dev') }}{% endmacro %}


{#- What a schema of this project (raw, staging, intermediate, analytics) is called in this run. -#}
{% macro schema_of(name) %}{{ return(target.schema ~ '_' ~ name if is_dev() else name) }}{% endmacro %}


{#- on-run-start: a database that is marked production (docs/dbt.md) is built in by its own target alone. -#}
{% macro require_target() -%}
    {%- if acts() and not is_dev() and schema_version() > 1 -%}
        {%- for row in run_query("select value from intermediate.marks where kind = 'target'").rows if row[0] != target.name -%}
            {%- do exceptions.raise_compiler_error(
                'PGDATABASE=' ~ target.dbname ~ ' is marked for TARGET=' ~ row[0] ~ ', and this is TARGET=' ~ target.name
                ~ ': give TARGET=' ~ row[0] ~ ', or TARGET=dev for schemas of your own') -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}


{#- on-run-start of TARGET=dev: the developer's schemas, with what the project keeps beside its models. -#}
{% macro prepare_dev() %}
    {%- set version = schema_version() -%}
    {%- if version != newest_migration() -%}
        {%- do exceptions.raise_compiler_error(
            'TARGET=dev reads what is there, and PGDATABASE=' ~ target.dbname ~ ' has version ' ~ version
            ~ ' of the schema, this project ' ~ newest_migration() ~ ': build there without TARGET=dev first') -%}
    {%- endif -%}
    {%- set state, raw = schema_of('intermediate'), schema_of('raw') -%}
    {%- set tables = _sources_that_are_read() -%}
    {%- set made_of = version ~ ' ' ~ tables | join(' ') -%}
    {%- do run_query("select pg_advisory_xact_lock(hashtextextended('" ~ state ~ "', 0))") -%}
    {%- do run_query(
        'create schema if not exists ' ~ state ~ '; create schema if not exists ' ~ raw
        ~ '; create schema if not exists ' ~ schema_of('partitions') ~ '; create table if not exists ' ~ state ~ '.marks (like intermediate.marks including all)') -%}
    {%- set noted = run_query("select value from " ~ state ~ ".marks where kind = 'sources'").rows -%}
    {%- if not noted or noted[0][0] != made_of -%}
        {%- do run_query(_tables_of_dev(tables, made_of)) -%}
    {%- endif -%}
    {%- do run_query(_follow_day_versions(raw)) -%}
    {%- do run_query('commit') -%}
{% endmacro %}


{#- The sources, schema.table as they are called without TARGET=dev: the project's state, and what is read of raw. -#}
{% macro _sources_that_are_read() %}
    {%- set read = [] -%}
    {%- for name in ('retracted_profiles', 'delivered_days') -%}
        {%- do read.append('source.' ~ project_name ~ '.raw.' ~ name) -%}{# by macros #}
    {%- endfor -%}
    {%- for node in graph.nodes.values() -%}{%- do read.extend(node.depends_on.nodes) -%}{%- endfor -%}
    {%- set found = [] -%}
    {%- for unique_id, source in graph.sources.items()
            if source.package_name == project_name and source.name not in ('day_versions', 'marks')
            and (source.source_name == 'intermediate' or unique_id in read) -%}
        {%- do found.append(source.source_name ~ '.' ~ source.name) -%}
    {%- endfor -%}
    {{ return(found | sort) }}
{% endmacro %}


{#- Made anew where the schema has another version: then every day is to be built again. -#}
{% macro _tables_of_dev(tables, made_of) %}
    {%- for each in tables %}
        {%- set mine = target.schema ~ '_' ~ each %}
        {%- if each.startswith('raw.') %}
    drop view if exists {{ mine }} cascade;
    create view {{ mine }} as select * from {{ each }};
        {%- else %}
    drop table if exists {{ mine }} cascade;
    create table {{ mine }} (like {{ each }} including all);
        {%- endif %}
    {%- endfor %}
    drop table if exists {{ schema_of('raw') }}.day_versions cascade;
    create table {{ schema_of('raw') }}.day_versions (like raw.day_versions including all, seen bigint);
    delete from {{ schema_of('intermediate') }}.marks where kind = 'view';
    insert into {{ schema_of('intermediate') }}.marks (kind, name, value)
    values ('sources', 'dev', '{{ made_of }}')
    on conflict (kind, name) do update set value = excluded.value
{% endmacro %}


{#- The developer's versions of days grow where production's have changed; profiles make them grow too, and those
    of production must not. -#}
{% macro _follow_day_versions(raw) %}
    insert into {{ raw }}.day_versions as mine (kind, day, version, changed_at, seen)
    select kind, day, version, changed_at, version from raw.day_versions
    on conflict (kind, day) do update
    set version = mine.version + 1, changed_at = excluded.changed_at, seen = excluded.seen
    where mine.seen != excluded.seen;
    delete from {{ raw }}.day_versions where (kind, day) not in (select kind, day from raw.day_versions)
{% endmacro %}


{#- Where a windowed model finds what its upstream has built. What a developer has not built is production's, to
    which --defer leads. -#}
{% macro built_days_of_upstream() %}
    {%- set mine = schema_of('intermediate') ~ '.built_days' -%}
    {{ return(mine if not is_dev() else
        '(select * from ' ~ mine ~ ' union all select * from intermediate.built_days where model not in (select model from '
        ~ mine ~ '))') }}
{% endmacro %}
