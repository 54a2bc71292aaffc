{#- Tables are filled anew in place. dbt's own full refresh makes another table, renames it, and drops the old
    one with everything that stands on it: views of this project until they are built again, and those of
    other people for good. A table that stays itself keeps them, its grants, indexes and comments. -#}
{#- What macros/strategies/materialization.sql asks for. -#}
{% macro postgres__incremental_of_others() %}
    {%- do adapter.get_incremental_strategy_macro(context, config.get('incremental_strategy') or 'default') -%}{# there is one #}
    {{ return(_build_table(is_full=should_full_refresh())) }}
{% endmacro %}


{% materialization table, adapter='postgres' %}
    {{ return(_build_table(is_full=true)) }}
{% endmaterialization %}


{% macro _build_table(is_full) %}
    {%- set existing = relation_there(this) -%}
    {%- set noted = definition_noted(existing) if existing is not none else {} -%}
    {%- set relation, of_query = this.incorporate(type='table'), [] -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {% do lock_before_reading() %}
    {%- if existing is none -%}
        {%- set constraints = _create_table(relation, of_query) -%}
    {%- elif existing.type != 'table' or is_full and _is_partitioned(relation) -%}
        {%- set constraints = _create_table_anew(existing, relation, noted, of_query) -%}
    {%- else -%}
        {%- set constraints = _fill_table(existing, relation, is_full, noted, of_query) -%}
    {%- endif -%}
    {% do apply_grants_and_docs(relation, noted, existing is none) %}
    {% do note_definition(relation, constraints, of_query=of_query) %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do adapter.commit() %}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [relation]}) }}
{% endmacro %}


