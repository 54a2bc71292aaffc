{#- Which relations this project has made: rows of intermediate.marks, kind `view` or `table`, by schema and
    name. Only these does it replace. A dump that is restored elsewhere brings them along. -#}

{#- In the transaction that makes a relation, or adds columns to it. digest: of a view's SQL. -#}
{% macro mark_as_ours(relation, kind, digest='') -%}
    delete from {{ schema_of('intermediate') }}.marks
    where name = {{ name_literal(relation) }} and kind = '{{ 'table' if kind == 'view' else 'view' }}';
    insert into {{ schema_of('intermediate') }}.marks (kind, name, value)
    values ('{{ kind }}', {{ name_literal(relation) }}, '{{ digest }}')
    union all
    select 'columns', {{ name_literal(relation) }}, coalesce(jsonb_agg(attname order by attnum), '[]')::text
    from pg_attribute
    where attrelid = '{{ relation }}'::regclass and attnum > 0 and not attisdropped
    on conflict (kind, name)
    do update set value = excluded.value, noted_at = excluded.noted_at
    where marks.value != excluded.value;
{%- endmacro %}


{% macro name_literal(relation) -%}
    {{ dbt.string_literal(dbt.escape_single_quotes(relation.schema ~ '.' ~ relation.identifier)) }}
{%- endmacro %}


{#- on-run-start, before anything is made: refuse what stands under the name of a model, and is not ours. Of the
    user's own models and of packages dbt's rules hold: not all that makes those notes what it has made. A
    developer's schemas are theirs. -#}
{% macro refuse_what_is_not_ours() -%}
    {%- if not acts() or is_dev() -%}{{ return('select 1') }}{%- endif -%}
    {%- set names = [] -%}
    {%- for node in graph.nodes.values()
            if node.resource_type == 'model' and node.config.materialized != 'ephemeral'
            and node.package_name == project_name and node.original_file_path.startswith('models/') -%}
        {%- do names.append("('" ~ node.schema ~ "', '" ~ node.alias ~ "')") -%}
    {%- endfor -%}
    {%- set found = run_query(not_ours(names)).rows -%}
    {%- if found -%}
        {%- do exceptions.raise_compiler_error(
            'PGDATABASE=' ~ target.dbname ~ ' has ' ~ found | map(attribute=0) | join(', ')
            ~ ', which this project has not made: rename it, or move it to another schema') -%}
    {%- endif -%}
    select 1
{%- endmacro %}


{#- A query of what stands under some names, (schema, name) each, and is none of ours: of another kind, or
    without a column that ours had. -#}
{% macro not_ours(names) -%}
    select
        case relkind
            when 'v' then 'the view ' when 'm' then 'the materialized view ' when 'S' then 'the sequence '
            else 'the table '
        end || nspname || '.' || relname
    from (values {{ names | join(', ') }}) as models (schema_name, model_name)
    inner join pg_namespace on nspname = schema_name
    inner join pg_class on relnamespace = pg_namespace.oid and relname = model_name
    left join {{ schema_of('intermediate') }}.marks as ours
        on ours.name = schema_name || '.' || model_name
        and ours.kind = case when relkind = 'v' then 'view' when relkind in ('r', 'p') then 'table' end
    left join {{ schema_of('intermediate') }}.marks as made on made.name = ours.name and made.kind = 'columns'
    where ours.name is null
        or exists (
            select from jsonb_array_elements_text(made.value::jsonb) as had (attname)
            where had.attname not in (
                select has.attname from pg_attribute as has
                where has.attrelid = pg_class.oid and not has.attisdropped
            )
        )
    order by 1
{%- endmacro %}


{#- on-run-start: a warehouse that was built before there was a registry of all relations is taken as it is. -#}
{% macro register_relations() -%}
    {%- if not acts() -%}{{ return('select 1') }}{%- endif -%}
    {%- set names = [] -%}
    {%- for node in graph.nodes.values() if node.resource_type == 'model' -%}
        {%- do names.append("'" ~ node.schema ~ '.' ~ node.alias ~ "'") -%}
    {%- endfor -%}
    insert into {{ schema_of('intermediate') }}.marks (kind, name, value)
    select case relkind when 'v' then 'view' else 'table' end, nspname || '.' || relname, ''
    from pg_class inner join pg_namespace on pg_namespace.oid = relnamespace
    where relkind in ('r', 'p', 'v') and nspname || '.' || relname in ({{ names | join(', ') }})
        and exists (select from {{ schema_of('intermediate') }}.marks where kind = 'view')
        and not exists (select from {{ schema_of('intermediate') }}.marks where kind = 'registry')
    union all
    select 'registry', 'relations', ''
    on conflict (kind, name) do nothing;
    commit;
{%- endmacro %}
