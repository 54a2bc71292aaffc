{#- Schemas are called what the models say: analytics, not dev_analytics. Environments differ by
    database, not by schema, so that every query works everywhere. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
