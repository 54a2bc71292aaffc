{#- The model's privileges and comments, and no more what it has said before: who was granted something by
    hand keeps it, unless the model has grants; so does a comment by hand. -#}
{% macro apply_grants_and_docs(relation, noted, is_new) %}
    {%- set wanted, had = config.get('grants') or {}, noted.get('grants', {}) -%}
    {%- if had and not wanted and not is_new -%}
        {%- set there, gone = {}, {} -%}
        {%- for privilege, grantees in adapter.standardize_grants_dict(run_query(get_show_grant_sql(relation))).items() -%}
            {%- do there.update({privilege | lower: grantees}) -%}
        {%- endfor -%}
        {%- for privilege, grantees in had.items() -%}
            {%- do gone.update({privilege: (grantees if grantees is not string else [grantees])
                | select('in', there.get(privilege | lower, [])) | list}) -%}
        {%- endfor -%}
        {%- set statements = get_dcl_statement_list(relation, gone, get_revoke_sql) -%}
        {%- if statements -%}{%- do call_dcl_statements(statements) -%}{%- endif -%}
    {%- endif -%}
    {%- do apply_grants(relation, config.get('grants'), should_revoke=not is_new) -%}
    {%- do _forget_comments(relation, noted.get('comments', {})) -%}
    {%- do write_docs(relation) -%}
{% endmacro %}


{#- Comments that the model has given and that are no more said; not one that somebody has written over it. -#}
{% macro _forget_comments(relation, noted) %}
    {%- set said = [] -%}
    {%- if config.persist_relation_docs() and model.description -%}{%- do said.append('') -%}{%- endif -%}
    {%- for column in model.columns.values() if config.persist_column_docs() and column.description -%}
        {%- do said.append(name_in_postgres(column)) -%}
    {%- endfor -%}
    {%- if noted and noted | reject('in', said) | list -%}
        {%- set literal = dbt.string_literal(dbt.escape_single_quotes(tojson(noted))) -%}
        {%- set found -%}
            select format(
                'comment on %s %s%s is null',
                case when objsubid > 0 then 'column' when relkind = 'v' then 'view' else 'table' end,
                objoid::regclass, '.' || quote_ident(attname)
            ), coalesce(attname, '')
            from pg_description
            inner join pg_class on pg_class.oid = objoid
            left join pg_attribute on attrelid = objoid and attnum = nullif(objsubid, 0)
            where objoid = '{{ relation }}'::regclass and classoid = 'pg_class'::regclass
                and md5(description) = {{ literal }}::jsonb ->> coalesce(attname, '')
        {%- endset -%}
        {%- for row in run_query(found).rows if row[1] not in said -%}{%- do run_query(row[0]) -%}{%- endfor -%}
    {%- endif -%}
{% endmacro %}


{#- Descriptions as comments on relations and columns (config persist_docs). Written where they differ
    only: dbt's own would write all of them in every run, each under a lock, and two runs at once fail
    ("tuple concurrently updated"). What has no description keeps the comment that somebody gave it. -#}
{% macro write_docs(relation, for_relation=true, for_columns=true) -%}
    {#- Quoted here: dbt's own macros for it, dispatched once a column, were most of this one's time. -#}
    {%- set wanted, quote = [], "'" -%}
    {%- if for_relation and config.persist_relation_docs() and model.description -%}
        {%- do wanted.append("(null, '" ~ model.description | replace(quote, "''") ~ "')") -%}
    {%- endif -%}
    {%- for column in model.columns.values() if for_columns and config.persist_column_docs() and column.description -%}
        {%- do wanted.append("('" ~ name_in_postgres(column) ~ "', '" ~ column.description | replace(quote, "''") ~ "')") -%}
    {%- endfor -%}
    {%- if wanted or for_columns and config.persist_column_docs() and model.columns -%}
        {%- set found = {'column': [], 'comment': []} -%}
        {%- for row in run_query(_columns_and_comments(relation, wanted)).rows -%}{%- do found[row[0]].append(row[1]) -%}{%- endfor -%}
        {%- if for_columns and config.persist_column_docs() -%}{%- do _warn_of_missing(relation, found.column) -%}{%- endif -%}
        {%- if found.comment -%}{%- do run_query(write_comments(relation, wanted)) -%}{%- endif -%}
    {%- endif -%}
{%- endmacro %}


{#- One query: the columns that a relation has, and one comment that differs. -#}
{% macro _columns_and_comments(relation, wanted) %}
    select 'column', attname::text from pg_attribute
    where attrelid = '{{ relation }}'::regclass and attnum > 0 and not attisdropped
    {%- if wanted %}
    union all
    (select 'comment', statement from ({{ comments_that_differ(relation, wanted) }}) as differing limit 1)
    {%- endif -%}
{% endmacro %}


{#- As dbt does: columns that the model's yml has, and the relation has not. -#}
{% macro _warn_of_missing(relation, there) %}
    {%- set in_any_case, missing = there | map('lower') | list, [] -%}
    {%- for column in model.columns.values()
            if (column.name not in there if column.quote else column.name | lower not in in_any_case) -%}
        {%- do missing.append(column.name) -%}
    {%- endfor -%}
    {%- if missing -%}
        {%- do exceptions.warn('In relation ' ~ relation
            ~ ': The following columns are specified in the schema but are not present in the database: ' ~ missing | join(', ')) -%}
    {%- endif -%}
{% endmacro %}


{#- A query of the statements that make comments what they should be. wanted: rows (column or null, text). -#}
{% macro comments_that_differ(relation, wanted) -%}
    select format(
        'comment on %s %s%s is %L',
        case when attnum is not null then 'column'
            when relkind = 'v' then 'view' when relkind = 'm' then 'materialized view' else 'table' end,
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
