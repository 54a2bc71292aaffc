{#- Two tables of one model, the one in place and the new one beside it, are made to fit each other before one
    takes the other's place, or some of its partitions. -#}

{#- Give the new table what the one in place has and the model does not say: columns, constraints and indexes
    that somebody gave it; with `is_increment` also what an earlier version of the model said, without which a
    partition cannot be attached. -#}
{% macro add_what_others_have_added(existing, new, noted, is_increment) -%}
    do $conform$
    declare
        to_execute text;
    begin
        for to_execute in {{ _additions(existing, new, noted, is_increment) }} loop
            execute to_execute;
        end loop;
    end
    $conform$;
{%- endmacro %}


{% macro _additions(existing, new, noted, is_increment) -%}
    {%- set named = new.include(database=false) | string | replace('%', '%%') -%}
    with {{ _compared(existing, new, noted) }},

    statements (step, statement) as (
        select 1, format(
            'alter table {{ named }} add column %I %s%s%s', old.attname, format_type(old.atttypid, old.atttypmod),
            case old.attgenerated
                when '' then ' default ' || pg_get_expr(adbin, adrelid)
                else ' generated always as (' || pg_get_expr(adbin, adrelid) || ')' || case old.attgenerated when 's' then ' stored' else ' virtual' end
            end,
            case when old.attnotnull and adbin is not null then ' not null' end
        )
        from old_columns as old
        left join pg_attrdef on adrelid = attrelid and adnum = attnum
        where attname not in (select attname from new_columns)
            {%- if not is_increment %}
            and {{ '(select not columns ? attname from noted)' if noted.columns is defined else 'adbin is not null' }}
            {%- endif %}

        union all
        select 2, format('alter table {{ named }} alter column %I set not null', attname)
        from old_columns inner join new_columns as new using (attname)
        where old_columns.attnotnull and not new.attnotnull
            and {{ "(select coalesce(not (columns ->> attname)::boolean, true) from noted)" if noted.columns is defined else 'false' }}

        union all
        select 3, format(
            'alter table {{ named }} add %s%s',
            case when contype in ('c', 'f') then 'constraint ' || quote_ident(conname) || ' ' end, pg_get_constraintdef(oid)
        )
        from pg_constraint
        where conrelid = '{{ existing }}'::regclass and contype in ('c', 'f', 'p', 'u', 'x')
            and (select not constraints ? conname from noted)
            and pg_get_constraintdef(oid) not in (
                select pg_get_constraintdef(same.oid) from pg_constraint as same where same.conrelid = '{{ new }}'::regclass
            )

        union all
        select 4, regexp_replace(pg_get_indexdef(indexrelid), ' INDEX .*? USING ', ' INDEX ON {{ new.include(database=false) }} USING ')
        from pg_index inner join pg_class on pg_class.oid = indexrelid
        where indrelid = '{{ existing }}'::regclass
            and not exists (select from pg_constraint where conindid = indexrelid and contype in ('p', 'u', 'x'))
            {%- if not is_increment %}
            and relname !~ '^[0-9a-f]{32}$'
            {%- endif %}
            and {{ index_definition('indexrelid') }} not in (
                select {{ index_definition('same.indexrelid') }} from pg_index as same where same.indrelid = '{{ new }}'::regclass
            )
    )
    select statement from statements order by step
{%- endmacro %}


{#- What is compared: CTEs. -#}
{% macro _compared(existing, new, noted) -%}
    noted as (
        select {{ jsonb_literal(noted.get('columns', {})) }} as columns, {{ jsonb_literal(noted.get('constraints', [])) }} as constraints
    ),

    old_columns as (
        select * from pg_attribute where attrelid = '{{ existing }}'::regclass and attnum > 0 and not attisdropped
    ),

    new_columns as (
        select * from pg_attribute where attrelid = '{{ new }}'::regclass and attnum > 0 and not attisdropped
    )
{%- endmacro %}


{#- A query of the statements that let the table in place take partitions of the new one: columns that the
    model has now, constraints that it has no more, types that are wider. All change the catalog alone. -#}
{% macro relaxations(existing, new, noted) -%}
    {%- set named = existing.include(database=false) | string | replace('%', '%%') -%}
    with {{ _compared(existing, new, noted) }}

    select format('alter table {{ named }} add column %I %s', attname, format_type(atttypid, atttypmod))
    from new_columns where attname not in (select attname from old_columns)
    union all
    select format('alter table {{ named }} alter column %I drop not null', attname)
    from old_columns inner join new_columns as new using (attname)
    where old_columns.attnotnull and not new.attnotnull
    union all
    select format('alter table {{ named }} alter column %I type %s', attname, format_type(new.atttypid, new.atttypmod))
    from old_columns inner join new_columns as new using (attname)
    where format_type(old_columns.atttypid, old_columns.atttypmod) != format_type(new.atttypid, new.atttypmod)
    union all
    select format('alter table {{ named }} drop constraint %I', conname)
    from pg_constraint
    where conrelid = '{{ existing }}'::regclass and (select constraints ? conname from noted)
        and pg_get_constraintdef(oid) not in (
            select pg_get_constraintdef(same.oid) from pg_constraint as same where same.conrelid = '{{ new }}'::regclass
        )
{%- endmacro %}


{#- Refuse a column of another type, unless Postgres takes the wider one without touching a row. -#}
{% macro require_types_that_fit(existing, new) %}
    {%- set found -%}
        select old.attname, format_type(old.atttypid, old.atttypmod), format_type(new.atttypid, new.atttypmod)
        from pg_attribute as old
        inner join pg_attribute as new using (attname)
        where old.attrelid = '{{ existing }}'::regclass and new.attrelid = '{{ new }}'::regclass
            and old.attnum > 0 and not old.attisdropped and new.attnum > 0
            and (old.atttypid, old.atttypmod) != (new.atttypid, new.atttypmod)
            and not (
                old.atttypid = 'varchar'::regtype and old.atttypmod > 0
                and (new.atttypid = 'text'::regtype or new.atttypid = 'varchar'::regtype and new.atttypmod not between 0 and old.atttypmod)
            )
    {%- endset -%}
    {%- for row in run_query(found).rows -%}
        {%- do exceptions.raise_compiler_error(existing.identifier ~ '.' ~ row[0] ~ ' is ' ~ row[1] ~ ' in the table, and ' ~ row[2]
            ~ ' in the model: run dbt once with --full-refresh') -%}
    {%- endfor -%}
{% endmacro %}


{#- A table that is made anew cannot keep the values of a column that is not of the model. -#}
{% macro require_no_values_of_others(existing, noted) %}
    {%- if noted.columns is defined -%}
        {%- set found -%}
            select quote_ident(attname) from pg_attribute
            where attrelid = '{{ existing }}'::regclass and attnum > 0 and not attisdropped and not atthasdef
                and not {{ jsonb_literal(noted.columns) }} ? attname
        {%- endset -%}
        {%- for row in run_query(found).rows if run_query(
                'select 1 from ' ~ existing ~ ' where ' ~ row[0] ~ ' is not null limit 1').rows -%}
            {%- do exceptions.raise_compiler_error(existing.identifier ~ ' has to be made anew, and would lose the values of '
                ~ row[0] ~ ', which is no column of the model: put them elsewhere and drop the column, or add it to the model') -%}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}


{#- What of other tables points at a table stops the build, by name: its partitions cannot be replaced. -#}
{% macro require_nobody_refers_to(existing) %}
    {%- set found -%}
        select string_agg(distinct format('%s (%s)', conrelid::regclass, conname), ', ')
        from pg_constraint
        where contype = 'f' and confrelid = '{{ existing }}'::regclass and conrelid != confrelid and conparentid = 0
    {%- endset -%}
    {%- set who = run_query(found).rows[0][0] -%}
    {%- if who -%}
        {%- do exceptions.raise_compiler_error('foreign keys refer to ' ~ existing.schema ~ '.' ~ existing.identifier ~ ': ' ~ who
            ~ ': drop them first, a partition that is replaced takes its rows along') -%}
    {%- endif -%}
{% endmacro %}


{% macro jsonb_literal(value) -%}
    {{ dbt.string_literal(dbt.escape_single_quotes(tojson(value))) }}::jsonb
{%- endmacro %}
