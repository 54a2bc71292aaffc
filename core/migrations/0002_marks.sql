-- What was kept in the comments of schemas and views becomes rows: comments are for people.
-- {% macro migration_0002() %}

-- kind 'project': the digest of the dbt project whose build has succeeded last.
-- kind 'view': the digest of the SQL that made a view, by its schema and name.
-- It may be there: somebody dropped the schema raw, and with it its version.
create table if not exists intermediate.marks (
    kind text not null,
    name text not null,
    value text not null,
    noted_at timestamptz not null default clock_timestamp(),
    primary key (kind, name)
);

insert into intermediate.marks (kind, name, value)
select
    'project',
    'fact_events',
    substring(obj_description(oid, 'pg_namespace') from '^built by ([0-9a-f]+)$')
from pg_namespace
where nspname = 'intermediate' and obj_description(oid, 'pg_namespace') ~ '^built by [0-9a-f]+$'
on conflict (kind, name) do nothing;

insert into intermediate.marks (kind, name, value)
select
    'view',
    relnamespace::regnamespace::text || '.' || relname,
    substring(obj_description(oid, 'pg_class') from ' \[sql ([0-9a-f]{32})\]$')
from pg_class
where
    relkind = 'v'
    and relnamespace in (
        select oid from pg_namespace where nspname in ('staging', 'intermediate', 'analytics')
    )
    and obj_description(oid, 'pg_class') ~ ' \[sql [0-9a-f]{32}\]$'
on conflict (kind, name) do nothing;

do $comments$
declare
    view record;
begin
    if obj_description('raw'::regnamespace, 'pg_namespace') ~ '^fact-events [0-9a-f]+$' then
        comment on schema raw is null;
    end if;
    if obj_description('intermediate'::regnamespace, 'pg_namespace') ~ '^built by [0-9a-f]+$' then
        comment on schema intermediate is null;
    end if;
    for view in select name::regclass as relation from intermediate.marks where kind = 'view' loop
        execute format('comment on view %s is %L', view.relation,
            regexp_replace(obj_description(view.relation, 'pg_class'), ' \[sql [0-9a-f]{32}\]$', ''));
    end loop;
end
$comments$;
-- {% endmacro %}
