-- Who reads the whole fact table locks each of its partitions, and each index of it. The server has
-- room for max_locks_per_transaction locks a connection, whoever takes them; eight such readers at
-- once are enough for what people do. Postgres gave up at 3,000 daily partitions with 64.
with

partitions as (
    select
        count(*) as partitions,
        count(*) + coalesce(sum(indexes.number), 0) as locks_of_a_reader
    from pg_inherits as children
    left join lateral (
        select count(*) as number from pg_index
        where pg_index.indrelid = children.inhrelid
    ) as indexes on true
    where children.inhparent = to_regclass('{{ ref("fact_events").include(database=false) }}')
),

server as (
    select
        current_setting('max_locks_per_transaction')::bigint as locks_a_connection,
        current_setting('max_connections')::bigint
        + current_setting('max_prepared_transactions')::bigint as connections
),

needed as (
    select
        partitions.partitions,
        server.locks_a_connection,
        ceil(8.0 * partitions.locks_of_a_reader / server.connections)::bigint as locks_needed
    from partitions
    cross join server
)

select
    partitions,
    locks_a_connection,
    locks_needed,
    partitions < 2000 or locks_a_connection >= locks_needed as is_enough
from needed
