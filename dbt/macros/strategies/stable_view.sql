{#- The materialization `stable_view`: a view that is left alone while its SQL is the same. dbt's own `view` makes
    every view anew in every run: two runs at once fail on its backup's name, and the views that read it are gone
    for a moment, or for good. A model asks for it (`+materialized: stable_view`); `view` stays dbt's. -#}
{% materialization stable_view, adapter='postgres' %}
    {{ return(build_stable_view()) }}
{% endmaterialization %}


{% macro build_stable_view() %}
    {%- set existing, relation = relation_there(this), this.incorporate(type='view') -%}
    {%- set noted = definition_noted(existing) if existing is not none else {} -%}
    {%- set digest = 'empty' if reads_a_part() else sql_digest(sql) -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {%- set stays = is_current_view(relation, digest) -%}
    {%- if not stays -%}
        {% do run_query(lock_writers_of(relation)) %}
        {#- Asked again: another run may have made it while this one waited. -#}
        {%- set stays = is_current_view(relation, digest) -%}
    {%- endif -%}
    {% call statement('main') %}
        {{ replace_view(existing, relation, sql) if not stays else _check_contract(noted) }}
    {% endcall %}
    {% do apply_grants_and_docs(relation, noted, existing is none) %}
    {% do note_definition(relation, [], noted.get('digest', '') if stays else digest, noted if stays else {}) %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do adapter.commit() %}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [relation]}) }}
{% endmacro %}


{#- Under --empty and --sample the SQL is of a part of the rows: a view that is there stays what it is. -#}
{% macro reads_a_part() %}
    {{ return(invocation_args_dict.get('empty') or is_sample()) }}
{% endmacro %}


{% macro is_current_view(relation, digest) %}
    {%- set there = "select 1 from pg_class where relkind = 'v' and oid = to_regclass('" ~ relation ~ "')" -%}
    {%- if not run_query(there).rows -%}{{ return(false) }}{%- endif -%}
    {{ return(reads_a_part() or definition_noted(relation).digest == digest) }}
{% endmacro %}


{#- A contract can be another one while the SQL is the same. -#}
{% macro _check_contract(noted) %}
    {%- if config.get('contract').enforced and noted.contract != digest_of_contract() -%}
        {%- do get_assert_columns_equivalent(sql) -%}
    {%- endif -%}
    select 'unchanged'
{% endmacro %}


{#- In place, with its grants and what depends on it. Postgres refuses that where columns went or
    changed: then it is made anew, and the views of this project that read it, as they were or by the run
    after it. -#}
{% macro replace_view(existing, relation, sql) %}
    {%- if existing is none or existing.type == 'view' and _columns_stay(relation, sql) -%}
    {{ get_replace_view_sql(relation, sql) }}
    {%- else -%}
    {%- if existing.type == 'table' -%}{{ require_that_a_view_will_do(existing) }}{%- endif -%}
    create temporary table {{ temporary_of(relation, 'grants') }} on commit drop as
    select {{ grants_of('pg_class') }} as grants from pg_class where oid = '{{ existing }}'::regclass;
    {{ put_views_aside(existing) }}
    {{ drop_unless_read(existing, existing.type.replace('_', ' ')) }}
    {{ get_create_view_as_sql(relation, sql) }};
    {{ _grant_again(relation) }}
    {{ put_views_back(relation) }}
    {%- endif -%}
{% endmacro %}


{#- What was granted on the relation before, but for a column that is gone. -#}
{% macro _grant_again(relation) %}
    do $grants$
    declare
        to_grant text;
    begin
        for to_grant in select unnest(grants) from {{ temporary_of(relation, 'grants') }} loop
            begin
                execute to_grant;
            exception when undefined_column then
                null;
            end;
        end loop;
    end
    $grants$;
{% endmacro %}


{#- A table that becomes a view must have nothing that a view cannot have, and that somebody has put there. -#}
{% macro require_that_a_view_will_do(existing) %}
    {{ require_no_values_of_others(existing, definition_noted(existing)) }}
    {{ require_nobody_refers_to(existing) }}
    {{ require_not_published(existing) }}
    {%- set found -%}
        select 'its row-level security' from pg_class where oid = '{{ existing }}'::regclass and relrowsecurity
        union all
        select 'trigger ' || tgname from pg_trigger
        where tgrelid = '{{ existing }}'::regclass and not tgisinternal and tgparentid = 0
        union all
        select 'policy ' || polname from pg_policy where polrelid = '{{ existing }}'::regclass
    {%- endset -%}
    {%- set names = run_query(found).columns[0].values() -%}
    {%- if names -%}
        {%- do exceptions.raise_compiler_error(existing.schema ~ '.' ~ existing.identifier ~ ' is a table that becomes a view, which cannot have '
            ~ names | join(', ') ~ ': drop that first') -%}
    {%- endif -%}
{% endmacro %}


{#- Whether the view keeps its columns where they are, with others after them at most. -#}
{% macro _columns_stay(relation, sql) %}
    {%- set new = temporary_of(relation, 'new') -%}
    {% do run_query((config.get('sql_header') or '') ~ ' create temporary view ' ~ new ~ ' as (' ~ sql ~ ')') %}
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


{#- A digest of what a query says, however it is written. -#}
{% macro sql_digest(sql) %}
    {%- set text = modules.re.sub('(?s)/\\* window .*?/\\* end of window \\*/', '', sql) -%}
    {%- set text = text | replace('"' ~ target.database ~ '".', '') -%}
    {%- set token = "(?s)--[^\n]*|/\\*.*?\\*/|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|\\w+|[^\\s\\w]" -%}
    {%- set kept = [] -%}
    {%- for each in modules.re.findall(token, text) if each[:2] not in ('--', '/*') -%}
        {%- do kept.append(each if each[0] in ('"', "'") else each | lower) -%}
    {%- endfor -%}
    {{ return(local_md5(kept | join(' '))) }}
{% endmacro %}
