{#- The swap: the target's partitions go, the new ones come, some at a time. Each time is a transaction
    of its own, under a lock that is tried for 0.3 s and held for about as long: what readers wait. -#}

{#- Swap all chunks, or as much of them as is reached before the deadline: then who holds the target, rows as
    of holders_of_locks. -#}
{% macro swap_chunks(target, chunks, noted, settings, deadline) %}
    {%- for chunk in chunks -%}
        {%- set pause = namespace(seconds=0.05) -%}
        {%- for _ in range(100000) -%}
            {%- set step = run_query('begin; ' ~ settings ~ swap_some(target, chunk.beside, noted)).rows[0] -%}
            {%- do note_swapped(target, step[2], step[3]) -%}
            {%- do run_query('commit') -%}
            {%- if step[1] -%}
                {%- do model.update({'partition_overwrite_reached': true}) -%}
                {%- if step[0] == 0 -%}{%- break -%}{%- endif -%}
                {%- set pause.seconds = 0.05 -%}
            {%- elif modules.datetime.datetime.now() > deadline -%}
                {{ return(run_query(holders_of_locks(target)).rows) }}
            {%- else -%}
                {#- Readers go first for a while. -#}
                {%- do run_query('select pg_sleep(' ~ pause.seconds ~ ' * (0.5 + random()))') -%}
                {%- set pause.seconds = [2 * pause.seconds, 2] | min -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return([]) }}
{% endmacro %}


{#- What a project notes of partitions that were swapped, in their transaction. -#}
{% macro note_swapped(target, start, past) %}
    {%- if start and 'partition_overwrite_swapped' in context -%}
        {%- do run_query(partition_overwrite_swapped(swapped_partitions(target), start, past)) -%}
    {%- endif -%}
{% endmacro %}


{#- In a transaction: of the partitions of a table beside the target, as many as are swapped in time. Ends in a
    row: how many are left, whether the lock was got, the bounds of those that were swapped. -#}
{% macro swap_some(target, beside, noted) %}
    {%- set relaxed = temporary_of(target, 'relaxed') %}
    -- The first lock lets two swaps of one table queue before either reads the catalog; the second is
    -- the one that readers feel.
    {{ lock_writers_of(target) }}
    {{ tables_of_a_swap(target) }}
    create temporary table {{ relaxed }} (statement) on commit drop as
    {{ relaxations(target, beside, noted) }};

    do $swap$
    declare
        partition record;
        others text;
        relaxation text;
        locked_at timestamptz;
    begin
        perform set_config('partition_overwrite.is_locked', 'false', true);
        lock table {{ beside }} in access exclusive mode;
        begin
            set local lock_timeout = '300ms';
            lock table only {{ target }} in access exclusive mode;
            select string_agg(format('only %s', old), ', ') into others
            from ({{ pairs_of_partitions(target, beside) }}) as pairs
            where old is not null;
            -- Who reads a partition itself is not waited for with the whole table locked.
            if others is not null then
                execute format('lock table %s in access exclusive mode nowait', others);
            end if;
            for relaxation in select statement from {{ relaxed }} loop
                execute relaxation;
            end loop;
        exception when lock_not_available or undefined_table then
            return;
        end;
        set local lock_timeout = 0;
        locked_at := clock_timestamp();
        perform set_config('partition_overwrite.is_locked', 'true', true);
        for partition in {{ pairs_of_partitions(target, beside) }} loop
            exit when clock_timestamp() > locked_at + interval '300 ms';
            {{ swap_partition(target, beside) }}
        end loop;
        if not exists (select from pg_inherits where inhparent = '{{ beside }}'::regclass) then
            drop table {{ beside }};
        end if;
    end
    $swap$;
    select
        (select count(*) from pg_inherits where inhparent = to_regclass('{{ beside }}')),
        current_setting('partition_overwrite.is_locked')::boolean,
        min(start),
        max(past)
    from {{ swapped_partitions(target) }};
{% endmacro %}


{#- The temporary tables of the transaction: days to keep, partitions swapped. -#}
{% macro tables_of_a_swap(target) %}
    create temporary table {{ temporary_of(target, 'kept') }} on commit drop as
    {{ partition_overwrite_kept_days() }};
    create temporary table {{ swapped_partitions(target) }} (start text, past text) on commit drop;
{% endmacro %}


{% macro swapped_partitions(target) %}{{ return(temporary_of(target, 'swapped')) }}{% endmacro %}


{#- A query of the partitions that wait, each with the target's own of the same bounds, where it has one.
    pg_get_expr would open each of 1,000 partitions if it were told which one: 15 ms. -#}
{% macro pairs_of_partitions(target, beside) -%}
    select
        new.oid::regclass as new,
        old.oid::regclass as old,
        pg_get_expr(new.relpartbound, 0) as bounds,
        substring(pg_get_expr(new.relpartbound, 0) from 'FROM \(''(.+?)''\)') as start,
        substring(pg_get_expr(new.relpartbound, 0) from 'TO \(''(.+?)''\)') as past
    from pg_inherits
    inner join pg_class as new on new.oid = inhrelid
    left join (
        select pg_class.oid, pg_get_expr(relpartbound, 0) as bounds
        from pg_inherits inner join pg_class on pg_class.oid = inhrelid
        where inhparent = '{{ target }}'::regclass
    ) as old on old.bounds = pg_get_expr(new.relpartbound, 0)
    where inhparent = '{{ beside }}'::regclass
    order by start
{%- endmacro %}


{#- Of plpgsql: drop the partition with these bounds, where there is one, and attach the new one. One that
    has days to keep stays, and the new one goes. -#}
{% macro swap_partition(target, beside) %}
            if exists (
                select from {{ temporary_of(target, 'kept') }} as kept (day)
                where day >= partition.start::date
                    and day <= (partition.past::timestamp - interval '1 microsecond')::date
            ) then
                execute format('drop table %s', partition.new);
                continue;
            end if;
            if partition.old is not null then
                execute format('alter table %s detach partition %s', '{{ target }}', partition.old);
                execute format('drop table %s', partition.old);
            end if;
            execute format('alter table %s detach partition %s', '{{ beside }}', partition.new);
            execute format('alter table %s attach partition %s %s', '{{ target }}', partition.new, partition.bounds);
            execute format('alter table %s drop constraint partition_overwrite_bounds', partition.new);
            insert into {{ swapped_partitions(target) }} values (partition.start, partition.past);
{%- endmacro %}


{#- A query of the days to be kept that a partition has, or is of. -#}
{% macro kept_in(kept, partition) -%}
    select from {{ kept }} as kept (day)
    where day >= '{{ partition.start }}'::date and day <= ('{{ partition.end }}'::timestamp - interval '1 microsecond')::date
{%- endmacro %}
