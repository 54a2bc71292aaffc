{#- Tables are filled anew in place. dbt's own full refresh makes another table, renames it, and drops the old
    one with everything that stands on it: views of this project until they are built again, and those of
    other people for good. A table that stays itself keeps them, its grants, indexes and comments. -#}
{% materialization incremental, adapter='postgres' %}
    {{ return(_build_table(is_full=should_full_refresh())) }}
{% endmaterialization %}


{% materialization table, adapter='postgres' %}
    {{ return(_build_table(is_full=true)) }}
{% endmaterialization %}


{% macro _build_table(is_full) %}
    {%- set existing = relation_there(this) -%}
    {%- set relation = this.incorporate(type='table') -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {%- if existing is none -%}
        {% do _create_table(relation) %}
    {%- elif existing.type != 'table' or is_full and _is_partitioned(relation) != (config.get('partition_by') is not none) -%}
        {% do _create_table_anew(existing, relation) %}
    {%- else -%}
        {% do _fill_table(existing, relation, is_full) %}
    {%- endif -%}
    {% do apply_grants(relation, config.get('grants'), should_revoke=should_revoke(existing, is_full)) %}
    {% do persist_docs(relation, model) %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do adapter.commit() %}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [relation]}) }}
{% endmacro %}


{% macro _create_table(relation) %}
    {% call statement('main') %}{{ get_create_table_as_sql(False, relation, sql) }}{% endcall %}
    {% do create_indexes(relation) %}
    {% do run_query(mark_as_ours(relation, 'table')) %}
{% endmacro %}


{#- An increment, by the model's strategy; in full, with all that was there gone. -#}
{% macro _fill_table(existing, relation, is_full) %}
    {%- set new = make_temp_relation(relation) -%}
    {% do run_query(get_create_table_as_sql(True, new, sql)) %}
    {%- if is_full and not _columns_fit(new, existing) -%}
        {% do run_query(drop_unless_read(new, 'table')) %}
        {% do _create_table_anew(existing, relation) %}
        {{ return('') }}
    {%- endif -%}
    {%- if not config.get('contract').enforced -%}
        {% do adapter.expand_target_column_types(from_relation=new, to_relation=relation) %}
    {%- endif -%}
    {%- set on_change = 'append_new_columns' if is_full
        else incremental_validate_on_schema_change(config.get('on_schema_change'), default='ignore') -%}
    {%- set columns = process_schema_changes(on_change, new, existing) or adapter.get_columns_in_relation(existing) -%}
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
    {%- if is_full -%}{% do _create_missing_indexes(relation) %}{%- endif -%}
    {% do run_query(mark_as_ours(relation, 'table')) %}
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
    {%- if config.get('partition_by') is not none -%}
        {%- set gone -%}
            select inhrelid::regclass
            from pg_inherits inner join pg_class on pg_class.oid = inhrelid
            where inhparent = '{{ relation }}'::regclass and not exists (
                select from raw.day_versions
                where kind = '{{ window_kind() }}'
                    and day >= substring(pg_get_expr(relpartbound, 0) from 'FROM \(''(.+?)''\)')::date
                    and day < substring(pg_get_expr(relpartbound, 0) from 'TO \(''(.+?)''\)')::date
            )
        {%- endset -%}
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
    {%- elif config.get('overwrite_by') -%}
    delete from {{ relation }}
    where {{ adapter.quote(config.get('overwrite_by')) }} not in (
        select day from raw.day_versions where kind = '{{ window_kind() }}'
    );
    {%- endif -%}
{% endmacro %}


{#- Other columns, or another kind of relation: the one case in which a table becomes another one. -#}
{% macro _create_table_anew(existing, relation) %}
    {%- set new = make_intermediate_relation(relation) -%}
    {% do run_query(get_create_table_as_sql(False, new, sql)) %}
    {% do create_indexes(new) %}
    {%- if config.get('partition_by') is none -%}{# else its `create table` has done it #}
    {% do run_query(carry_over(existing, new)) %}
    {%- endif -%}
    {% call statement('main') %}
        {{ put_views_aside(existing) }}
        {{ drop_unless_read(existing, existing.type.replace('_', ' ')) }}
        alter table {{ new }} rename to {{ adapter.quote(relation.identifier) }};
        {{ put_views_back(relation) }}
        {{ mark_as_ours(relation, 'table') }}
    {% endcall %}
{% endmacro %}


{#- Whether the table can take the new rows as it is, with columns added at most. -#}
{% macro _columns_fit(new, existing) %}
    {%- set types = {} -%}
    {%- for column in adapter.get_columns_in_relation(new) -%}
        {%- do types.update({column.name: column.data_type}) -%}
    {%- endfor -%}
    {%- for column in adapter.get_columns_in_relation(existing) if types.get(column.name) != column.data_type -%}
        {{ return(false) }}
    {%- endfor -%}
    {{ return(true) }}
{% endmacro %}


{% macro _is_partitioned(relation) %}
    {{ return(run_query("select relkind = 'p' from pg_class where oid = '" ~ relation ~ "'::regclass").rows[0][0]) }}
{% endmacro %}


{#- Those of the config that the table does not have yet. -#}
{% macro _create_missing_indexes(relation) %}
    {%- for index in config.get('indexes', []) -%}
        {%- set there -%}
            select 1 from pg_index
            where indrelid = '{{ relation }}'::regclass and indisunique = {{ index.get('unique', false) }}
                and pg_get_indexdef(indexrelid) like '% ({{ index.columns | join(", ") }})'
        {%- endset -%}
        {%- if not run_query(there).rows -%}
            {% do run_query(get_create_index_sql(relation, index)) %}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}
