{#- The partitioned tables that partition_overwrite makes: the table beside the target in an increment,
    the target itself in a first build and a full refresh. -#}

{#- New rows go into a table beside the target, not into a temporary one: its partitions are moved. -#}
{% macro postgres__make_temp_relation(base_relation, suffix) %}
    {%- if config.get('partition_by') is none -%}
        {{ return(dbt.postgres__make_temp_relation(base_relation, suffix)) }}
    {%- endif -%}
    {%- set name = base_relation.identifier[:40] ~ '__' ~ (invocation_id | replace('-', ''))[:12] -%}
    {{ return(base_relation.incorporate(path={'identifier': name})) }}
{% endmacro %}


{% macro postgres__create_table_as(temporary, relation, sql) -%}
    {%- if config.get('partition_by') is none -%}
        {{ return(dbt.postgres__create_table_as(temporary, relation, sql)) }}
    {%- endif -%}
    {%- set field = adapter.quote(config.get('partition_by').field) -%}
    create table {{ relation }}
    {{ get_assert_columns_equivalent(sql) }}
    {{ get_table_columns_and_constraints() }}
    partition by range ({{ field }});
    {%- for p in partitions_of_window() %}
    create table {{ partition_relation(p) }} partition of {{ relation }}
    for values from ('{{ p.start }}') to ('{{ p.end }}');
    {%- endfor %}
    insert into {{ relation }} ({{ adapter.dispatch('get_column_names', 'dbt')() }})
    {{ get_select_subquery(sql) }};
    {%- if not temporary and load_cached_relation(this) is not none %}
    {{ carry_over(this, relation) }}
    {%- endif %}
{%- endmacro %}
