{#- dbt's own drop with `cascade`: views of other people would go with a table of ours, without a word.
    Postgres refuses to drop what somebody stands on. -#}
{% macro postgres__drop_table(relation) -%}
    drop table if exists {{ relation }}
{%- endmacro %}


{% macro postgres__drop_view(relation) -%}
    drop view if exists {{ relation }}
{%- endmacro %}


{% macro postgres__drop_materialized_view(relation) -%}
    drop materialized view if exists {{ relation }}
{%- endmacro %}


{% macro postgres__drop_schema(relation) -%}
    {%- call statement('drop_schema') -%}
        drop schema if exists {{ relation.without_identifier().include(database=false) }}
    {%- endcall -%}
{%- endmacro %}
