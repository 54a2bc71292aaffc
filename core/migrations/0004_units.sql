-- The unit of delivery is the file or the API window, no longer the day. A day that was delivered
-- before becomes one unit, which the next delivery of that day replaces; no row is written anew.
-- {% macro migration_0004() %}

-- Which of its load's units a row is of; 0 is the whole day of an older load.
alter table raw.events add column if not exists _unit integer not null default 0;
alter table raw.user_profiles add column if not exists _unit integer not null default 0;

-- The ledger. One row per unit and load that landed it; what replaced it, or took it back, ended it.
-- Its rows are those of its load, ingest day and number.
create table raw.units (
    source text not null,
    table_name text not null,
    unit text not null,
    region text not null default '',
    window_start timestamptz,
    window_end timestamptz,
    ingest_date date not null,
    load_id text not null references raw.loads (load_id),
    unit_no integer not null,
    rows bigint not null,
    url text,
    fingerprint text,
    content text,
    read_as text,
    received_at timestamptz not null,
    checked_at timestamptz not null,
    completed_at timestamptz not null,
    live boolean not null default true,
    ended_at timestamptz,
    primary key (load_id, table_name, ingest_date, unit_no)
);

create unique index units_live on raw.units (source, table_name, unit, region, window_start, window_end)
nulls not distinct where live;
create index units_window on raw.units (source, table_name, window_start, window_end) where live;
create index units_ingest_date on raw.units (ingest_date) where live;

insert into raw.units (
    source, table_name, unit, window_start, window_end, ingest_date, load_id, unit_no, rows,
    received_at, checked_at, completed_at
)
select
    deliveries.source,
    deliveries.table_name,
    deliveries.ingest_date::text,
    deliveries.ingest_date::timestamp at time zone 'UTC',
    (deliveries.ingest_date + 1)::timestamp at time zone 'UTC',
    deliveries.ingest_date,
    deliveries.load_id,
    0,
    deliveries.rows,
    loads.started_at,
    loads.started_at,
    loads.completed_at
from raw.deliveries
inner join raw.loads using (load_id);

-- What live units hold, by event day and region. Without a load: an event day that some earlier
-- delivery of the ingest day had, and the present one does not.
alter table raw.delivered_days add column load_id text, add column unit_no integer not null default 0;
update raw.delivered_days as held set load_id = units.load_id
from raw.units
where
    held.rows > 0
    and units.source = held.source
    and units.table_name = held.table_name
    and units.ingest_date = held.ingest_date;

-- What the pages of an API have shown of their ends, ever. `place`: where the mapping says that the
-- next page is named; `is_seen`: some page had it; `fullest`: the most records of a window's last page,
-- where nothing said that it was the last, and the window.
create table raw.page_ends (
    source text not null,
    table_name text not null,
    place text not null,
    is_seen boolean not null,
    fullest integer not null,
    fullest_window text not null,
    primary key (source, table_name, place)
);

-- Views on the table become views on the view, and who might read it still may: nothing of anybody's
-- is dropped. What else stands on it, a materialized view, stops the migration.
alter table raw.deliveries rename to deliveries_by_day;
create view raw.deliveries as
select
    source,
    table_name,
    ingest_date,
    max(load_id) as load_id,
    sum(rows)::bigint as rows
from raw.units
where live
group by source, table_name, ingest_date;

do $views$
declare
    granted record;
    dependent record;
begin
    for granted in
        select null as attname, acl.* from pg_class, aclexplode(relacl) as acl
        where pg_class.oid = 'raw.deliveries_by_day'::regclass and privilege_type = 'SELECT'
        union all
        select attname, acl.* from pg_attribute, aclexplode(attacl) as acl
        where attrelid = 'raw.deliveries_by_day'::regclass and privilege_type = 'SELECT'
    loop
        execute format(
            'grant select%s on raw.deliveries to %s%s',
            coalesce(' (' || quote_ident(granted.attname) || ')', ''),
            case when granted.grantee = 0 then 'public' else granted.grantee::regrole::text end,
            case when granted.is_grantable then ' with grant option' else '' end);
    end loop;
    for dependent in
        select distinct
            views.oid::regclass as relation,
            coalesce(' with (' || array_to_string(views.reloptions, ', ') || ')', '') as options
        from pg_depend
        inner join pg_rewrite on pg_rewrite.oid = pg_depend.objid
        inner join pg_class as views on views.oid = pg_rewrite.ev_class and views.relkind = 'v'
        where
            pg_depend.classid = 'pg_rewrite'::regclass
            and pg_depend.refobjid = 'raw.deliveries_by_day'::regclass
    loop
        execute format(
            'create or replace view %s%s as %s', dependent.relation, dependent.options,
            replace(pg_get_viewdef(dependent.relation), 'deliveries_by_day', 'deliveries'));
    end loop;
end
$views$;
drop table raw.deliveries_by_day;
-- {% endmacro %}
