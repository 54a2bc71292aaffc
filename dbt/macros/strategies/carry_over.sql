{#- A table that gets other columns is made anew. Grants, row-level security with its policies, comments,
    and indexes beyond those of the config, which dbt creates, are taken over from the old one. A policy
    that cannot be made of the new columns is left out: its role then sees less, never more. -#}
{% macro carry_over(old, new) %}
    {%- set named = (new ~ '') | replace('%', '%%') %}
    do $carry_over$
    declare
        statement text;
    begin
        for statement in
            select format('grant %s%s on {{ named }} to %s%s', privilege_type,
                ' (' || quote_ident(attname) || ')',
                case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end,
                case when is_grantable then ' with grant option' end)
            from (
                select null as attname, acl.* from pg_class, aclexplode(relacl) as acl
                where pg_class.oid = '{{ old }}'::regclass
                union all
                select attname, acl.* from pg_attribute, aclexplode(attacl) as acl
                where attrelid = '{{ old }}'::regclass and not attisdropped
            ) as privileges
            union all
            select statements.alter from pg_class, lateral (values
                (relrowsecurity, 'alter table {{ new }} enable row level security'),
                (relforcerowsecurity, 'alter table {{ new }} force row level security')
            ) as statements (is_wanted, alter)
            where pg_class.oid = '{{ old }}'::regclass and statements.is_wanted
            union all
            select format('create policy %I on {{ named }} as %s for %s to %s%s%s', polname,
                case when polpermissive then 'permissive' else 'restrictive' end,
                case polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update'
                    when 'd' then 'delete' else 'all' end,
                (select string_agg(
                    case member when 0 then 'public' else quote_ident(pg_get_userbyid(member)) end, ', '
                ) from unnest(polroles) as members (member)),
                ' using (' || pg_get_expr(polqual, polrelid) || ')',
                ' with check (' || pg_get_expr(polwithcheck, polrelid) || ')')
            from pg_policy where polrelid = '{{ old }}'::regclass
            union all
            select format('comment on %s {{ named }}%s is %L',
                case objsubid when 0 then 'table' else 'column' end,
                '.' || quote_ident(attname), description)
            from pg_description
            left join pg_attribute on attrelid = objoid and attnum = nullif(objsubid, 0)
            where objoid = '{{ old }}'::regclass and classoid = 'pg_class'::regclass
            union all
            select regexp_replace(pg_get_indexdef(indexrelid), ' INDEX .*? USING ', ' INDEX ON {{ new }} USING ')
            from pg_index
            where indrelid = '{{ old }}'::regclass
            {%- for index in config.get('indexes', []) %}
                and not (indisunique = {{ index.get('unique', false) }}
                    and pg_get_indexdef(indexrelid) like '% ({{ index.columns | join(", ") }})')
            {%- endfor %}
        loop
            begin
                execute statement;
            exception when undefined_column then
                raise notice 'not carried over: %', statement;
            end;
        end loop;
    end
    $carry_over$;
{% endmacro %}
