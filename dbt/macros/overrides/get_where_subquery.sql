{#- Generic tests of a windowed model (config overwrite_by or partition_by) look at some days, so that
    testing one day does not scan history: macros/days/tested_days.sql says at which. -#}
{% macro get_where_subquery(relation) -%}
    {%- set column = model_overwrite_by(relation) -%}
    {%- set spans = days_to_test(relation.identifier) if column else none -%}
    {%- set where = config.get('where') -%}
    {%- if spans is none and not where -%}
        {{ return(relation) }}
    {%- endif -%}
    {%- set conditions = (['(' ~ where ~ ')'] if where else []) + ([] if spans is none else ['(' ~ day_condition(column, whole_units(spans, model_config(relation).get('granularity'))) ~ ')']) -%}
    {{ return("(select * from " ~ relation ~ " where " ~ conditions | join(" and ") ~ ") as dbt_subquery") }}
{%- endmacro %}


{#- The day column of a windowed model; none for other models. -#}
{% macro model_overwrite_by(relation) %}
    {%- set config = model_config(relation) -%}
    {{ return(config.get('overwrite_by') or (config.get('partition_by') or {}).get('field')) }}
{% endmacro %}


{#- The config of the model of a relation; empty where there is none. -#}
{% macro model_config(relation) %}
    {%- if not execute -%}{{ return({}) }}{%- endif -%}
    {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.name == relation.identifier -%}
        {{ return(node.config) }}
    {%- endfor -%}
    {{ return({}) }}
{% endmacro %}
