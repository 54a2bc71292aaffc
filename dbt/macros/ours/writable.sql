{#- on-run-start: one line instead of one for each model, where dbt is called by itself. The project's commands
    ask the same before (core/warehouse/writable.py). -#}
{% macro require_writable() -%}
    {%- if acts() -%}
        {%- set found = run_query(
            "select current_setting('transaction_read_only') = 'on', pg_is_in_recovery()"
        ).rows[0] -%}
        {%- if found[0] -%}
            {%- do exceptions.raise_compiler_error(
                'PGDATABASE=' ~ target.dbname ~ ' is ' ~ ('a standby' if found[1] else 'read-only for ' ~ target.user)
                ~ ': nothing can be built there') -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
