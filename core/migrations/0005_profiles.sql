-- Profiles are accounted like events: rejected ones can be replayed, and each version of a user says
-- which delivery was the first to say it.
-- {% macro migration_0005() %}

alter table raw.user_profiles add column if not exists file text;

-- Where the versions were built they get the column here, since the next build reads it before dbt
-- would add it. All deliveries are looked at once more to fill it.
do $first_ingest_date$
begin
    if exists (select from intermediate.built_days where model = 'dim_user_versions') then
        alter table analytics.dim_user_versions add column if not exists first_ingest_date date;
        delete from intermediate.built_days where model = 'dim_user_versions';
    end if;
end
$first_ingest_date$;
-- {% endmacro %}
