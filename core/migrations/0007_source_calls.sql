-- How many calls of its API a source has made of its budget (sources.toml, calls_per_day).
-- {% macro migration_0007() %}

create table raw.source_calls (
    source text not null,
    day date not null,
    calls integer not null,
    primary key (source, day)
);
-- {% endmacro %}
