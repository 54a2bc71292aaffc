{#- Locks that builds take. Their order: writers of a relation first, then the relation itself. -#}

{#- One run at a time writes rows, partitions or comments of a relation, until its transaction ends. -#}
{% macro lock_writers_of(relation) -%}
    select pg_advisory_xact_lock(hashtextextended('{{ relation }}', 0));
{%- endmacro %}


{#- ACCESS EXCLUSIVE on a partitioned table and those of its partitions that a query names; without
    ONLY, Postgres would lock every partition there is. Each try waits half a second at most, because
    new readers queue behind a waiting lock; then they go first for a while. A partition that somebody
    dropped meanwhile is looked for again. Gives up after SWAP_WAIT seconds, and names the readers. Where
    the query names none, nothing is locked. -#}
{% macro lock_with_retries(relation, partitions_query) %}
    do $lock$
    declare
        deadline timestamptz := clock_timestamp() + interval '{{ seconds_to_wait() }} seconds';
        tries int := 0;
        partitions text;
        holders text;
    begin
        loop
            begin
                set local lock_timeout = '500ms';
                select string_agg(format(', only %s', partition), '') into partitions
                from ({{ partitions_query }}) as named (partition);
                exit when partitions is null;
                execute format('lock table only %s%s in access exclusive mode', '{{ relation }}', partitions);
                exit;
            exception when lock_not_available or undefined_table then
                tries := least(tries + 1, 10);
                if clock_timestamp() > deadline then
                    select string_agg(format('pid %s (%s) %s since %s', pid, who, what, since), ', ') into holders
                    from ({{ holders_of_locks(relation) }}) as held (pid, who, what, since);
                    raise exception '% was held for {{ seconds_to_wait() }} s (SWAP_WAIT): %', '{{ relation }}',
                        coalesce(holders, 'by readers that have ended since; try again')
                    using errcode = 'lock_not_available';
                end if;
                perform pg_sleep(least(0.05 * 2 ^ tries, 2.0) * (0.5 + random()));
            end;
        end loop;
        set local lock_timeout = 0;
    end
    $lock$;
{% endmacro %}
