{#- The materialization `incremental`, for models of partition_overwrite. dbt's own makes another table in a full
    refresh, and drops the old one with everything on it: views, policies, grants. Here a table stays itself
    where its model still says what it is, and else takes along what hangs on it. -#}
{% materialization incremental, adapter='postgres' %}
    {%- if is_partition_overwrite() -%}
        {{ return(build_partitioned_table()) }}
    {%- endif -%}
    {{ return(adapter.dispatch('incremental_of_others')()) }}
{% endmaterialization %}


{#- Models of other strategies: dbt's own, unless a project says otherwise, as postgres__incremental_of_others. -#}
{% macro default__incremental_of_others() %}
    {{ return(dbt.materialization_incremental_default()) }}
{% endmacro %}


{% macro build_partitioned_table() %}
    {%- set existing, relation = relation_there(this), this.incorporate(type='table') -%}
    {%- set noted = definition_noted(existing) if existing is not none else {} -%}
    {%- set is_new = existing is none or existing.type != 'table' -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {%- if existing is none -%}
        {%- set constraints = _create_partitioned_table(relation) -%}
    {%- elif invocation_args_dict.get('empty') and not is_new -%}
        {%- set constraints = noted.get('constraints', []) -%}
        {% do _try_the_query(relation) %}
    {%- elif is_new or should_full_refresh() -%}
        {%- set constraints = _rebuild_partitioned_table(existing, relation, noted) -%}
    {%- else -%}
        {%- set constraints = _overwrite_partitions(existing, relation, noted) -%}
    {%- endif -%}
    {% do apply_grants_and_docs(relation, noted, existing is none) %}
    {%- if model.get('partition_overwrite_reached', true) -%}{# else the table is as it was #}
    {% do note_definition(relation, constraints) %}
    {%- endif -%}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do adapter.commit() %}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [relation]}) }}
{% endmacro %}


{#- Each of these returns the names of the constraints that the model has made. -#}
{% macro _create_partitioned_table(relation) %}
    {%- if chunks_of_window(relation) | length > 1 -%}{{ return(_create_in_chunks(relation)) }}{%- endif -%}
    {% call statement('main') %}{{ get_create_table_as_sql(False, relation, sql) }}{% endcall %}
    {% do create_configured_indexes(relation) %}
    {% do run_query(name_indexes(relation)) %}
    {{ return(constraints_of(relation)) }}
{% endmacro %}


{#- More partitions than a transaction should have locks for: an empty table first, then an increment. -#}
{% macro _create_in_chunks(relation) %}
    {% do run_query(create_partitioned(relation, [], sql)) %}
    {% do create_configured_indexes(relation) %}
    {% do run_query(name_indexes(relation)) %}
    {%- set constraints = constraints_of(relation) -%}
    {% do note_definition(relation, constraints) %}
    {% do _overwrite_partitions(relation, relation, definition_noted(relation)) %}
    {{ return(constraints) }}
{% endmacro %}


{#- dbt run --empty reads no row: the query is tried, and the table is left alone. -#}
{% macro _try_the_query(relation) %}
    {%- set new = relation_beside(relation) -%}
    {% call statement('main') %}
        {{ get_create_table_as_sql(True, new, sql) }}
        drop table {{ new }};
    {% endcall %}
{% endmacro %}


{% macro _overwrite_partitions(existing, relation, noted) %}
    {%- set new = make_temp_relation(relation) -%}
    {% do require_partitioned(relation) %}
    {% do run_query(get_create_table_as_sql(True, new, sql)) %}
    {%- set constraints = constraints_of(new) -%}
    {%- if config.get('on_schema_change') == 'fail' -%}
        {% do process_schema_changes('fail', new, existing) %}
    {%- endif -%}
    {% do _run_strategy(relation, new, noted) %}
    {{ return(constraints) }}
{% endmacro %}


{#- All partitions of the table in place, where that is what its model says; else another table in its place. -#}
{% macro _rebuild_partitioned_table(existing, relation, noted) %}
    {%- set probe = definition_of_the_model(relation) -%}
    {%- set constraints, fits = constraints_of(probe), existing.type == 'table' and is_as_the_model_says(existing, probe, noted) -%}
    {% do run_query('drop table ' ~ probe) %}
    {%- set new = make_temp_relation(relation) -%}
    {%- if fits -%}
        {% do run_query(get_create_table_as_sql(True, new, sql)) %}
        {% do _run_strategy(relation, new, noted, is_full=true) %}
    {%- else -%}
        {% do run_query(get_create_table_as_sql(False, new, sql)) %}
        {% do create_configured_indexes(new) %}
        {% do hang_on_new_partitions(existing) %}
        {% call statement('main') %}
            {{ take_the_place_of(existing, new, noted) }}
        {% endcall %}
    {%- endif -%}
    {{ return(constraints | map('replace', probe.identifier, relation.identifier) | list) }}
{% endmacro %}


{#- A table without rows that is all that the model says, to be compared; its name. -#}
{% macro definition_of_the_model(relation) %}
    {%- set probe = relation.incorporate(path={'identifier': relation_beside(relation).identifier ~ 'd'}) -%}
    {% do run_query(create_partitioned(probe, [], sql)) %}
    {% do create_configured_indexes(probe) %}
    {{ return(probe) }}
{% endmacro %}


{% macro hang_on_new_partitions(existing) %}
    {%- if existing.type == 'table' -%}
        {% do run_query(hang_on_partitions(existing, partitions_of_window())) %}
    {%- endif -%}
{% endmacro %}


{% macro _run_strategy(relation, new, noted, is_full=false) %}
    {%- set arguments = {'target_relation': relation, 'temp_relation': new, 'noted': noted} -%}
    {% call statement('main') %}
        {{ adapter.get_incremental_strategy_macro(context, 'partition_overwrite')(arguments) }}
        {%- if is_full %}
        {{ drop_partitions(relation, partitions_of_nothing(relation, partitions_of_window())) }}
        {%- endif %}
    {% endcall %}
{% endmacro %}


{#- Drop the partitions that a query names. -#}
{% macro drop_partitions(relation, gone) %}
    {{ lock_with_retries(relation, gone) }}
    do $gone$
    declare
        old regclass;
    begin
        for old in {{ gone }} loop
            execute format('alter table %s detach partition %s', '{{ relation }}', old);
            execute format('drop table %s', old);
        end loop;
    end
    $gone$;
{% endmacro %}


{#- A new table, filled, takes the name of the one that stands there, with everything that hangs on that. -#}
{% macro take_the_place_of(existing, new, noted) %}
    {%- if existing.type == 'table' -%}
        {{ require_no_values_of_others(existing, noted) }}
        {{ require_nobody_refers_to(existing) }}
        {{ require_not_published(existing) }}
        {{ add_what_others_have_added(existing, new, noted, is_increment=false) }}
    {%- endif %}
    {{ note_what_hangs_on(existing, new, noted) }}
    {{ put_views_aside(existing) }}
    {{ drop_unless_read(existing, existing.type.replace('_', ' ')) }}
    alter table {{ new }} rename to {{ adapter.quote(this.identifier) }};
    {{ rename_constraints(this, new, this, kinds=('p', 'u', 'x', 'n')) }}
    {{ put_views_back(this) }}
    {{ hang_on(this) }}
    {{ name_indexes(this) }}
{% endmacro %}
