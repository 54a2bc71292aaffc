{#- Views are left alone while their SQL is the same. dbt's own view materialization replaces every
    view in every run: two runs at once fail on its backup name, and readers lose the views that
    depend on it for a moment. The SQL's digest is kept in intermediate.marks. -#}
{% materialization view, adapter='postgres' %}
    {%- set target_relation = this.incorporate(type='view') -%}
    {%- set name = this.schema ~ '.' ~ this.identifier -%}
    {%- set is_current -%}
        select to_regclass('{{ target_relation }}') is not null and exists (
            select from {{ schema_of('intermediate') }}.marks
            where kind = 'view' and name = '{{ name }}'
                {#- Under --empty the SQL reads no row: a view that is there stays what it is. #}
                and {{ 'true' if invocation_args_dict.get('empty') else "value = '" ~ sql_digest(sql) ~ "'" }}
        )
    {%- endset -%}

    {%- if is_dev() and invocation_args_dict.which == 'clone' -%}
        {%- do prepare_dev() -%}{# dbt clone runs no hooks #}
    {%- endif -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {% if not run_query(is_current).rows[0][0] %}
        {% do run_query(lock_writers_of(target_relation)) %}
    {% endif %}
    {#- Asked again: another run may have made it while this one waited. -#}
    {% if run_query(is_current).rows[0][0] %}
        {% call statement('main') %}select 'unchanged'{% endcall %}
    {% else %}
        {% call statement('main') %}
            {{ replace_view(target_relation, sql) }}
            {{ mark_as_ours(target_relation, 'view', 'empty' if invocation_args_dict.get('empty') else sql_digest(sql)) }}
        {% endcall %}
    {% endif %}
    {% do apply_grants(target_relation, config.get('grants'), should_revoke=False) %}
    {% do persist_docs(target_relation, model) %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do adapter.commit() %}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}


{#- In place, with its grants and what depends on it. Postgres refuses that where columns went or
    changed: then it is made anew, and the views of this project that read it, as they were or by the run
    after it. -#}
{% macro replace_view(relation, sql) %}
    {%- set existing = relation_there(this) -%}
    {%- if existing is none or existing.type == 'view' and _columns_stay(relation, sql) -%}
    {{ get_replace_view_sql(relation, sql) }}
    {%- else -%}
    {{ put_views_aside(existing) }}
    {{ drop_unless_read(existing, existing.type.replace('_', ' ')) }}
    {{ get_create_view_as_sql(relation, sql) }};
    {{ put_views_back(relation) }}
    {%- endif -%}
{% endmacro %}


{#- Whether the view keeps its columns where they are, with others after them at most. -#}
{% macro _columns_stay(relation, sql) %}
    {%- set new = relation.identifier[:50] ~ '_new' -%}
    {% do run_query('create temporary view ' ~ new ~ ' as (' ~ sql ~ ')') %}
    {%- set changed -%}
        select 1 from pg_attribute as old
        left join pg_attribute as new
            on new.attrelid = 'pg_temp.{{ new }}'::regclass
            and old.attnum = new.attnum
            and old.attname = new.attname
            and old.atttypid = new.atttypid
            and old.atttypmod = new.atttypmod
            and old.attcollation = new.attcollation
        where old.attrelid = '{{ relation }}'::regclass and old.attnum > 0 and new.attnum is null
    {%- endset -%}
    {%- set stay = not run_query(changed).rows -%}
    {% do run_query('drop view pg_temp.' ~ new) %}
    {{ return(stay) }}
{% endmacro %}
