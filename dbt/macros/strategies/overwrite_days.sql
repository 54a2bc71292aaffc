{#- Incremental strategy: the days of the run's window become what the model's query says, also
    when that is nothing. One at a time per table, so that two runs cannot both insert a day; a day
    that another run has meanwhile built from newer rows stays (macros/days/built_days.sql).

    Config: overwrite_by, the day column; cell_column where cells of a day can be overwritten alone
    (macros/days/cells.sql); granularity `week` where overwrite_by is the Monday of a week, which is
    replaced whole when one of its days is. A week is read under the lock (lock_before_reading): all
    its days are as new as any other run has them, and none has to be kept. -#}
{% macro get_incremental_overwrite_days_sql(arg_dict) %}
    {%- set target, temp = arg_dict['target_relation'], arg_dict['temp_relation'] -%}
    {%- set columns = arg_dict['dest_columns'] | map(attribute='quoted') | join(', ') -%}
    {%- set not_kept = config.get('overwrite_by') ~ ' not in (select kept.day from ' ~ target.identifier ~ '_kept as kept)' -%}
    {{ lock_writers_of(target) }}
    create temporary table {{ target.identifier }}_kept on commit drop as
    {{ newer_days() }}{% if config.get('granularity') == 'week' %} and false{% endif %};
    delete from {{ target }}
    where ({{ day_condition(config.require('overwrite_by'), whole_units(window_of_this_run(), config.get('granularity'))) }})
        and {{ in_cells(config.get('cell_column')) }}
        and {{ not_kept }};
    insert into {{ target }} ({{ columns }}) select {{ columns }} from {{ temp }} where {{ not_kept }};
{% endmacro %}


{#- Before a model of weeks reads: what it reads of the days that this run does not build must not be older
    than what another run has written of the same week. -#}
{% macro lock_before_reading() %}
    {%- if config.get('granularity') == 'week' -%}{% do run_query(lock_writers_of(this)) %}{%- endif -%}
{% endmacro %}
