{#- dbt's own drop with `cascade`: views of other people would go with a relation of ours, without a word. Here go
    the project's views that this run makes again after it, in a full refresh all of them, as with dbt; what else
    stands on it stops it, by name. -#}
{% macro postgres__drop_table(relation) -%}
    {{ drop_with_views_of_ours(relation, 'table') }}
{%- endmacro %}


{% macro postgres__drop_view(relation) -%}
    {{ drop_with_views_of_ours(relation, 'view') }}
{%- endmacro %}


{% macro postgres__drop_materialized_view(relation) -%}
    {{ drop_with_views_of_ours(relation, 'materialized view') }}
{%- endmacro %}


{#- dbt's `view`, and others of its materializations, put the old relation aside under another name, commit, and
    drop it then: too late to stop. So it is tried before. -#}
{% macro postgres__rename_relation(from_relation, to_relation) %}
    {%- if to_relation.identifier.endswith('__dbt_backup') -%}
        {%- do run_query(drop_with_views_of_ours(from_relation, from_relation.type.replace('_', ' '), only_try=true)) -%}
    {%- endif -%}
    {{ return(dbt.default__rename_relation(from_relation, to_relation)) }}
{% endmacro %}


{#- One statement, in a transaction or without one. -#}
{% macro drop_with_views_of_ours(relation, kind, only_try=false) %}
    do $drop$
    declare
        reader record;
        others text;
    begin
        if to_regclass('{{ relation }}') is null then
            return;
        end if;
        for reader in {{ readers_that_are_made_again(relation) }} loop
            execute format('drop %s %s', reader.kind, reader.oid::regclass);
        end loop;
        drop {{ kind }} {{ relation }};
        {%- if only_try %}
        raise assert_failure;{# which undoes it #}
    exception when assert_failure then
        null;
        {%- else %}
    exception
        {%- endif %}
    when dependent_objects_still_exist then
        get stacked diagnostics others = pg_exception_detail;
        raise exception '{{ relation.schema }}.{{ relation.identifier }} is to be made anew, and something stands on it: %: build that too, if it is a model (dbt build --select {{ this.identifier if this else relation.identifier }}+), else drop it first and make it again afterwards',
            replace(others, e'\n', ', ');
    end
    $drop$;
{% endmacro %}


{#- A query of the project's views that read a relation, the last first: those that this run makes after it. -#}
{% macro readers_that_are_made_again(relation) %}
    with recursive readers (oid, depth) as (
        select '{{ relation }}'::regclass::oid, 0
        union
        select ev_class, depth + 1 from readers
        inner join pg_depend on refclassid = 'pg_class'::regclass and refobjid = readers.oid
        inner join pg_rewrite on classid = 'pg_rewrite'::regclass and objid = pg_rewrite.oid
        where ev_class != readers.oid
    )
    select pg_class.oid, case relkind when 'm' then 'materialized view' else 'view' end as kind
    from readers
    inner join pg_class on pg_class.oid = readers.oid
    inner join pg_namespace on pg_namespace.oid = relnamespace
    where depth > 0 and nspname || '.' || relname in ({{ views_of_this_project(('view', 'stable_view', 'materialized_view'), none if is_full_refresh_of(relation) else selected_resources) }})
    group by pg_class.oid, relkind
    order by max(depth) desc
{% endmacro %}


{#- By the model's or seed's config, else by --full-refresh. dbt drops where it tells no more which node it is at. -#}
{% macro is_full_refresh_of(relation) %}
    {%- for node in (graph.nodes or {}).values()
            if (node.schema, node.alias) == (relation.schema, relation.identifier) and node.config.full_refresh is not none -%}
        {{ return(node.config.full_refresh) }}
    {%- endfor -%}
    {{ return(flags.FULL_REFRESH) }}
{% endmacro %}
