-- A day is built from profiles too: those that move while it is being built make it out of date.
-- {% macro migration_0010() %}

-- One row per version of a user that came or went, numbered in the order in which they were committed
-- (dbt/macros/days/moved_profiles.sql). Without user_id: all of them. Without valid_from: since ever.
create table if not exists intermediate.moved_profiles (
    move bigint generated always as identity primary key,
    user_id text,
    valid_from timestamptz,
    valid_to timestamptz,
    noted_at timestamptz not null default clock_timestamp()
);

-- The last row there that the build has read. Null: it reads no profiles, or did not note it.
alter table intermediate.built_days add column if not exists profiles bigint;
-- {% endmacro %}