{#- Each of these returns the names of the constraints that the model has made, and adds to of_query the columns
    that are the model's, whatever its yml has. -#}
{% macro _create_table(relation, of_query) %}
    {% call statement('main') %}{{ get_create_table_as_sql(False, relation, sql) }}{% endcall %}
    {% do create_configured_indexes(relation) %}
    {% do _tell_rows_apart(relation) %}
    {% do of_query.extend(_names_of_columns(relation)) %}
    {{ return(constraints_of(relation)) }}
{% endmacro %}


{#- Change data capture publishes all tables, and Postgres refuses to delete from a published one whose rows
    nothing tells apart. Without a publication it costs nothing. -#}
{% macro _tell_rows_apart(relation) %}
    {%- set has_key = "select exists (select from pg_index where indrelid = '" ~ relation ~ "'::regclass and indisprimary)" -%}
    {%- if not run_query(has_key).rows[0][0] -%}
        {%- do run_query('alter table ' ~ relation ~ ' replica identity full') -%}
    {%- endif -%}
{% endmacro %}


{#- An increment, by the model's strategy; in full, with all that was there gone. -#}
{% macro _fill_table(existing, relation, is_full, noted, of_query) %}
    {%- set new = make_temp_relation(relation) -%}
    {% do run_query(get_create_table_as_sql(True, new, sql)) %}
    {%- if is_full and not _columns_fit(new, existing, noted) -%}
        {% do run_query('drop table ' ~ new) %}
        {{ return(_create_table_anew(existing, relation, noted, of_query)) }}
    {%- endif -%}
    {%- set columns = _columns_of_both(new, relation, is_full) -%}
    {% do of_query.extend(columns | map(attribute='name') | list + noted.get('columns', {}).keys() | list) %}
    {%- set arguments = {
        'target_relation': relation, 'temp_relation': new, 'unique_key': config.get('unique_key'),
        'dest_columns': columns, 'incremental_predicates': config.get('incremental_predicates'),
    } -%}
    {%- if is_full -%}{% do arguments.update({'sync_where': 'true'}) %}{%- endif -%}
    {%- set name = config.get('incremental_strategy') or 'default' -%}
    {% call statement('main') %}
        {%- if not is_full or name in strategy_keys() %}
        {{ adapter.get_incremental_strategy_macro(context, name)(arguments) }}
        {%- else %}
        {{ _all_rows(relation, new, columns) }}
        {%- endif %}
        {%- if is_full %}
        {{ _remove_days_of_nothing(relation) }}
        {%- endif %}
    {% endcall %}
    {%- if is_full -%}{% do sync_indexes(relation) %}{%- endif -%}
    {{ return(noted.get('constraints', [])) }}
{% endmacro %}


{#- What somebody has added to the table is not in the query's rows. Where both have the same columns, as nearly
    always, one query says so: dbt's own way asks five times, 10 ms each. -#}
{% macro _columns_of_both(new, relation, is_full) %}
    {%- set found = run_query(_columns_compared(new, relation)).rows -%}
    {%- if found | rejectattr(1) | list -%}
        {% do _process_other_columns(new, relation, is_full) %}
        {%- set found = run_query(_columns_compared(new, relation)).rows -%}
    {%- endif -%}
    {%- set columns = [] -%}
    {%- for name, _, is_in_both, data_type in found if is_in_both -%}{%- do columns.append(api.Column(name, data_type)) -%}{%- endfor -%}
    {{ return(columns) }}
{% endmacro %}


{#- A query of all columns of two tables: name, whether they are the same in both, whether both have one of that
    name, the type. -#}
{% macro _columns_compared(new, relation) -%}
    select
        attname, coalesce((old.atttypid, old.atttypmod) = (new.atttypid, new.atttypmod), false),
        old.attnum is not null and new.attnum is not null, format_type(old.atttypid, old.atttypmod)
    from (select * from pg_attribute where attrelid = '{{ relation }}'::regclass and attnum > 0 and not attisdropped) as old
    full join (select * from pg_attribute where attrelid = '{{ new }}'::regclass and attnum > 0 and not attisdropped) as new
        using (attname)
    order by old.attnum
{%- endmacro %}


{% macro _process_other_columns(new, relation, is_full) %}
    {%- if not config.get('contract').enforced -%}
        {% do adapter.expand_target_column_types(from_relation=new, to_relation=relation) %}
    {%- endif -%}
    {%- set on_change = 'append_new_columns' if is_full
        else incremental_validate_on_schema_change(config.get('on_schema_change'), default='ignore') -%}
    {% do process_schema_changes(on_change, new, relation) %}
{% endmacro %}


{% macro _all_rows(relation, new, columns) %}
    {%- set names = columns | map(attribute='quoted') | join(', ') -%}
    {{ lock_writers_of(relation) }}
    delete from {{ relation }};
    insert into {{ relation }} ({{ names }}) select {{ names }} from {{ new }};
{% endmacro %}


{#- The strategy has replaced the days that this run knows. Those that raw knows no more go; one that came
    meanwhile, and that another run has built, stays. -#}
{% macro _remove_days_of_nothing(relation) %}
    {%- if config.get('overwrite_by') -%}
    delete from {{ relation }}
    where {{ adapter.quote(config.get('overwrite_by')) }} not in (
        select {{ unit_of('day', config.get('granularity')) }}
        from {{ schema_of('raw') }}.day_versions where kind = '{{ window_kind() }}'
    );
    {%- endif -%}
{% endmacro %}


{#- Other columns, or another kind of relation: the one case in which a table becomes another one. -#}
{% macro _create_table_anew(existing, relation, noted, of_query) %}
    {%- set new = relation_beside(relation) -%}
    {% do run_query(get_create_table_as_sql(False, new, sql)) %}
    {% do run_query(rename_constraints(new, new, relation)) %}
    {% do create_configured_indexes(new) %}
    {% do _tell_rows_apart(new) %}
    {% do of_query.extend(_names_of_columns(new)) %}
    {%- set constraints = constraints_of(new) -%}
    {% call statement('main') %}
        {{ take_the_place_of(existing, new, noted) }}
    {% endcall %}
    {{ return(constraints | map('replace', new.identifier, relation.identifier) | list) }}
{% endmacro %}


{#- Whether the table can take the new rows as it is, with columns added at most. Columns that somebody has
    added stay. -#}
{% macro _columns_fit(new, existing, noted) %}
    {%- set types = {} -%}
    {%- for column in adapter.get_columns_in_relation(new) -%}
        {%- do types.update({column.name: column.data_type}) -%}
    {%- endfor -%}
    {%- for column in adapter.get_columns_in_relation(existing) if types.get(column.name) != column.data_type -%}
        {%- if column.name in types or column.name in noted.get('columns', {column.name: false}) -%}{{ return(false) }}{%- endif -%}
    {%- endfor -%}
    {{ return(not config.get('contract').enforced or _contract_holds(existing, noted)) }}
{% endmacro %}


{#- Whether the table has the constraints that the model says, and no other of the model's. -#}
{% macro _contract_holds(existing, noted) %}
    {%- set probe = this.incorporate(path={'identifier': relation_beside(this).identifier ~ 'd'}) -%}
    {% do run_query('create table ' ~ probe ~ ' ' ~ get_table_columns_and_constraints() ~ ';' ~ rename_constraints(probe, probe, this)) %}
    {% do create_configured_indexes(probe) %}
    {%- set holds = is_as_the_model_says(existing, probe, noted, but=['index']) -%}
    {% do run_query('drop table ' ~ probe) %}
    {{ return(holds) }}
{% endmacro %}


{% macro _is_partitioned(relation) %}
    {{ return(run_query("select relkind = 'p' from pg_class where oid = '" ~ relation ~ "'::regclass").rows[0][0]) }}
{% endmacro %}


{% macro _names_of_columns(relation) %}
    {{ return(run_query(
        "select attname from pg_attribute where attrelid = '" ~ relation ~ "'::regclass and attnum > 0 and not attisdropped"
    ).columns[0].values() | list) }}
{% endmacro %}
