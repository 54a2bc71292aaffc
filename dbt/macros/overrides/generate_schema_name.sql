{#- Schemas are called what the models say, analytics, so that every query works everywhere; those of
    TARGET=dev have the developer's name before that, dev_<name>_analytics. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ schema_of((custom_schema_name or ('analytics' if is_dev() else target.schema)) | trim) }}
{%- endmacro %}
