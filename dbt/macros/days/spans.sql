{#- Spans: lists of {first, last[, version]}, inclusive UTC days as text. Some conditions and queries
    of them. -#}

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


{#- The spans of all days that are rebuilt with some: those themselves, or their whole ISO weeks, Monday to
    Sunday, where the granularity is `week`. -#}
{% macro whole_units(spans, granularity) %}
    {%- if granularity != 'week' -%}{{ return(spans) }}{%- endif -%}
    {%- set date, one_day, weeks = modules.datetime.date, modules.datetime.timedelta(days=1), [] -%}
    {%- for s in spans -%}
        {%- set first, last = date.fromisoformat(s.first), date.fromisoformat(s.last) -%}
        {%- do weeks.append({
            'first': (first - one_day * first.weekday()).isoformat(),
            'last': (last + one_day * (6 - last.weekday())).isoformat(),
        }) -%}
    {%- endfor -%}
    {{ return(weeks) }}
{% endmacro %}


{#- The first day of the unit that a day is in. Of a timestamp: of a date, date_trunc asks the time zone. -#}
{% macro unit_of(day, granularity) -%}
    date_trunc('{{ granularity or 'day' }}', {{ day }}::timestamp)::date
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


{#- Consecutive days of one version as one row (gaps and islands). -#}
{% macro spans_of(relation) -%}
    select min(day)::text as first, max(day)::text as last, version
    from (
        select day, version,
            day - (row_number() over (partition by version order by day))::int as island
        from {{ relation }}
    ) as numbered
    group by version, island
    order by min(day)
{%- endmacro %}


{#- A query made by spans_of, run: [{first, last, version}, ...]. -#}
{% macro span_rows(query) %}
    {%- set rows = [] -%}
    {%- for r in run_query(query).rows -%}
        {%- do rows.append({'first': r[0], 'last': r[1], 'version': r[2] | int}) -%}
    {%- endfor -%}
    {{ return(rows) }}
{% endmacro %}


{#- How many days spans have, at least 1: to divide by. -#}
{% macro days_of(spans) %}
    {%- set date = modules.datetime.date -%}
    {%- set days = [1] if not spans else [] -%}
    {%- for s in spans -%}
        {%- do days.append((date.fromisoformat(s.last) - date.fromisoformat(s.first)).days + 1) -%}
    {%- endfor -%}
    {{ return(days | sum) }}
{% endmacro %}
