{#- dbt clone runs no hooks, and a developer's schemas have to be there before it. -#}
{% materialization clone, adapter='postgres' %}
    {%- if is_dev() -%}
        {%- do prepare_dev() -%}
    {%- endif -%}
    {{ return(dbt.materialization_clone_default()) }}
{% endmaterialization %}
