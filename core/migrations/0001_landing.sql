-- The landing tables, the ledger, and the table of what was built. Databases from before there were
-- migrations have some of it: here, and here only, what exists is left alone.
-- {% macro migration_0001() %}

-- Under these names other people may have tables: what lacks a column of ours is none of ours.
do $theirs$
declare
    theirs text;
begin
    select string_agg(nspname || '.' || relname, ', ' order by relname) into theirs
    from (
        values
        ('raw', 'schema_migrations', array['version', 'name', 'applied_at']),
        ('raw', 'events', array['event_id', 'event_ts', 'ingest_date', 'source', '_dlt_load_id']),
        ('raw', 'user_profiles', array['user_id', 'updated_at', 'ingest_date', 'source', '_dlt_load_id']),
        ('raw', 'retracted_profiles', array['ingest_date', 'user_id']),
        ('raw', 'loads', array['load_id', 'source', 'first_day', 'last_day', 'completed_at']),
        ('raw', 'load_fields', array['load_id', 'table_name', 'field', 'type', 'sampled']),
        ('raw', 'units', array['source', 'table_name', 'unit', 'load_id', 'fingerprint']),
        ('raw', 'page_ends', array['source', 'table_name', 'place', 'fullest']),
        ('raw', 'deliveries', array['source', 'table_name', 'ingest_date', 'load_id', 'rows']),
        ('raw', 'delivered_days', array['source', 'table_name', 'ingest_date', 'event_date', 'rows']),
        ('raw', 'day_versions', array['kind', 'day', 'version', 'changed_at']),
        ('intermediate', 'built_days', array['model', 'kind', 'day', 'version', 'invocation_id']),
        ('intermediate', 'marks', array['kind', 'name', 'value', 'noted_at'])
    ) as ours (schema_name, table_name, columns)
    inner join pg_namespace on nspname = schema_name
    inner join pg_class on relnamespace = pg_namespace.oid and relname = table_name
    where not columns <@ array(
        select attname::text from pg_attribute where attrelid = pg_class.oid and not attisdropped
    );
    if theirs is not null then
        raise exception 'this project has not made %: rename it, or move it to another schema', theirs;
    end if;
end
$theirs$;

create schema if not exists raw;

-- One row per migration that has run. The greatest is the version of the schema.
create table if not exists raw.schema_migrations (
    version integer primary key,
    name text not null,
    applied_at timestamptz not null default clock_timestamp()
);

-- One row per received record. dlt appends; nothing else writes.
create table if not exists raw.events (
    event_id text,
    user_id text,
    event_type text,
    event_ts timestamptz,
    region text,
    payload jsonb,
    ingest_date date not null,
    event_date date,
    parse_error text,
    source text not null,
    _dlt_load_id text not null
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

-- The file's name of a rejected record: its mapping may need it when the record is replayed.
alter table raw.events add column if not exists file text;

-- A sample of 6,000 rows instead of 30,000 says as much of these columns in a quarter of the time.
alter table raw.events alter event_date set statistics 20, alter ingest_date set statistics 20,
alter user_id set statistics 20;

create table if not exists raw.user_profiles (
    user_id text,
    tier text,
    region text,
    updated_at timestamptz,
    payload jsonb,
    ingest_date date not null,
    parse_error text,
    source text not null,
    _dlt_load_id text not null
);

-- Rows arrive by day, so block ranges hold few days. BRIN costs a load nothing measurable where two
-- btrees cost it 60 % (1 M rows: 4.5 s against 4.4 s without and 7.0 s); minmax_multi keeps a late
-- row from widening its range to every day in between.
create index if not exists events_days on raw.events
using brin (event_date date_minmax_multi_ops, ingest_date date_minmax_multi_ops)
with (autosummarize = on);

create index if not exists user_profiles_days on raw.user_profiles
using brin (ingest_date date_minmax_multi_ops) with (autosummarize = on);

create index if not exists user_profiles_user on raw.user_profiles (user_id);

-- Users whose profile of an ingest day was taken back or changed by a later delivery of that day:
-- their history must be derived anew. Emptied by the build that has done so.
create table if not exists raw.retracted_profiles (
    ingest_date date not null,
    user_id text not null
);

-- One row per load, announced before its first row lands. Live once completed_at is set.
create table if not exists raw.loads (
    load_id text primary key,
    source text not null,
    first_day date not null,
    last_day date not null,
    started_at timestamptz not null default clock_timestamp(),
    completed_at timestamptz
);

-- The top-level fields that a load's records have, by JSON type, of so many records looked at.
create table if not exists raw.load_fields (
    load_id text not null references raw.loads (load_id) on delete cascade,
    table_name text not null,
    field text not null,
    type text not null,
    records bigint not null,
    sampled bigint not null
);

create index if not exists load_fields_load_id on raw.load_fields (load_id);

-- One row per source, table and ingest day: the load that is its live delivery, rows received.
create table if not exists raw.deliveries (
    source text not null,
    table_name text not null,
    ingest_date date not null,
    load_id text not null references raw.loads (load_id),
    rows bigint not null,
    primary key (source, table_name, ingest_date)
);

-- What those deliveries hold, by event day and region. With no rows: an event day that an earlier
-- delivery of the ingest day had, and this one does not.
create table if not exists raw.delivered_days (
    source text not null,
    table_name text not null,
    ingest_date date not null,
    event_date date,
    region text,
    rows bigint not null
);

create index if not exists delivered_days_ingest_date
on raw.delivered_days (ingest_date, source, table_name);
create index if not exists delivered_days_event_date on raw.delivered_days (event_date, ingest_date);

-- How often a day has changed: an event day when a load touched it, an ingest day when its events
-- were delivered, a profile day when its profiles were. A model is out of date for a day when it was
-- built from another version.
create table if not exists raw.day_versions (
    kind text not null check (kind in ('event_date', 'ingest_date', 'profile_date')),
    day date not null,
    version bigint not null default 1,
    changed_at timestamptz not null default clock_timestamp(),
    primary key (kind, day)
);

create schema if not exists intermediate;
-- The partitions' own tables: dbt caches every table of the schemas that it builds in.
create schema if not exists partitions;

-- Which version of a day each model was built from, by which dbt invocation.
create table if not exists intermediate.built_days (
    model text not null,
    kind text not null,
    day date not null,
    version bigint not null,
    invocation_id text not null,
    built_at timestamptz not null default clock_timestamp(),
    primary key (model, kind, day)
);

create index if not exists built_days_invocation on intermediate.built_days (invocation_id);
-- {% endmacro %}
