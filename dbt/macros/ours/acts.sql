{#- Whether this command changes the warehouse. Of the others (compile, docs generate, show, list) dbt renders the
    hooks of on-run-start too, each by itself, and runs none: they write nothing, and an empty database will do. -#}
{% macro acts() %}
    {{ return(execute and invocation_args_dict.get('which') in (
        'build', 'run', 'test', 'seed', 'snapshot', 'clone', 'freshness', 'retry', 'run-operation'
    )) }}
{% endmacro %}


{#- Whether the tables that the project keeps its state in are there: who acts has made them. -#}
{% macro has_state() %}
    {%- if not execute or acts() -%}{{ return(execute) }}{%- endif -%}
    {%- set table = schema_of('intermediate') ~ '.built_days' -%}
    {{ return(
        schema_version() == newest_migration()
        and run_query("select to_regclass('" ~ table ~ "') is not null").rows[0][0]
    ) }}
{% endmacro %}
