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
    {#- A full build of a partitioned model names its days too: it has partitions for just those. #}
    {% if is_incremental() or config.get('partition_by') is not none -%}
        ({{ day_condition(column, spans) }})
    {%- else -%}
        true
    {%- endif %}
{%- endmacro %}


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


{#- What macros/strategies/partition_overwrite.sql asks for. -#}
{% macro partition_overwrite_spans() %}
    {{ return(window_of_this_run()) }}
{% endmacro %}
{% macro partition_overwrite_kept_days() %}
    {{ return(newer_days()) }}
{% endmacro %}


{#- A query of the days of this run's window that another run has built, since this one began, from
    a newer version of raw: they must not become older again. Asked under the model's lock, in the
    transaction that replaces the others. A version that raw does not have (yet) says nothing. -#}
{% macro newer_days() -%}
    select built.day
    from intermediate.built_days as built
    inner join raw.day_versions as raw using (kind, day)
    where built.model = '{{ model.name }}' and built.version <= raw.version
        and (
            false
            {%- for span in window_of_this_run() %}
            or (
                built.kind = '{{ span.kind }}' and built.version > {{ span.version }}
                and built.day between date '{{ span.first }}' and date '{{ span.last }}'
            )
            {%- endfor %}
        )
{%- endmacro %}


{#- The condition "the day is in one of the spans". The outer bounds come first: they alone let
    Postgres skip partitions and block ranges. -#}
{% macro day_condition(column, spans) -%}
    {%- if not spans -%}
    false
    {%- else -%}
    {{ column }} between date '{{ spans | map(attribute='first') | min }}'
        and date '{{ spans | map(attribute='last') | max }}'
        {%- set joined = joined_spans(spans) %}
        {%- if joined | length > 1 %}
    and (
        {%- for s in joined %}
        {% if not loop.first %}or {% endif %}{{ column }} between date '{{ s.first }}' and date '{{ s.last }}'
        {%- endfor %}
    )
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}


{#- The spans without their versions, neighbours joined: as few as say the same days. -#}
{% macro joined_spans(spans) %}
    {%- set one_day = modules.datetime.timedelta(days=1) -%}
    {%- set joined = [] -%}
    {%- for s in spans | sort(attribute='first') -%}
        {%- if joined and modules.datetime.date.fromisoformat(joined[-1].last) + one_day
                >= modules.datetime.date.fromisoformat(s.first) -%}
            {%- do joined[-1].update({'last': [joined[-1].last, s.last] | max}) -%}
        {%- else -%}
            {%- do joined.append({'first': s.first, 'last': s.last}) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(joined) }}
{% endmacro %}


{#- This run's days of a model, runs of consecutive days of one version joined:
    [{first, last, version}, ...] with inclusive days. -#}
{% macro window_spans(kind, upstream=none) %}
    {%- if not execute -%}{{ return([]) }}{%- endif -%}
    {%- set start, end = invocation_args_dict.get('event_time_start'), invocation_args_dict.get('event_time_end') -%}
    {%- set query -%}
        with wanted as (
            select v.day, v.version
            from {{ "raw.day_versions" if upstream is none else "intermediate.built_days" }} as v
            left join intermediate.built_days as b
                on b.model = '{{ model.name }}' and b.kind = v.kind and b.day = v.day
            where v.kind = '{{ kind }}'
                {%- if upstream is not none %} and v.model = '{{ upstream }}'{% endif %}
                {%- if is_incremental() and start and kind != 'profile_date' %}
                and (
                    (v.day >= date '{{ start }}' and v.day < date '{{ end }}')
                    {%- if kind == 'event_date' %}
                    or (
                        b.version is distinct from v.version
                        and v.day in (
                            select event_date from raw.delivered_days
                            where ingest_date >= date '{{ start }}' and ingest_date < date '{{ end }}'
                        )
                    )
                    {%- endif %}
                )
                {%- elif is_incremental() %}
                and b.version is distinct from v.version
                {%- endif %}
        )
        {{ spans_of("wanted") }}
    {%- endset -%}
    {{ return(_rows(query)) }}
{% endmacro %}


{#- The days that this invocation has built for a model, for its tests. `dbt test` alone builds
    nothing and tests everything: none. -#}
{% macro built_spans(model_name) %}
    {%- if not execute or invocation_args_dict.get('which') != 'build' -%}{{ return(none) }}{%- endif -%}
    {%- set query -%}
        with built as (
            select day, version from intermediate.built_days
            where model = '{{ model_name }}' and invocation_id = '{{ invocation_id }}'
        )
        {{ spans_of("built") }}
    {%- endset -%}
    {{ return(_rows(query)) }}
{% endmacro %}


{#- For singular tests: the condition that a day is one of those this invocation built, or up to
    `before` days before one; true under `dbt test`. -#}
{% macro in_built_days(column, model_name, before=0) -%}
    {%- set spans = built_spans(model_name) -%}
    {%- for span in spans or [] -%}
        {%- set first = modules.datetime.date.fromisoformat(span.first) -%}
        {%- do span.update({'first': (first - modules.datetime.timedelta(days=before)).isoformat()}) -%}
    {%- endfor -%}
    {%- if spans is none %}true{% else %}({{ day_condition(column, spans) }}){% endif -%}
{%- endmacro %}


{#- Consecutive days of one version as one row (gaps and islands). -#}
{% macro spans_of(relation) -%}
    select min(day)::text as first, max(day)::text as last, version
    from (
        select day, version,
            day - (row_number() over (partition by version order by day))::int as island
        from {{ relation }}
    ) as numbered
    group by version, island
    order by 1
{%- endmacro %}


{% macro _rows(query) %}
    {%- set rows = [] -%}
    {%- for r in run_query(query).rows -%}
        {%- do rows.append({'first': r[0], 'last': r[1], 'version': r[2] | int}) -%}
    {%- endfor -%}
    {{ return(rows) }}
{% endmacro %}


{#- Post-hook of windowed models, in the transaction that replaced the days: note the versions
    that were read. Reading them again here would claim a change that came in between. -#}
{% macro mark_days_built() -%}
    {%- if not execute -%}{{ return('') }}{%- endif -%}
    {%- if cells_of_this_run() -%}{{ return('select 1') }}{%- endif -%}
    {%- set keeps_newer = config.get('incremental_strategy') in ('partition_overwrite', 'overwrite_days')
        and not should_full_refresh() -%}
    {%- for span in window_of_this_run() %}
    insert into intermediate.built_days (model, kind, day, version, invocation_id)
    select '{{ model.name }}', '{{ span.kind }}', day::date, {{ span.version }}, '{{ invocation_id }}'
    from generate_series(date '{{ span.first }}', date '{{ span.last }}', interval '1 day') as day
    {%- if keeps_newer %}
    where day::date not in ({{ newer_days() }})
    {%- endif %}
    on conflict (model, kind, day) do update
    set version = excluded.version, invocation_id = excluded.invocation_id, built_at = excluded.built_at;
    {%- else %}
    select 1
    {%- endfor %}
{%- endmacro %}
