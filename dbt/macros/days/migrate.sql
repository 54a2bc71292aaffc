{#- on-run-start: the numbered migrations of core/migrations, which are macros to dbt, in a database
    that has not had them all. Under the lock under which ingestion migrates. -#}
{% macro migrate() -%}
    {%- if not acts() -%}{{ return('select 1') }}{%- endif -%}
    {%- set numbers = numbers_of_migrations() -%}
    {%- set newest = newest_migration() -%}
    {%- set version = schema_version() -%}
    {%- if version > newest -%}
        {%- do exceptions.raise_compiler_error(
            'PGDATABASE=' ~ target.dbname ~ ' has version ' ~ version ~ ' of the schema, this project knows '
            ~ newest ~ ': use a newer fact-events') -%}
    {%- endif -%}
    {%- if is_dev() and version > 0 -%}
        {%- do prepare_dev() -%}
    {%- elif version < newest -%}
        {%- call statement('migrate_lock', auto_begin=False) -%}
            begin; select pg_advisory_xact_lock({{ load_lock() }})
        {%- endcall -%}
        {%- set done = schema_version() -%}
        {%- for number in numbers | sort if number > done -%}
            {%- call statement('migrate', auto_begin=False) -%}
                {{ context['migration_%04d' % number]() }}
                insert into raw.schema_migrations (version, name) values ({{ number }}, 'by dbt');
            {%- endcall -%}
        {%- endfor -%}
        {%- call statement('migrate_commit', auto_begin=False) -%}commit{%- endcall -%}
        {%- if is_dev() -%}{%- do prepare_dev() -%}{%- endif -%}
    {%- endif -%}
    select 1
{%- endmacro %}


{% macro numbers_of_migrations() %}
    {%- set numbers = [] -%}
    {%- for name in context.keys() if name.startswith('migration_') -%}
        {%- do numbers.append(name.split('_')[1] | int) -%}
    {%- endfor -%}
    {{ return(numbers) }}
{% endmacro %}


{% macro newest_migration() %}{{ return(numbers_of_migrations() | max) }}{% endmacro %}


{#- Not by to_regclass: within a transaction it may not see a table that another has just made. One without
    the column is somebody else's. -#}
{% macro schema_version() %}
    {%- set found -%}
        select attname from pg_attribute
        inner join pg_class on pg_class.oid = attrelid
        inner join pg_namespace on pg_namespace.oid = relnamespace
        where nspname = 'raw' and relname = 'schema_migrations' and attname = 'applied_at'
    {%- endset -%}
    {%- if not run_query(found).rows -%}{{ return(0) }}{%- endif -%}
    {{ return(run_query("select coalesce(max(version), 0) from raw.schema_migrations").rows[0][0] | int) }}
{% endmacro %}


{#- core/warehouse/locks.py has the same number: one process at a time migrates, or completes a load. -#}
{% macro load_lock() %}{{ return(1918990175) }}{% endmacro %}
