{#- Stand-ins for the project's macros, which ask the warehouse: `make lint` needs none. What the real
    ones write is linted where a built project is, in tests/integration/test_compiled_sql.py. -#}

{% macro in_window(column, kind, upstream=none) %}true{% endmacro %}

{% macro in_cells(expression) %}true{% endmacro %}

{% macro in_users_of_changed_profiles(column) %}true{% endmacro %}

{% macro in_built_days(column, model_name, before=0) %}true{% endmacro %}

{% macro find_users_of_changed_profiles() %}{% endmacro %}

{% macro mark_days_built() %}{% endmacro %}

{% macro mark_days_of_changed_profiles() %}{% endmacro %}

{% macro max_unknown_users() %}1{% endmacro %}


{% macro schema_of(name) %}{{ name }}{% endmacro %}
