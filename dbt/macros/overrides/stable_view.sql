{#- Views are left alone while their SQL is the same. dbt's own view materialization replaces every
    view in every run: two runs at once fail on its backup name, and readers lose the views that
    depend on it for a moment. The SQL's digest is kept in intermediate.marks. -#}
{% materialization view, adapter='postgres' %}
    {%- set target_relation = this.incorporate(type='view') -%}
    {%- set name = this.schema ~ '.' ~ this.identifier -%}
    {%- set is_current -%}
        select to_regclass('{{ target_relation }}') is not null and exists (
            select from intermediate.marks
            where kind = 'view' and name = '{{ name }}' and value = '{{ local_md5(sql) }}'
        )
    {%- endset -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {% if not run_query(is_current).rows[0][0] %}
        {% do run_query("select pg_advisory_xact_lock(hashtextextended('" ~ target_relation ~ "', 0))") %}
    {% endif %}
    {#- Asked again: another run may have made it while this one waited. -#}
    {% if run_query(is_current).rows[0][0] %}
        {% call statement('main') %}select 'unchanged'{% endcall %}
    {% else %}
        {% call statement('main') %}
            drop view if exists {{ target_relation }} cascade;
            {{ get_create_view_as_sql(target_relation, sql) }};
            insert into intermediate.marks (kind, name, value)
            values ('view', '{{ name }}', '{{ local_md5(sql) }}')
            on conflict (kind, name)
            do update set value = excluded.value, noted_at = excluded.noted_at;
        {% endcall %}
    {% endif %}
    {% do apply_grants(target_relation, config.get('grants'), should_revoke=False) %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do adapter.commit() %}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
