-- Postgres refuses to update or delete rows of a published table without a replica identity, and
-- change data capture publishes all tables. A table without a primary key is told apart by whole
-- rows; that costs nothing where nobody publishes (wal_level = replica).
-- {% macro migration_0012() %}
do $identity$
declare
    without regclass;
begin
    for without in
        select pg_class.oid from pg_class
        where relkind = 'r' and relreplident = 'd'
            and not exists (select from pg_index where indrelid = pg_class.oid and indisprimary)
            and pg_class.oid in (
                select to_regclass(name) from intermediate.marks where kind = 'table'
                union all
                select to_regclass('raw.' || name) from unnest(array[
                    'events', 'user_profiles', 'delivered_days', 'load_fields',
                    'retracted_profiles', '_dlt_loads'
                ]) as ours (name)
            )
    loop
        execute format('alter table %s replica identity full', without);
    end loop;
end
$identity$;
-- {% endmacro %}
