{#- Which days a run rebuilds.

    Every change of a day in raw gives it a new version (raw.day_versions). Every incremental model
    notes the version it was built from (intermediate.built_days, written in the transaction that
    replaces the days). So a model's out-of-date days are known exactly, however old they are, and
    no look-back has to be guessed.

    A run without --event-time-start builds the days that are out of date. A run with a range
    builds the range, and those out-of-date event days that deliveries of the range touched: late
    rows reach their own day. Profiles are brought up to date in every run: any day may need them. -#}

{#- The condition that keeps a model's query to this run's days. The comment in front of it names
    the days with their versions; mark_days_built reads it back after the days are replaced.

    column: the model's day column. kind: what it is a day of: event_date, ingest_date, profile_date.
    upstream: the windowed model this one reads, none if it reads raw. -#}
{% macro in_window(column, kind, upstream=none) -%}
    {%- set spans = window_spans(kind, upstream) -%}
    {{ window_comment(kind, spans) }}
    {%- if kind == 'event_date' and upstream is none %} {{ profiles_comment() }}{% endif %}
    {#- A full build of a partitioned model names its days too: it has partitions for just those. #}
    {% if has_window() or config.get('partition_by') is not none -%}
        ({{ day_condition(column, whole_units(spans, config.get('granularity'))) }})
    {%- else -%}
        true
    {%- endif %}
    /* end of window */
{%- endmacro %}


{#- This run's days of a model, runs of consecutive days of one version joined:
    [{first, last, version}, ...] with inclusive days. -#}
{% macro window_spans(kind, upstream=none) %}
    {#- dbt run --empty reads no row: no day may become what it read. -#}
    {%- if not has_state() or invocation_args_dict.get('empty') -%}{{ return([]) }}{%- endif -%}
    {%- set start, end = invocation_args_dict.get('event_time_start'), invocation_args_dict.get('event_time_end') -%}
    {%- set query -%}
        with wanted as (
            select v.day, v.version
            from {{ days_of_upstream(upstream) }} as v
            left join {{ schema_of('intermediate') }}.built_days as b
                on b.model = '{{ model.name }}' and b.kind = v.kind and b.day = v.day
            {%- if kind == 'profile_date' %}
            left join {{ schema_of('intermediate') }}.model_versions as m on b.model = m.model
            {%- endif %}
            where v.kind = '{{ kind }}'
                {%- if upstream is not none %} and v.model = '{{ upstream }}'{% endif %}
                {%- if has_window() and start and kind != 'profile_date' %}
                and (
                    (v.day >= date '{{ start }}' and v.day < date '{{ end }}')
                    {%- if kind == 'event_date' %}
                    or (
                        b.version is distinct from v.version
                        and v.day in (
                            select event_date from {{ schema_of('raw') }}.delivered_days
                            where ingest_date >= date '{{ start }}' and ingest_date < date '{{ end }}'
                        )
                    )
                    {%- endif %}
                )
                {%- elif is_incremental() and kind == 'profile_date' %}
                and (b.version is distinct from v.version or b.model_version != m.version)
                {%- elif is_incremental() %}
                and b.version is distinct from v.version
                {%- endif %}
        )
        {%- if invocation_args_dict.get('which') == 'show' %}
        , newest as (
            select day, version from {{ days_of_upstream(upstream) }} as v
            where kind = '{{ kind }}'{% if upstream is not none %} and model = '{{ upstream }}'{% endif %}
            order by day desc limit 1
        )
        {{ spans_of("newest") }}
        {%- else %}
        {{ spans_of("wanted") }}
        {%- endif %}
    {%- endset -%}
    {{ return(span_rows(query)) }}
{% endmacro %}


{#- Whether a model reads the days of its window alone. A full build reads all, but for a developer who has asked
    for some (TARGET=dev --event-time-start). -#}
{% macro has_window() %}
    {{ return(is_incremental() or (is_dev() and invocation_args_dict.get('event_time_start') is not none)) }}
{% endmacro %}


{#- The days that a windowed model reads, with their versions: raw's, or those that its upstream has built. -#}
{% macro days_of_upstream(upstream) %}
    {{ return(schema_of('raw') ~ '.day_versions' if upstream is none else built_days_of_upstream()) }}
{% endmacro %}


{% macro window_comment(kind, spans) -%}
    /* window {{ kind }}{% for s in spans %} {{ s.first }}/{{ s.last }}@{{ s.version }}{% endfor %} */
{%- endmacro %}


{#- The window that a compiled model names in its comment: [{first, last, version}, ...]. -#}
{% macro window_of_this_run() %}
    {%- set comment = modules.re.search('/\\* window (\\w+)((?: [-0-9/@]+)*) \\*/', model.compiled_code) -%}
    {%- set spans = [] -%}
    {%- for span in comment.group(2).split() -%}
        {%- set days, version = span.split('@') -%}
        {%- set first, last = days.split('/') -%}
        {%- do spans.append({'first': first, 'last': last, 'version': version, 'kind': comment.group(1)}) -%}
    {%- endfor -%}
    {{ return(spans) }}
{% endmacro %}


{#- The kind of day of a model's window, also where it has no day. -#}
{% macro window_kind() %}
    {{ return(modules.re.search('/\\* window (\\w+)', model.compiled_code).group(1)) }}
{% endmacro %}


{#- What macros/strategies/partition_overwrite.sql asks for. -#}
{% macro partition_overwrite_spans() %}
    {{ return(window_of_this_run()) }}
{% endmacro %}
