{#- The config keys of these strategies, one table: README.md beside this file says what they mean. -#}
{% macro strategy_keys() %}
    {{ return({
        'partition_overwrite': {
            'needs': ['partition_by'], 'may_have': [], 'has_no': ['unlogged', 'incremental_predicates'],
        },
        'overwrite_days': {'needs': ['overwrite_by'], 'may_have': ['cell_column', 'granularity']},
        'sync_rows': {'needs': ['unique_key'], 'may_have': ['sync_where']},
    }) }}
{% endmacro %}


{#- What dbt and its Postgres adapter know: any other key of a model is misspelt. -#}
{% macro adapter_keys() %}
    {{ return((
        'access alias batch_size begin column_types concurrent_batches contract database docs enabled event_time '
        ~ 'freshness full_refresh grants group incremental_predicates incremental_strategy indexes lookback '
        ~ 'materialized meta on_configuration_change on_schema_change packages persist_docs post-hook pre-hook '
        ~ 'quoting schema sql_header static_analysis tags unique_key unlogged'
    ).split()) }}
{% endmacro %}


{#- on-run-start: before any model runs, refuse keys that are missing, misspelt or have no such value: a line a
    model, all of them at once. -#}
{% macro check_strategy_configs() -%}
    {%- if not execute -%}{{ return('') }}{%- endif -%}
    {%- set faults = [] -%}
    {%- for node in graph.nodes.values()
        if node.config.get('incremental_strategy') in strategy_keys() and node.config.materialized == 'incremental' -%}
        {%- set fault = strategy_config_fault(node) -%}
        {%- if fault -%}{%- do faults.append(node.name ~ ': ' ~ fault ~ ' (macros/strategies/README.md)') -%}{%- endif -%}
    {%- endfor -%}
    {%- if faults -%}{%- do exceptions.raise_compiler_error(faults | join('\n')) -%}{%- endif -%}
{%- endmacro %}


{#- The first thing that is wrong with a model's config, in a few words; none where nothing is. -#}
{% macro strategy_config_fault(node) %}
    {%- set strategy, config = node.config.incremental_strategy, node.config -%}
    {%- set keys = strategy_keys()[strategy] -%}
    {%- for key, value in config.items()
        if value is not none and key not in adapter_keys() and key not in keys.needs + keys.may_have -%}
        {{ return(key ~ ' is no config of ' ~ strategy) }}
    {%- endfor -%}
    {%- for key in keys.get('has_no', []) if config.get(key) is not none -%}
        {{ return(key ~ ' means nothing to ' ~ strategy) }}
    {%- endfor -%}
    {%- for key in keys.needs if not config.get(key) -%}
        {{ return(strategy ~ ' needs the config ' ~ key) }}
    {%- endfor -%}
    {%- if strategy == 'partition_overwrite' -%}
        {{ return(_partition_by_fault(config.partition_by, node)) }}
    {%- endif -%}
    {%- for key in ('overwrite_by', 'cell_column') if config.get(key) and config[key] not in node.columns -%}
        {{ return(key ~ "='" ~ config[key] ~ "' is no column of the model's yml") }}
    {%- endfor -%}
    {%- if strategy == 'overwrite_days' and config.get('granularity', 'day') not in ('day', 'week') -%}
        {{ return("granularity='" ~ config.granularity ~ "' is neither day nor week") }}
    {%- endif -%}
    {%- if strategy == 'overwrite_days' and config.get('granularity') == 'week' and config.get('cell_column') -%}
        {{ return('cell_column means nothing to weeks') }}
    {%- endif -%}
    {%- if strategy == 'sync_rows' and config.unique_key is string -%}
        {{ return("unique_key='" ~ config.unique_key ~ "' is no list") }}
    {%- endif -%}
    {{ return(none) }}
{% endmacro %}


{% macro _partition_by_fault(partition_by, node) %}
    {%- if partition_by is not mapping -%}{{ return("partition_by='" ~ partition_by ~ "' is no mapping") }}{%- endif -%}
    {%- for key in partition_by if key not in ('field', 'granularity', 'schema') -%}
        {{ return('partition_by.' ~ key ~ ' is neither field, granularity nor schema') }}
    {%- endfor -%}
    {%- set column, unit = partition_column(node), partition_by.get('granularity', 'day') -%}
    {%- if column is none -%}
        {{ return("partition_by.field='" ~ partition_by.get('field', '') ~ "' is no column of the model's yml") }}
    {%- endif -%}
    {%- set type, units = type_of_time(column.data_type), ('hour', 'day', 'week', 'month', 'quarter', 'year') -%}
    {%- if unit not in units -%}
        {{ return("partition_by.granularity='" ~ unit ~ "' is none of " ~ units | join(', ')) }}
    {%- endif -%}
    {%- if type is none -%}
        {{ return("partition_by.field='" ~ column.name ~ "' is of the type " ~ column.data_type ~ ', not date, timestamp or timestamptz') }}
    {%- endif -%}
    {%- if type == 'date' and unit == 'hour' -%}
        {{ return("partition_by.granularity='hour', and partition_by.field='" ~ column.name ~ "' is a date") }}
    {%- endif -%}
    {%- if not node.config.contract.enforced -%}{{ return('partition_overwrite needs an enforced contract') }}{%- endif -%}
    {%- set key = node.config.get('unique_key') or [] -%}
    {%- set names = ([key] if key is string else key) | map('lower') | map('replace', '"', '') | list -%}
    {%- if key and column.name | lower not in names -%}
        {{ return("unique_key='" ~ names | join(', ') ~ "' lacks " ~ column.name ~ ', which every unique index of partitions has') }}
    {%- endif -%}
    {{ return(none) }}
{% endmacro %}
