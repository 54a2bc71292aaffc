{#- Comments are written where they differ, for every relation of the project. -#}
{% macro postgres__persist_docs(relation, model, for_relation, for_columns) -%}
    {{ write_docs(relation, for_relation, for_columns) }}
{%- endmacro %}
