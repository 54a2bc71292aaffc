{#- Incremental strategy for Postgres: a run replaces exactly the partitions of its window, also by
    nothing, in one transaction. docs/partition_overwrite.md explains it, its config, and how to use it
    elsewhere: supply partition_overwrite_spans(), the run's window, [{first, last}, ...] with inclusive
    days; and partition_overwrite_kept_days(), a query of those days that another run has meanwhile
    replaced from newer input, which stay as they are (none: "select null where false"). -#}
{% macro get_incremental_partition_overwrite_sql(arg_dict) %}
    {%- set target, new = arg_dict['target_relation'], arg_dict['temp_relation'] -%}
    {%- set noted, partitions = arg_dict.get('noted', {}), partitions_of_window() -%}
    {{ require_partitioned(target) }}
    {{ require_nobody_refers_to(target) }}
    {{ require_types_that_fit(target, new) }}

    -- Nobody sees the new partitions yet: everything slow happens here. Indexes come after the rows,
    -- so that attaching finds them; a valid check lets it believe the bounds without a scan.
    {{ add_what_others_have_added(target, new, noted, is_increment=true) }}
    create temporary table {{ temporary_of(target, 'relaxed') }} on commit drop as
    {{ relaxations(target, new, noted) }};
    {%- if not is_published(target) %}
    {{ hang_on_partitions(target, partitions) }}
    {{ detach_from_beside(new, partitions) }}
    {%- endif %}

    -- From here on others may wait. The first lock lets two swaps of one table queue before either
    -- reads the catalog; the second is the short one that readers feel.
    {{ lock_writers_of(target) }}
    {{ lock_with_retries(target, partitions_in_place(target, partitions)) }}
    {{ execute_each('select statement from ' ~ temporary_of(target, 'relaxed') ~ ' as relaxed (statement)', target) }}
    create temporary table {{ temporary_of(target, 'kept') }} on commit drop as
    {{ partition_overwrite_kept_days() }};
    {%- if is_published(target) %}
    {{ replace_rows(target, new, partitions) }}
    {%- else %}
    {%- for p in partitions %}
    {{ swap_partition(target, partition_relation(p), p) }}
    {%- endfor %}
    {%- endif %}
{% endmacro %}


{#- Make tables of the partitions beside the target, ready to be attached to it. -#}
{% macro detach_from_beside(new, partitions) %}
    {%- set field = partition_field() -%}
    {%- for p in partitions %}
    alter table {{ partition_relation(p) }} add constraint partition_overwrite_bounds
    check ({{ field }} is not null and {{ field }} >= '{{ p.start }}' and {{ field }} < '{{ p.end }}');
    alter table {{ new }} detach partition {{ partition_relation(p) }}; -- noqa: PRS
    analyze {{ partition_relation(p) }} ({{ columns_to_analyze() }});
    {%- endfor %}
    drop table {{ new }};
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
