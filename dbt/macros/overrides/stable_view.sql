{#- Views are left alone while their SQL is the same. dbt's own view materialization replaces every
    view in every run: two runs at once fail on its backup name, and readers lose the views that
    depend on it for a moment. The SQL's digest is kept in intermediate.marks. -#}
{% materialization view, adapter='postgres' %}
    {%- set target_relation = this.incorporate(type='view') -%}
    {%- set name = this.schema ~ '.' ~ this.identifier -%}
    {%- set is_current -%}
        select to_regclass('{{ target_relation }}') is not null and exists (
            select from intermediate.marks
            where kind = 'view' and name = '{{ name }}'
                {#- Under --empty the SQL reads no row: a view that is there stays what it is. #}
                and {{ 'true' if invocation_args_dict.get('empty') else "value = '" ~ sql_digest(sql) ~ "'" }}
        )
    {%- endset -%}

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
            insert into intermediate.marks (kind, name, value)
            values ('view', '{{ name }}', '{{ 'empty' if invocation_args_dict.get('empty') else sql_digest(sql) }}')
            on conflict (kind, name)
            do update set value = excluded.value, noted_at = excluded.noted_at;
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
    changed: then it is made anew with the views of this project that read it, which the run makes again
    after it. Somebody else's view that reads it is not ours to drop. -#}
{% macro replace_view(relation, sql) %}
    do $replace_view$
    declare
        others text;
    begin
        {{ get_replace_view_sql(relation, sql) }}
    exception when invalid_table_definition then
        with recursive readers (oid) as (
            select '{{ relation }}'::regclass::oid
            union
            select ev_class from readers
            inner join pg_depend on refclassid = 'pg_class'::regclass and refobjid = readers.oid
            inner join pg_rewrite on classid = 'pg_rewrite'::regclass and objid = pg_rewrite.oid
        )
        select string_agg(oid::regclass::text, ', ') into others from readers
        where oid::regclass::text not in (select name from intermediate.marks where kind = 'view')
            and oid <> '{{ relation }}'::regclass;
        if others is not null then
            raise exception '% gets other columns, and % reads it: drop that first',
                '{{ relation.include(database=false) }}', others;
        end if;
        drop view {{ relation }} cascade;
        {{ get_create_view_as_sql(relation, sql) }}
    end
    $replace_view$;
{% endmacro %}
