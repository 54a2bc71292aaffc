{#- Views are left alone while their SQL is the same. dbt's own view materialization replaces every
    view in every run: two runs at once fail on its backup name, and readers lose the views that
    depend on it for a moment. The SQL's digest is kept in the view's comment. -#}
{% materialization view, adapter='postgres' %}
    {%- set target_relation = this.incorporate(type='view') -%}
    {%- set comment = (model.description or '') ~ ' [sql ' ~ local_md5(sql) ~ ']' -%}
    {%- set is_current -%}
        select coalesce(obj_description(to_regclass('{{ target_relation }}'), 'pg_class'), '')
            = {{ dbt.string_literal(dbt.escape_single_quotes(comment)) }}
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
            comment on view {{ target_relation }}
            is {{ dbt.string_literal(dbt.escape_single_quotes(comment)) }};
        {% endcall %}
    {% endif %}
    {% do apply_grants(target_relation, config.get('grants'), should_revoke=False) %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do adapter.commit() %}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
