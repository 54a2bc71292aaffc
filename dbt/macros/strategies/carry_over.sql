{#- What hangs on a table and is not of its model: who may see which rows of it, who it belongs to, how it is
    replicated, analyzed, stored. A table that takes the place of another one takes all of it along; what
    cannot be taken along stops the build. -#}

{#- A query of statements, in their order. pairs: rows (old oid, new oid, name of the new one then). comments: a
    jsonb of comments that the model has given, by column, as hashes: not those. -#}
{% macro hanging_on(pairs, comments={}, with_row_security=true) -%}
    with pairs (old, new, name) as ({{ pairs }}),

    columns as (
        select pairs.*, had.attnum, had.attname, quote_ident(had.attname) as quoted, had.attacl, had.attstattarget,
            had.attstorage, had.attcompression, had.attoptions, has.attstorage as new_storage
        from pairs
        inner join pg_attribute as had on had.attrelid = old and had.attnum > 0 and not had.attisdropped
        inner join pg_attribute as has on has.attrelid = new and has.attname = had.attname and not has.attisdropped
    ),

    privileges as (
        select name, '' as of_column, acl.* from pairs
        inner join pg_class on pg_class.oid = old, aclexplode(relacl) as acl
        where acl.grantee != relowner
        union all
        select name, ' (' || quoted || ')', acl.* from columns, aclexplode(attacl) as acl
    ),

    statements (step, name, statement) as (
        {#- Of default privileges: whoever had lost one shall not get it back. #}
        select 1, name, format('revoke all on %s from %s', name, case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end)
        from pairs inner join pg_class on pg_class.oid = new, aclexplode(relacl) as acl
        where acl.grantee != relowner
        union
        select 2, name, format('grant %s%s on %s to %s%s', privilege_type, of_column, name,
            case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end,
            case when is_grantable then ' with grant option' end)
        from privileges

        {%- if with_row_security %}
        union all
        {{ _row_security('pairs') }}
        {%- endif %}

        union all
        select 4, name, format('comment on %s %s%s is %L', case objsubid when 0 then 'table' else 'column' end,
            name, '.' || quote_ident(attname), description)
        from pairs
        inner join pg_description on objoid = old and classoid = 'pg_class'::regclass
        left join pg_attribute on attrelid = old and attnum = nullif(objsubid, 0)
        where md5(description) is distinct from {{ jsonb_literal(comments) }} ->> coalesce(attname, '')
            and (objsubid = 0 or attname in (select attname from columns where columns.name = pairs.name))

        union all
        select 5, name, format('alter table %s alter column %s set statistics %s', name, quoted, attstattarget)
        from columns where attstattarget >= 0
        union all
        select 5, name, format('alter table %s alter column %s set storage %s', name, quoted,
            case attstorage when 'p' then 'plain' when 'e' then 'external' when 'm' then 'main' else 'extended' end)
        from columns where attstorage != new_storage
        union all
        select 5, name, format('alter table %s alter column %s set compression %s', name, quoted,
            case attcompression when 'l' then 'lz4' else 'pglz' end)
        from columns where attcompression != ''
        union all
        select 5, name, format('alter table %s alter column %s set (%s)', name, quoted, array_to_string(attoptions, ', '))
        from columns where attoptions is not null
        union all
        select 5, name, format('alter table %s alter column %s set default %s', name, quoted, pg_get_expr(adbin, adrelid))
        from columns inner join pg_attrdef on adrelid = old and adnum = attnum
        where not exists (select from pg_attribute where attrelid = old and pg_attribute.attnum = columns.attnum and attgenerated != '')
        union all
        select 5, name, format('alter table %s set (%s)', name, array_to_string(reloptions, ', '))
        from pairs inner join pg_class on pg_class.oid = old where reloptions is not null
        {{ _objects_on_tables() }}

        union all
        select 8, name, format('security label for %I on %s %s%s is %L', provider,
            case objsubid when 0 then 'table' else 'column' end, name, '.' || quote_ident(attname), label)
        from pairs
        inner join pg_seclabel on objoid = old and classoid = 'pg_class'::regclass
        left join pg_attribute on attrelid = old and attnum = nullif(objsubid, 0)
        union all
        select 9, name, format('alter table %s owner to %I', name, pg_get_userbyid(had.relowner))
        from pairs inner join pg_class as had on had.oid = old inner join pg_class as has on has.oid = new
        where had.relowner != has.relowner
    )
    select statement, name from statements order by step
{%- endmacro %}


{% macro _row_security(pairs) -%}
    select 3, name, format('alter table %s %s row level security', name, verb)
    from {{ pairs }} inner join pg_class on pg_class.oid = old, lateral (
        values (relrowsecurity, 'enable'), (relforcerowsecurity, 'force')
    ) as flags (is_set, verb)
    where is_set
    union all
    select 3, name, format('create policy %I on %s as %s for %s to %s%s%s', polname, name,
        case when polpermissive then 'permissive' else 'restrictive' end,
        case polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end,
        (
            select string_agg(case member when 0 then 'public' else quote_ident(pg_get_userbyid(member)) end, ', ')
            from unnest(polroles) as members (member)
        ),
        ' using (' || pg_get_expr(polqual, polrelid) || ')',
        ' with check (' || pg_get_expr(polwithcheck, polrelid) || ')')
    from {{ pairs }} inner join pg_policy on polrelid = old
{%- endmacro %}


{#- Triggers, rules, statistics, publications: Postgres says how to make them, with the old table's name. -#}
{% macro _objects_on_tables() -%}
        union all
        select 6, name, replace(pg_get_triggerdef(pg_trigger.oid), format(' ON %I.%I ', nspname, relname), ' ON ' || name || ' ')
        from pairs inner join pg_trigger on tgrelid = old and not tgisinternal and tgparentid = 0
        inner join pg_class on pg_class.oid = old inner join pg_namespace on pg_namespace.oid = relnamespace
        union all
        select 7, name, format('alter table %s %s trigger %I', name,
            case tgenabled when 'D' then 'disable' when 'R' then 'enable replica' else 'enable always' end, tgname)
        from pairs inner join pg_trigger on tgrelid = old and not tgisinternal and tgparentid = 0
        where tgenabled != 'O'
        union all
        select 6, name, replace(pg_get_ruledef(pg_rewrite.oid), format(' TO %I.%I ', nspname, relname), ' TO ' || name || ' ')
        from pairs inner join pg_class on pg_class.oid = old and relkind in ('r', 'p')
        inner join pg_namespace on pg_namespace.oid = relnamespace
        inner join pg_rewrite on ev_class = old
        union all
        select 6, name, pg_get_statisticsobjdef(pg_statistic_ext.oid)
        from pairs inner join pg_statistic_ext on stxrelid = old
        union all
        select 7, name, format('alter statistics %I.%I set statistics %s', nspname, stxname, stxstattarget)
        from pairs inner join pg_statistic_ext on stxrelid = old inner join pg_namespace on pg_namespace.oid = stxnamespace
        where stxstattarget >= 0
        union all
        select 7, name, format('alter publication %I add table %s%s%s', pubname, name,
            (
                select ' (' || string_agg(quote_ident(attname), ', ') || ')'
                from pg_attribute where attrelid = old and attnum = any (prattrs::int2[])
            ),
            ' where (' || pg_get_expr(prqual, prrelid) || ')')
        from pairs inner join pg_publication_rel on prrelid = old inner join pg_publication on pg_publication.oid = prpubid
        union all
        {{ _replica_identity('pairs') }}
{%- endmacro %}


{% macro _replica_identity(pairs) -%}
        select 7, name, format('alter table %s replica identity %s', name, case relreplident when 'f' then 'full' else 'nothing' end)
        from {{ pairs }} inner join pg_class on pg_class.oid = old where relreplident in ('f', 'n')
        union all
        select 7, name, format('alter table %s replica identity using index %I', name, relname)
        from {{ pairs }}
        inner join pg_index as had on had.indrelid = old and had.indisreplident
        inner join pg_index as has on has.indrelid = new and {{ index_definition('has.indexrelid') }} = {{ index_definition('had.indexrelid') }}
        inner join pg_class on pg_class.oid = has.indexrelid
{%- endmacro %}


{#- Keep what hangs on a table, to be put on the one that takes its place under its name. Before it is dropped. -#}
{% macro note_what_hangs_on(existing, new, noted) %}
    create temporary table {{ temporary_of(this, 'hangs') }} on commit drop as
    {{ hanging_on("values ('" ~ existing ~ "'::regclass::oid, '" ~ new ~ "'::regclass::oid, "
        ~ dbt.string_literal(dbt.escape_single_quotes(this.include(database=false) | string)) ~ ")", noted.get('comments', {})) }};
    create temporary table {{ temporary_of(this, 'indexes') }} on commit drop as
    select relname as name, {{ index_definition('indexrelid') }} as definition
    from pg_index inner join pg_class on pg_class.oid = indexrelid
    where indrelid = '{{ existing }}'::regclass and relname !~ '^[0-9a-f]{32}$';
{% endmacro %}


{#- Put it there, and give indexes the names that they had. -#}
{% macro hang_on(relation) %}
    do $hang_on$
    declare
        index record;
    begin
        for index in
            select distinct on (oid) indexrelid::regclass as oid, had.name
            from pg_index inner join {{ temporary_of(this, 'indexes') }} as had on had.definition = {{ index_definition('indexrelid') }}
            where indrelid = '{{ relation }}'::regclass
        loop
            execute format('alter index %s rename to %I', index.oid, index.name);
        end loop;
    end
    $hang_on$;
    {{ execute_each('select statement from ' ~ temporary_of(this, 'hangs'), this) }}
{% endmacro %}


{#- Execute the statements of a query; one that fails is named, and stops the build. -#}
{% macro execute_each(query, relation) %}
    do $each$
    declare
        to_execute text;
    begin
        for to_execute in {{ query }} loop
            begin
                execute to_execute;
            exception when others then
                raise exception '{{ relation.schema }}.{{ relation.identifier | replace("'", "''") | replace('%', '%%') }} has to be made anew, and what is on it cannot be taken along: %: %', to_execute, sqlerrm;
            end;
        end loop;
    end
    $each$;
{% endmacro %}


{#- The same for the partitions of a run, each from the one that it replaces, but for row-level security, where
    the table has it: who may not see a row of the table shall not see it in its partition. -#}
{% macro hang_on_partitions(target, partitions) %}
    {%- set rows = [] -%}
    {%- for p in partitions -%}
        {%- do rows.append("('" ~ partition_relation(p) ~ "'::regclass, " ~ bounds_literal(p) ~ ")") -%}
    {%- endfor -%}
    {%- if rows -%}
        {%- set has_security = run_query("select relrowsecurity from pg_class where oid = '" ~ target ~ "'::regclass").rows[0][0] -%}
        {%- set made = '(values ' ~ rows | join(', ') ~ ') as made (oid, bounds)' -%}
        {%- set pairs -%}
            select in_place.oid, made.oid::oid, made.oid::text
            from {{ made }}
            inner join (
                select pg_class.oid, pg_get_expr(relpartbound, 0) as bounds
                from pg_inherits inner join pg_class on pg_class.oid = inhrelid
                where inhparent = '{{ target }}'::regclass
            ) as in_place using (bounds)
        {%- endset -%}
    {{ execute_each('select statement from (' ~ hanging_on(pairs, with_row_security=not has_security) ~ ') as hanging', target) }}
        {%- set all_of_them = "(select '" ~ target ~ "'::regclass::oid as old, made.oid::oid as new, made.oid::text as name from "
            ~ made ~ ') as pairs' -%}
    {{ execute_each('select statement from (' ~ (_row_security(all_of_them) ~ ' union all ' if has_security else '')
        ~ _replica_identity(all_of_them) ~ ') as of_table (step, name, statement) order by step', target) }}
    {%- endif -%}
{% endmacro %}
