{#- MAX_UNKNOWN_USERS (transform/settings.py), a share. An environment variable, not a --var: a new value of
    a variable costs a full parse. -#}
{% macro max_unknown_users() %}
    {%- if not execute -%}{{ return(1) }}{%- endif -%}
    {%- set text = env_var('MAX_UNKNOWN_USERS', '') or '0.2' -%}
    {%- set share = text | float(-1) -%}
    {%- if not 0 <= share <= 1 -%}
        {%- do exceptions.raise_compiler_error(
            "MAX_UNKNOWN_USERS='" ~ text ~ "' is not a share: give a number from 0 to 1") -%}
    {%- endif -%}
    {{ return(share) }}
{% endmacro %}
