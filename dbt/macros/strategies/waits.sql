{#- Whom a swap waits for. Detaching and attaching partitions is DDL: Postgres shows it to every snapshot at
    once, also to one from before the new rows were committed, which finds the day empty. So, as `create
    index concurrently` does, a swap waits until each of those is gone. -#}

{#- SWAP_WAIT: how many seconds a run waits for older snapshots and for readers, both together. An
    environment variable, not a --var: a new value of a variable costs a full parse. -#}
{% macro seconds_to_wait() %}
    {%- set text = env_var('SWAP_WAIT', '') or '300' -%}
    {%- if not modules.re.fullmatch('[0-9]{1,6}', text) -%}
        {%- do exceptions.raise_compiler_error("SWAP_WAIT='" ~ text ~ "' is not a number of seconds: give 0 to 999999") -%}
    {%- endif -%}
    {{ return(text | int) }}
{% endmacro %}


{% macro swap_deadline() %}
    {{ return(modules.datetime.datetime.now() + modules.datetime.timedelta(seconds=seconds_to_wait())) }}
{% endmacro %}


{#- Wait for the snapshots that are older than a transaction, the fence. Who is left at the deadline: rows
    of pid, user, what is held, since when. -#}
{% macro wait_for_older_snapshots(fence, deadline) %}
    {%- set wait = namespace(found=run_query(older_snapshots(fence)).rows, seconds=0.01) -%}
    {#- Not `for … if`: that asks its condition 100,000 times, a second in each swap. -#}
    {%- for _ in range(100000) -%}
        {%- if not wait.found -%}{{ return([]) }}{%- endif -%}
        {%- if modules.datetime.datetime.now() > deadline -%}{{ return(wait.found) }}{%- endif -%}
        {%- do run_query('select pg_sleep(' ~ wait.seconds ~ ')') -%}
        {%- set wait.seconds = [2 * wait.seconds, 0.5] | min -%}
        {#- Of those that were found first alone: with an old transaction that still writes, every
            snapshot looks old, also of those who came since. -#}
        {%- set wait.found = run_query(older_snapshots(fence, wait.found)).rows -%}
    {%- endfor -%}
{% endmacro %}


{#- A query of the sessions in this database with a snapshot from before a transaction id. -#}
{% macro older_snapshots(fence, among=none) -%}
    select activity.pid, activity.usename, 'has a snapshot', activity.xact_start::text, locks.virtualtransaction
    from pg_stat_activity as activity
    inner join pg_locks as locks
        on locks.pid = activity.pid and locks.locktype = 'virtualxid'
        and locks.virtualxid = locks.virtualtransaction
    where activity.datname = current_database() and activity.pid != pg_backend_pid()
        and activity.usesysid is not null -- autovacuum
        and age(activity.backend_xmin) > age('{{ fence }}'::xid8::xid)
        and activity.pid not in (
            select pid from pg_locks
            where locktype = 'advisory' and (classid, objid, objsubid) = {{ fill_lock() }}
        )
        -- Who waits for an advisory lock first of all has read nothing, and may wait for this run.
        and (
            activity.wait_event = 'advisory' and activity.xact_start = activity.query_start
        ) is not true
        {%- if among %}
        and (activity.pid, locks.virtualtransaction) in (
            {%- for row in among %}{{ ', ' if not loop.first }}({{ row[0] }}, '{{ row[4] }}'){% endfor -%}
        )
        {%- endif %}
    order by activity.xact_start
{%- endmacro %}


{#- In a fill: this statement reads what it has locked already, and is not waited for. -#}
{% macro mark_as_filling() %}
    select pg_advisory_xact_lock_shared({{ fill_lock()[0] }}, {{ fill_lock()[1] }})
    where current_setting('transaction_isolation') = 'read committed';
{% endmacro %}


{#- As pg_locks shows it: "fill" and "part" in letters; 2 is a lock of two numbers. -#}
{% macro fill_lock() %}{{ return((1718185068, 1885434484, 2)) }}{% endmacro %}


{#- A query of who else has a lock on a table or on one of its partitions. -#}
{% macro holders_of_locks(relation) -%}
    select distinct on (pid) pid, usename, 'reads it', xact_start::text
    from pg_locks
    inner join pg_stat_activity using (pid)
    where granted and pid != pg_backend_pid()
        and pg_locks.database = (select oid from pg_database where datname = current_database())
        and relation in (
            select '{{ relation }}'::regclass::oid
            union all
            select inhrelid from pg_inherits where inhparent = '{{ relation }}'::regclass
        )
    order by pid
{%- endmacro %}


{#- The settings of the open transaction, as statements that make them those of another one: pre-hooks
    may have set them for their transaction alone. -#}
{% macro local_settings() %}
    {%- set query -%}
        select format('select set_config(%L, %L, true); ', name, setting)
        from pg_settings
        where source = 'session' and context in ('user', 'superuser') and name not like 'transaction%'
    {%- endset -%}
    {{ return(run_query(query).columns[0].values() | join('')) }}
{% endmacro %}
