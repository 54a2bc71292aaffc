-- A query of the statements that make the group roles of a warehouse what docs/roles.md says, in their
-- order; no row where nothing is to be changed. What the project has not made is none of `ours`.
with roles (kind, role, id) as (
    select kind, {prefix} || '_' || kind, (select oid from pg_roles where rolname = {prefix} || '_' || kind)
    from (
        values ('owner'), ('loader'), ('transformer'), ('orchestrator'), ('reporter'), ('reader')
    ) as kinds (kind)
),

-- Who may all that another may.
members (kind, of_kind) as (
    values
    ('owner', 'loader'),
    ('owner', 'transformer'),
    ('owner', 'reporter'),
    ('owner', 'reader'),
    ('orchestrator', 'loader'),
    ('orchestrator', 'transformer')
),

-- Landing vacuums and analyzes its tables, and builds alter theirs: only an owner may.
schemas (schema_name, kind, id, owner) as (
    select schema_name, kind, pg_namespace.oid, nspowner
    from (
        values
        ('raw', 'loader'),
        ('staging', 'transformer'),
        ('intermediate', 'transformer'),
        ('analytics', 'transformer'),
        ('partitions', 'transformer')
    ) as named (schema_name, kind)
    left join pg_namespace on nspname = schema_name
),

-- Of core/migrations and dlt; a test compares them with what is there.
state (table_names, schema_name) as (
    values
    (array[
        '_dlt_loads', '_dlt_pipeline_state', '_dlt_version', 'alert_silences', 'alerts', 'audit',
        'day_versions', 'delivered_days', 'deliveries', 'events', 'forgotten', 'forgotten_keys',
        'load_fields', 'loads', 'page_ends', 'retracted_profiles', 'schema_migrations',
        'source_calls', 'units', 'user_profiles'
    ], 'raw'),
    (array[
        'blocking_tests', 'built_days', 'marks', 'model_versions', 'moved_profiles', 'tested_days'
    ], 'intermediate')
),

made (id) as (
    select pg_class.oid
    from pg_class
    inner join pg_namespace on pg_namespace.oid = relnamespace
    inner join state on schema_name = nspname and relname = any(table_names)
    union
    select pg_class.oid
    from pg_class
    inner join pg_namespace on pg_namespace.oid = relnamespace
    inner join intermediate.marks on name = nspname || '.' || relname and marks.kind in ('table', 'view')
),

ours (schema_name, table_name, kind, owner, acl) as (
    select schema_name, relname, kind, relowner, coalesce(relacl, acldefault('r', relowner))
    from (
        select id from made
        union
        select inhrelid from pg_inherits inner join made on inhparent = made.id
    ) as tables
    inner join pg_class on pg_class.oid = tables.id
    inner join schemas on schemas.id = relnamespace
),

-- Without a table: all of ours in the schema.
may (kind, privilege, of_schema, of_table) as (
    values
    ('loader', 'select', 'intermediate', 'marks'),
    ('transformer', 'select', 'raw', null),
    ('transformer', 'update', 'raw', 'day_versions'),
    ('transformer', 'delete', 'raw', 'retracted_profiles'),
    ('transformer', 'insert', 'raw', 'audit'),
    ('transformer', 'update', 'raw', 'audit'),
    ('reporter', 'select', 'raw', 'schema_migrations'),
    ('reporter', 'select', 'raw', 'loads'),
    ('reporter', 'select', 'raw', 'load_fields'),
    ('reporter', 'select', 'raw', 'day_versions'),
    ('reporter', 'select', 'intermediate', null),
    ('reporter', 'select', 'analytics', null),
    ('reader', 'select', 'analytics', null),
    ('reader', 'select', 'partitions', null)
),

-- Of what the builds make from now on: tables, views, and each day's partition.
becomes_readable (kind, schema_name) as (
    select kind, of_schema from may
    where privilege = 'select' and of_table is null and of_schema != 'raw'
),

grants (kind, privilege, schema_name, table_name, owner, acl) as (
    select may.kind, privilege, ours.schema_name, ours.table_name, ours.owner, acl
    from may
    inner join ours on schema_name = of_schema and table_name = coalesce(of_table, table_name)
    -- The hashes of forgotten users, and their key, are landing's.
    where table_name not in ('forgotten', 'forgotten_keys')
),

of_database (kind, privilege) as (
    select kind, privilege from roles, (values ('connect'), ('temporary')) as privileges (privilege)
    union all
    select 'owner', 'create'
),

statements (step, statement) as (
    select 1, format('create role %I nologin', role) from roles where id is null

    union all
    select 2, format('grant %I to %I', held.role, holder.role)
    from members
    inner join roles as holder on holder.kind = members.kind
    inner join roles as held on held.kind = of_kind
    where not exists (select from pg_auth_members where roleid = held.id and member = holder.id)

    -- Who gives away what is theirs still needs it: only a superuser may without.
    union all
    select 3, format('grant %I to %I', role, current_user)
    from roles
    where roles.kind = 'owner' and not (select rolsuper from pg_roles where rolname = current_user)
        and not coalesce((select pg_has_role(oid, 'usage') from pg_roles where oid = id), false)

    -- A build waits for other sessions' snapshots, and names who holds a table.
    union all
    select 3, format('grant pg_read_all_stats to %I', role)
    from roles
    where roles.kind = 'transformer'
        and pg_has_role('pg_read_all_stats', 'usage with admin option')
        and not coalesce(
            (select pg_has_role(oid, 'pg_read_all_stats', 'usage') from pg_roles where oid = id), false)

    -- Everybody may connect and make temporary tables, unless somebody has taken that away.
    union all
    select 4, format('grant %s on database %I to %I', privilege, current_database(), role)
    from of_database inner join roles using (kind)
    where case
        when id is not null then not has_database_privilege(id, current_database(), privilege)
        else privilege = 'create' or not exists (
            select from pg_database,
                aclexplode(coalesce(datacl, acldefault('d', datdba))) as acl
            where datname = current_database() and grantee = 0 and lower(privilege_type) = privilege
        )
    end

    union all
    select 5, format('create schema %I authorization %I', schema_name, role)
    from schemas inner join roles using (kind)
    where schemas.id is null
    union all
    select 5, format('alter schema %I owner to %I', schema_name, role)
    from schemas inner join roles using (kind)
    where schemas.id is not null and owner is distinct from roles.id
    union all
    select 6, format('alter table %I.%I owner to %I', schema_name, table_name, role)
    from ours inner join roles using (kind)
    where owner is distinct from id

    union all
    select distinct 7, format('grant usage on schema %I to %I', of_schema, role)
    from may
    inner join roles using (kind)
    left join pg_namespace on nspname = of_schema
    where not exists (
        select from aclexplode(nspacl) where grantee = roles.id and privilege_type = 'USAGE'
    )
    union all
    select 8, format('grant %s on %I.%I to %I', privilege, schema_name, table_name, role)
    from grants inner join roles using (kind)
    where not exists (
        select from aclexplode(acl) where grantee = id and lower(privilege_type) = privilege
    )

    union all
    select 9, format(
        'alter default privileges for role %I in schema %I grant select on tables to %I',
        builder.role, schema_name, roles.role)
    from becomes_readable
    inner join roles using (kind)
    inner join roles as builder on builder.kind = 'transformer'
    left join pg_namespace on nspname = schema_name
    where not exists (
        select from pg_default_acl, aclexplode(defaclacl)
        where defaclrole = builder.id and defaclnamespace = pg_namespace.oid
            and defaclobjtype = 'r' and grantee = roles.id and privilege_type = 'SELECT'
    )
)

select statement from statements order by step, statement
