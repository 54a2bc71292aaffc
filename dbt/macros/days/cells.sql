{#- Cells of a day. A model with the config `cell_column` can be overwritten cell by cell: a run with
    CELLS (values, comma separated) replaces these of each day of its window, one with CELLS_BESIDE
    every value that is not listed; with neither it replaces whole days. The days of a run of some
    cells are not noted as built.

    Environment variables, not --vars: a new value of a variable costs a full parse, and dbt notes
    the variables that it sees while parsing only. -#}
{% macro cells_of_this_run() %}
    {%- if not execute or not config.get('cell_column') -%}{{ return([]) }}{%- endif -%}
    {%- set conditions = [] -%}
    {%- for setting, operator in [('CELLS', 'in'), ('CELLS_BESIDE', 'not in')] -%}
        {%- set quoted = [] -%}
        {%- for value in env_var(setting, '').split(',') if value -%}
            {%- do quoted.append(dbt.string_literal(dbt.escape_single_quotes(value))) -%}
        {%- endfor -%}
        {%- if quoted -%}
            {%- do conditions.append(operator ~ ' (' ~ quoted | join(', ') ~ ')') -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(conditions) }}
{% endmacro %}


{#- The condition that an expression is one of this run's cells; true when it replaces whole days. -#}
{% macro in_cells(expression) -%}
    {%- set conditions = cells_of_this_run() -%}
    {%- if not conditions -%}true{%- else -%}
    ({%- for condition in conditions -%}
        {%- if not loop.first %} or {% endif -%}{{ expression }} {{ condition }}
    {%- endfor -%})
    {%- endif -%}
{%- endmacro %}
