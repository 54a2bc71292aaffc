{#- Partitions: which ones a run has, and which lie there already. -#}

{#- Whether the model is one of partition_overwrite: partition_by says nothing to other strategies. -#}
{% macro is_partition_overwrite() %}
    {{ return(
        config.get('materialized') == 'incremental' and config.get('incremental_strategy') == 'partition_overwrite'
    ) }}
{% endmacro %}


{#- The partitions of the run's window: [{start, end}, ...], half-open. Reckoned by Postgres, whose years go
    from -4713 to 294276, and in its words, in which it also tells a partition's bounds. -#}
{% macro partitions_of_window() %}
    {%- set unit = config.require('partition_by').get('granularity', 'day') -%}
    {%- set type, spans = partition_type(), [] -%}
    {%- for span in partition_overwrite_spans() -%}
        {%- do spans.append("('" ~ span.first ~ "', '" ~ span.last ~ "')") -%}
    {%- endfor -%}
    {%- if not spans -%}{{ return([]) }}{%- endif -%}
    {%- set step = {'quarter': '3 months'}.get(unit, '1 ' ~ unit) -%}
    {%- set found -%}
        {#- The start itself is not fetched: Python's years end at 9999. #}
        select
            ((start){{ " at time zone 'UTC'" if type == 'timestamptz' }})::{{ type }}::text as start_at,
            ((start + interval '{{ step }}'){{ " at time zone 'UTC'" if type == 'timestamptz' }})::{{ type }}::text as end_at
        from (values {{ spans | join(', ') }}) as spans (first, last)
        cross join lateral generate_series(
            date_trunc('{{ unit }}', first::timestamp),
            {#- A last day is meant with all its hours. #}
            case when last like '%:%' then last::timestamp
                else last::date::timestamp + interval '1 day' - interval '1 microsecond' end,
            interval '{{ step }}'
        ) as series (start)
        {%- if is_sample() %}
        where start >= '{{ invocation_args_dict['sample'].start.isoformat() }}'::timestamptz at time zone 'UTC'
            and start + interval '{{ step }}'
            <= '{{ invocation_args_dict['sample'].end.isoformat() }}'::timestamptz at time zone 'UTC'
        {%- endif %}
        group by start
        order by start
    {%- endset -%}
    {%- set listed = [] -%}
    {%- for row in run_query(found).rows -%}
        {%- do listed.append({'start': row[0], 'end': row[1]}) -%}
    {%- endfor -%}
    {{ return(listed) }}
{% endmacro %}


{#- The partitions of the run's window in chunks, each filled and swapped by itself:
    [{beside, partitions}, ...]. beside is the table that holds a chunk's partitions until they are
    swapped; the first one is dbt's own relation for new rows. There is always one. -#}
{% macro chunks_of_window(new) %}
    {%- set size, chunks = partitions_a_chunk(), [] -%}
    {%- for partitions in partitions_of_window() | batch(size) -%}
        {%- set name = new.identifier ~ ('' if loop.first else '_' ~ loop.index) -%}
        {%- do chunks.append({'beside': new.incorporate(path={'identifier': name}), 'partitions': partitions}) -%}
    {%- endfor -%}
    {{ return(chunks or [{'beside': new, 'partitions': []}]) }}
{% endmacro %}


{#- As many as an eighth of the server's locks is enough for. A swapped partition takes some for the
    old table and for the new one: each with its TOAST table, the index of that, and its indexes. -#}
{% macro partitions_a_chunk() %}
    {%- set query -%}
        select current_setting('max_locks_per_transaction')::bigint
            * (current_setting('max_connections')::int + current_setting('max_prepared_transactions')::int)
    {%- endset -%}
    {%- set locks_of_one = 2 * (3 + config.get('indexes', []) | length) -%}
    {%- set affordable = run_query(query).rows[0][0] // (8 * locks_of_one) -%}
    {{ return([1, [250, affordable] | min] | max | int) }}
{% endmacro %}


{#- dbt run --sample reads a part of what it refers to: only partitions that lie within it are whole. -#}
{% macro is_sample() %}
    {{ return(invocation_args_dict.get('sample') is not none) }}
{% endmacro %}


{#- The type of the column that partitions are of: date, timestamp or timestamptz. -#}
{% macro partition_type() %}
    {{ return(type_of_time(partition_column(model).data_type)) }}
{% endmacro %}


{#- One of Postgres' types of time, by whichever of its names; none of other types. -#}
{% macro type_of_time(data_type) %}
    {%- set name = modules.re.sub('[(][0-9]+[)]', '', (data_type or '') | lower) | trim -%}
    {{ return({
        'date': 'date', 'timestamp': 'timestamp', 'timestamp without time zone': 'timestamp',
        'timestamptz': 'timestamptz', 'timestamp with time zone': 'timestamptz',
    }.get(modules.re.sub(' +', ' ', name))) }}
{% endmacro %}


{#- The entry of the model's yml that partition_by.field names; none where there is none. Postgres makes
    lower case of names that are not quoted. -#}
{% macro partition_column(node) %}
    {%- set field = node.config.partition_by.get('field') | string -%}
    {%- for column in node.columns.values() -%}
        {%- if column.name == field or not column.quote and column.name | lower == field | lower -%}
            {{ return(column) }}
        {%- endif -%}
    {%- endfor -%}
    {{ return(none) }}
{% endmacro %}


{#- That column's name as Postgres has it, quoted. -#}
{% macro partition_field() %}
    {{ return(adapter.quote(name_in_postgres(partition_column(model)))) }}
{% endmacro %}


{% macro name_in_postgres(column) %}
    {{ return(column.name if column.quote else column.name | lower) }}
{% endmacro %}


{#- A query of the target's own partitions with the bounds of `partitions`: those to be replaced.
    pg_get_expr would open each of 1,000 partitions if it were told which one: 15 ms. -#}
{% macro partitions_in_place(target, partitions) -%}
    select inhrelid::regclass
    from pg_inherits
    inner join pg_class on pg_class.oid = inhrelid
    where inhparent = '{{ target }}'::regclass
        and pg_get_expr(relpartbound, 0) in (
            null
            {%- for p in partitions -%}
            , {{ bounds_literal(p) }}
            {%- endfor %}
        )
{%- endmacro %}


{% macro bounds_literal(partition) -%}
    'FOR VALUES FROM (''{{ partition.start }}'') TO (''{{ partition.end }}'')'
{%- endmacro %}


{#- A query of the partitions that a full refresh leaves without rows: those that its window has not. A project
    in which another run may have built more meanwhile says it better, as postgres__partitions_of_nothing. -#}
{% macro partitions_of_nothing(target, partitions) -%}
    {{ adapter.dispatch('partitions_of_nothing')(target, partitions) }}
{%- endmacro %}


{% macro default__partitions_of_nothing(target, partitions) -%}
    select inhrelid::regclass
    from pg_inherits
    where inhparent = '{{ target }}'::regclass
        and inhrelid not in ({{ partitions_in_place(target, partitions) }})
{%- endmacro %}
