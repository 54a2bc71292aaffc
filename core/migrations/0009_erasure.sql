-- Who was forgotten, so that no later delivery brings them back; and who has taken what out, when.
-- {% macro migration_0009() %}

-- The keys of the hashes. Null: that of HASH_KEY, which is in no table.
create table raw.forgotten_keys (
    key_id text primary key,
    key text
);

-- One row per forgotten user: HMAC-SHA256 of the user_id. Rows of theirs are left out at landing.
create table raw.forgotten (
    user_hash text primary key,
    key_id text not null references raw.forgotten_keys (key_id),
    forgotten_at timestamptz not null default clock_timestamp()
);

-- Records of the unit that were left out so. `rows` are those that landed.
alter table raw.units add column forgotten bigint not null default 0;

-- In place: views on it, and who may read it, stay.
create or replace view raw.deliveries as
select
    source,
    table_name,
    ingest_date,
    max(load_id) as load_id,
    sum(rows)::bigint as rows,
    sum(forgotten)::bigint as forgotten
from raw.units
where live
group by source, table_name, ingest_date;

-- One row per command that took records out or built days anew: forget, prune, retract, rebuild.
-- `subject`: of forget the hash of the user, of prune the first day kept, of retract the unit, of rebuild
-- the days. Without finished_at it was cut off.
create table raw.audit (
    audit_id bigint generated always as identity primary key,
    command text not null,
    subject text not null,
    account text not null,
    role text not null default session_user,
    started_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz,
    deleted jsonb not null default '{}'
);
-- {% endmacro %}
