{#- Descriptions as comments on relations and columns (config persist_docs). Written where they differ
    only: dbt's own would write all of them in every run, each under a lock, and two runs at once fail
    ("tuple concurrently updated"). What has no description keeps the comment that somebody gave it. -#}
{% macro postgres__persist_docs(relation, model, for_relation, for_columns) -%}
    {#- Quoted here: dbt's own macros for it, dispatched once a column, were most of this one's time. -#}
    {%- set wanted, quote = [], "'" -%}
    {%- if for_relation and config.persist_relation_docs() and model.description -%}
        {%- do wanted.append("(null, '" ~ model.description | replace(quote, "''") ~ "')") -%}
    {%- endif -%}
    {%- for column in model.columns.values() if for_columns and config.persist_column_docs() and column.description -%}
        {%- do wanted.append("('" ~ column.name ~ "', '" ~ column.description | replace(quote, "''") ~ "')") -%}
    {%- endfor -%}
    {%- if wanted and run_query(comments_that_differ(relation, wanted) ~ ' limit 1').rows -%}
        {%- do run_query(write_comments(relation, wanted)) -%}
    {%- endif -%}
{%- endmacro %}


{#- A query of the statements that make comments what they should be. wanted: rows (column or null, text). -#}
{% macro comments_that_differ(relation, wanted) -%}
    select format(
        'comment on %s %s%s is %L',
        case when attnum is not null then 'column' when relkind = 'v' then 'view' else 'table' end,
        pg_class.oid::regclass, '.' || quote_ident(attname), wanted.description
    ) as statement
    from (values {{ wanted | join(', ') }}) as wanted (name, description)
    inner join pg_class on pg_class.oid = '{{ relation }}'::regclass
    left join pg_attribute on attrelid = pg_class.oid and attname = wanted.name and not attisdropped
    left join pg_description
        on objoid = pg_class.oid and classoid = 'pg_class'::regclass and objsubid = coalesce(attnum, 0)
    where (wanted.name is null or attnum is not null)
        and wanted.description is distinct from pg_description.description
{%- endmacro %}


{#- Asked again under the lock: another run may have written them while this one waited. -#}
{% macro write_comments(relation, wanted) %}
    {{ lock_writers_of(relation) }}
    do $comments$
    declare
        statement text;
    begin
        for statement in {{ comments_that_differ(relation, wanted) }} loop
            execute statement;
        end loop;
    end
    $comments$;
{% endmacro %}
