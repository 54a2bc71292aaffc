{#- What stands on a relation of ours that is to be made anew. Views of this project are put aside and made again,
    in the transaction; what is somebody else's stops it, by name. -#}

{#- Drop the views of this project that read a relation, the last first, and keep how they are made in the
    temporary table <relation>_aside. Then the relation can be dropped, unless somebody else stands on it or
    on one of them. -#}
{% macro put_views_aside(relation) %}
    create temporary table {{ aside(relation) }} on commit drop as
    with recursive readers (oid, depth) as (
        select '{{ relation }}'::regclass::oid, 0
        union
        select ev_class, depth + 1 from readers
        inner join pg_depend on refclassid = 'pg_class'::regclass and refobjid = readers.oid
        inner join pg_rewrite on classid = 'pg_rewrite'::regclass and objid = pg_rewrite.oid
        where ev_class != readers.oid
    )
    select
        nspname || '.' || relname as name,
        pg_class.oid::regclass::text as view,
        max(depth) as depth,
        pg_get_viewdef(pg_class.oid) as definition,
        coalesce(' with (' || array_to_string(reloptions, ', ') || ')', '') as options,
        {{ grants_of('pg_class') }} as grants,
        (
            select array_agg(format('comment on %s %s%s is %L',
                case when attname is null then 'view' else 'column' end,
                pg_class.oid::regclass, '.' || quote_ident(attname), description))
            from pg_description
            left join pg_attribute on attrelid = objoid and attnum = nullif(objsubid, 0)
            where objoid = pg_class.oid and classoid = 'pg_class'::regclass
        ) || array_agg(format('comment on type %s is %L', pg_class.oid::regclass, obj_description(reltype, 'pg_type'))) as comments
    from readers
    inner join pg_class on pg_class.oid = readers.oid
    inner join pg_namespace on pg_namespace.oid = relnamespace
    where depth > 0 and relkind = 'v' and nspname || '.' || relname in ({{ views_of_this_project() }})
    group by pg_class.oid, nspname, relname, relacl, reloptions, relowner;

    do $aside$
    declare
        view text;
        others text;
    begin
        for view in select aside.view from {{ aside(relation) }} as aside order by depth desc loop
            execute 'drop view ' || view;
        end loop;
    exception when dependent_objects_still_exist then
        get stacked diagnostics others = pg_exception_detail;
        {{ somebody_stands_on(relation) }}
    end
    $aside$;
{% endmacro %}


{#- An array of the statements that grant again what is granted on a row of pg_class. -#}
{% macro grants_of(relation) -%}
        (
            select array_agg(format('grant %s%s on %s to %s%s', privilege_type,
                ' (' || quote_ident(attname) || ')', {{ relation }}.oid::regclass,
                case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end,
                case when is_grantable then ' with grant option' end))
            from (
                select null as attname, acl.* from aclexplode({{ relation }}.relacl) as acl
                union all
                select attname, acl.* from pg_attribute, aclexplode(attacl) as acl
                where attrelid = {{ relation }}.oid
            ) as privileges
            where grantee != {{ relation }}.relowner
        )
{%- endmacro %}


{% macro drop_unless_read(relation, kind) %}
    do $drop$
    declare
        others text;
    begin
        drop {{ kind }} {{ relation }};
    exception when dependent_objects_still_exist then
        get stacked diagnostics others = pg_exception_detail;
        {{ somebody_stands_on(relation) }}
    end
    $drop$;
{% endmacro %}


{#- Of plpgsql, where `others` has Postgres' own list. -#}
{% macro somebody_stands_on(relation) -%}
    raise exception '{{ relation.schema }}.{{ relation.identifier }} gets other columns, and what is not of this project stands on it: %: drop that first, and make it again afterwards',
        replace(others, e'\n', ', ');
{%- endmacro %}


{#- Make them again as they were. One that can no more be made so is left to the run, where that makes it anew
    after this; else nothing changes at all. -#}
{% macro put_views_back(relation) %}
    {%- set made_later = ["''"] -%}
    {%- for id in selected_resources if id in graph.nodes -%}
        {%- do made_later.append("'" ~ graph.nodes[id].schema ~ '.' ~ graph.nodes[id].alias ~ "'") -%}
    {%- endfor %}
    do $back$
    declare
        aside record;
        statement text;
    begin
        for aside in select * from {{ aside(relation) }} order by depth loop
            begin
                execute format('create view %s%s as %s', aside.view, aside.options, aside.definition);
                foreach statement in array coalesce(aside.grants, '{}') || coalesce(aside.comments, '{}') loop
                    execute statement;
                end loop;
            exception when undefined_column or undefined_table or undefined_function or datatype_mismatch
                or invalid_table_definition then
                if aside.name not in ({{ made_later | join(', ') }}) then
                    raise exception '{{ relation.schema }}.{{ relation.identifier }} gets other columns, and % cannot be made of them: build it too, dbt build --select {{ relation.identifier }}+', aside.name;
                end if;
            end;
        end loop;
    end
    $back$;
{% endmacro %}


{% macro aside(relation) -%}
    {{ temporary_of(relation, 'aside') }}
{%- endmacro %}


{#- The names of the project's views, as literals. What is no view would be lost for good. dbt drops some relations
    where it knows no project (`graph` is empty). among: unique ids. -#}
{% macro views_of_this_project(kinds=('view', 'stable_view'), among=none) %}
    {%- set names = ["''"] -%}
    {%- for node in (graph.nodes or {}).values() if node.resource_type == 'model' and node.config.materialized in kinds
            and (among is none or node.unique_id in among) -%}
        {%- do names.append(dbt.string_literal(dbt.escape_single_quotes(node.schema ~ '.' ~ node.alias))) -%}
    {%- endfor -%}
    {{ return(names | join(', ')) }}
{% endmacro %}


{#- What stands under a model's name. dbt's cache still has a view that was put aside and not put back. -#}
{% macro relation_there(relation) %}
    {%- set cached = load_cached_relation(relation) -%}
    {%- if cached is not none and run_query("select to_regclass('" ~ cached ~ "') is null").rows[0][0] -%}
        {{ return(none) }}
    {%- endif -%}
    {{ return(cached) }}
{% endmacro %}
