{#- A day is right only when its blocking tests (severity error) passed on what is in it.

    intermediate.tested_days has what each of them said last of a day, of which build of it. What a
    build has written, what a killed run never tested, what a failed test looked at and what a new
    test has never seen is the same to it: owed. Each run of a test looks at the days that owe it,
    and notes them before it begins. -#}

{% macro owed_days_a_run() %}{{ return(100) }}{% endmacro %}


{#- The days that the test of this context looks at, as spans; none for everything. Of those that owe
    a blocking test: what this run has built, and the newest of the others; in a run of a range
    (--event-time-start), none outside it; under `dbt test` with FROM and TO all days of these,
    whether they owe it or not. A test that only warns looks at what this run has built. -#}
{% macro days_to_test(model_name) %}
    {%- set which = invocation_args_dict.get('which') -%}
    {%- if not execute or which not in ('build', 'test', 'retry') -%}{{ return(none) }}{%- endif -%}
    {%- if not is_blocking(model) -%}
        {{ return(built_spans(model_name) if which == 'build' else none) }}
    {%- endif -%}
    {%- if 'days_to_test' not in model -%}
        {%- set noted = run_query(note_days_to_test(model_name)).rows -%}
        {%- do run_query('commit') -%}
        {%- set spans = [] -%}
        {%- for row in noted -%}
            {%- do spans.append({'first': row[0], 'last': row[1]}) -%}
        {%- endfor -%}
        {#- A test may ask twice; the days in between are the same ones. -#}
        {%- do model.update({'days_to_test': spans}) -%}
    {%- endif -%}
    {{ return(model.days_to_test) }}
{% endmacro %}


{% macro note_days_to_test(model_name) %}
    with built as (
        select
            built_days.day,
            built_days.built_at,
            blocking_tests.definition,
            built_days.invocation_id = '{{ invocation_id }}' as is_mine,
            row_number() over (
                order by built_days.invocation_id = '{{ invocation_id }}', built_days.day desc
            ) as place
        from {{ schema_of('intermediate') }}.built_days
        inner join {{ schema_of('intermediate') }}.blocking_tests on blocking_tests.test = '{{ model.unique_id }}'
        left join {{ schema_of('intermediate') }}.tested_days
            on
                blocking_tests.test = tested_days.test
                and blocking_tests.definition = tested_days.definition
                and built_days.day = tested_days.day
                and built_days.built_at = tested_days.built_at
                and tested_days.passed
        where built_days.model = '{{ model_name }}' and {{ _asked_to_test() }}
    ),

    noted as (
        insert into {{ schema_of('intermediate') }}.tested_days as tested (
            test, day, definition, built_at, invocation_id
        )
        select '{{ model.unique_id }}', day, definition, built_at, '{{ invocation_id }}'
        from built
        {%- if not _range_to_test() %}
        where is_mine or place <= {{ owed_days_a_run() }}
        {%- endif %}
        order by day
        on conflict (test, day) do update
        set
            definition = excluded.definition,
            built_at = excluded.built_at,
            invocation_id = excluded.invocation_id,
            passed = null,
            tested_at = excluded.tested_at
        returning day
    ),

    days as (select day, 0 as version from noted)

    {{ spans_of("days") }}
{% endmacro %}


{#- The condition that a day of built_days is one that a run may look at. -#}
{% macro _asked_to_test() -%}
    {%- set range = _range_to_test() -%}
    {%- set start, end = invocation_args_dict.get('event_time_start'), invocation_args_dict.get('event_time_end') -%}
    {%- if range -%}
    built_days.day between date '{{ range[0] }}' and date '{{ range[1] }}'
    {%- elif start -%}
    tested_days.day is null
    and (
        built_days.invocation_id = '{{ invocation_id }}'
        or (built_days.day >= date '{{ start }}' and built_days.day < date '{{ end }}')
    )
    {%- else -%}
    tested_days.day is null
    {%- endif -%}
{%- endmacro %}


{#- FROM and TO of `dbt test`, which takes no --event-time-start; none where they are not set. -#}
{% macro _range_to_test() %}
    {%- set first = env_var('FROM', '') -%}
    {%- set last = env_var('TO', '') or first -%}
    {%- if invocation_args_dict.get('which') != 'test' or not last -%}{{ return(none) }}{%- endif -%}
    {%- for name, day in [('FROM', first), ('TO', last)] if not modules.re.fullmatch('\\d{4}-\\d{2}-\\d{2}', day) -%}
        {%- do exceptions.raise_compiler_error(name ~ "='" ~ day ~ "' is not a UTC day, YYYY-MM-DD") -%}
    {%- endfor -%}
    {{ return([first, last]) }}
{% endmacro %}


{#- For singular tests: the condition that a day is one of those the test looks at, or up to `before`
    days before one. -#}
{% macro in_built_days(column, model_name, before=0) -%}
    {%- set spans = days_to_test(model_name) -%}
    {%- set reached = [] -%}
    {%- for span in spans or [] -%}
        {%- set first = modules.datetime.date.fromisoformat(span.first) -%}
        {%- set earlier = (first - modules.datetime.timedelta(days=before)).isoformat() -%}
        {%- do reached.append({'first': earlier, 'last': span.last}) -%}
    {%- endfor -%}
    {%- if spans is none %}true{% else %}({{ day_condition(column, reached) }}){% endif -%}
{%- endmacro %}


{% macro is_blocking(test) %}
    {{ return(test.config.severity | upper == 'ERROR') }}
{% endmacro %}
