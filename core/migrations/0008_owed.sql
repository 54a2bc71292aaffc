-- A day is right only when its blocking tests passed on what is in it, and today's models built it.
-- {% macro migration_0008() %}

-- Null: built before it was noted.
alter table intermediate.built_days
add column if not exists model_version text,
add column if not exists seconds double precision;

-- What the rows of a windowed model are made by today (dbt/macros/days/model_versions.sql).
create table if not exists intermediate.model_versions (
    model text primary key,
    version text not null,
    noted_at timestamptz not null default clock_timestamp()
);

-- The blocking tests there are. `model`: the windowed model whose days it looks at; null: it always
-- looks at everything.
create table if not exists intermediate.blocking_tests (
    test text primary key,
    definition text not null,
    model text,
    noted_at timestamptz not null default clock_timestamp()
);

-- What a blocking test said last of a day, of which build, by which definition. `passed` is null
-- while it runs, and stays so where it was killed. Of a test that always looks at everything: the
-- days for which it failed.
create table if not exists intermediate.tested_days (
    test text not null,
    day date not null,
    definition text not null,
    built_at timestamptz,
    invocation_id text not null,
    passed boolean,
    tested_at timestamptz not null default clock_timestamp(),
    primary key (test, day)
);
-- {% endmacro %}
