{#- Incremental strategy for Postgres: a run replaces exactly the partitions of its window, also by
    nothing. docs/partition_overwrite.md explains it, its config, and how to use it elsewhere: supply
    partition_overwrite_spans(), the run's window, [{first, last}, ...] with inclusive days; and
    partition_overwrite_kept_days(), a query of those days that another run has meanwhile replaced from
    newer input, which stay as they are (none: "select null::date where false"). Where there is a macro
    partition_overwrite_swapped(swapped, start, past), its SQL runs in each transaction that swaps, when
    the rows are in place: `swapped` is a table of the partitions' bounds, columns `start` and `past`;
    the arguments of these names are the lowest and the highest.

    The rows are there, and committed (macros/strategies/partitioned_table.sql). What remains ends with
    the target's new partitions, or with a warning that says which of them wait for whom. -#}
{% macro get_incremental_partition_overwrite_sql(arg_dict) %}
    {%- set target, new, noted = arg_dict['target_relation'], arg_dict['temp_relation'], arg_dict.get('noted', {}) -%}
    {%- set chunks, settings, deadline = chunks_of_window(new), local_settings(), swap_deadline() -%}
    {%- do require_partitioned(target) -%}
    {%- do require_nobody_refers_to(target) -%}
    {%- do require_types_that_fit(target, new) -%}
    {%- do run_query('commit') -%}
    {%- for chunk in chunks -%}
        {%- do run_query(settings ~ make_ready(target, chunk, noted)) -%}
    {%- endfor -%}
    {%- if is_published(target) -%}
        {%- do replace_rows_of_chunks(target, chunks, noted, settings) -%}
    {%- else -%}
        {%- do model.update({'partition_overwrite_reached': false}) -%}
        {#- To an older snapshot, a partition that is not there yet has no rows, as it should. -#}
        {%- set replaced = run_query(partitions_in_place(target, partitions_of_window()) ~ ' limit 1').rows -%}
        {%- set holders = (wait_for_older_snapshots(model.partition_overwrite_filled, deadline) if replaced)
            or swap_chunks(target, chunks, noted, settings, deadline) -%}
        {%- do warn_of_waiting_partitions(chunks, holders) -%}
    {%- endif -%}
    {%- do drop_besides(chunks) -%}
    {#- The transaction of the post-hooks. -#}
    begin;
    {{ settings }}
    select 1;
{% endmacro %}


{#- Say which partitions are still beside the target, if there are any. -#}
{% macro warn_of_waiting_partitions(chunks, holders) %}
    {%- set waiting -%}
        select substring(pg_get_expr(relpartbound, 0) from 'FROM \(''(.+?)''\)') as start
        from pg_inherits inner join pg_class on pg_class.oid = inhrelid
        where inhparent in (null
            {%- for chunk in chunks -%}, to_regclass('{{ chunk.beside }}'){%- endfor -%}
        )
        order by start
    {%- endset -%}
    {%- set starts = run_query(waiting).columns[0].values() -%}
    {%- if not starts -%}{{ return('') }}{%- endif -%}
    {%- set people = [] -%}
    {%- for row in holders -%}
        {%- do people.append('pid ' ~ row[0] ~ ' (' ~ row[1] ~ ') ' ~ row[2] ~ ' since ' ~ (row[3] or 'an unknown time')) -%}
    {%- endfor -%}
    {%- do exceptions.warn(
        model.name ~ ': ' ~ starts | length ~ ' partitions wait (' ~ starts[:5] | join(', ')
        ~ (', …' if starts | length > 5 else '') ~ '): ' ~ (people[:3] | join(', ') or 'readers come and go')
        ~ '; the next build replaces them') -%}
{% endmacro %}


{#- Every column but JSON: nobody asks its distribution, and it would be half of the time. -#}
{% macro columns_to_analyze() %}
    {%- set columns = [] -%}
    {%- for column in model.columns.values() if column.data_type not in ('json', 'jsonb') -%}
        {%- do columns.append(adapter.quote(name_in_postgres(column))) -%}
    {%- endfor -%}
    {{ return(columns | join(', ')) }}
{% endmacro %}


{% macro require_partitioned(relation) %}
    {%- set kind = run_query("select relkind::text from pg_class where oid = '" ~ relation ~ "'::regclass").rows[0][0] -%}
    {%- if kind != 'p' -%}
        {%- do exceptions.raise_compiler_error(relation ~ ' is not partitioned yet: run dbt once with --full-refresh') -%}
    {%- endif -%}
{% endmacro %}
