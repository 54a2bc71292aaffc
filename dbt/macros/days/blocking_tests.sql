{#- Which blocking tests there are, and what they said. -#}

{#- on-run-start: note them. A test that is new, or says something else than before, has been passed by
    no day. -#}
{% macro note_blocking_tests() -%}
    {%- if not acts() -%}{{ return('select 1') }}{%- endif -%}
    {%- do _range_to_test() -%}{# a FROM that is no day is refused here, once #}
    {%- set wanted = {} -%}
    {%- for node in graph.nodes.values() if node.resource_type == 'test' and is_blocking(node) -%}
        {%- do wanted.update({node.unique_id: [test_definition(node), tested_model(node)]}) -%}
    {%- endfor -%}
    {%- set noted = {} -%}
    {%- for row in run_query('select test, definition, model from ' ~ schema_of('intermediate') ~ '.blocking_tests').rows -%}
        {%- do noted.update({row[0]: [row[1], row[2]]}) -%}
    {%- endfor -%}
    {%- if wanted == noted -%}{{ return('select 1') }}{%- endif %}
    delete from {{ schema_of('intermediate') }}.blocking_tests;
    {%- for test in wanted %}
    insert into {{ schema_of('intermediate') }}.blocking_tests (test, definition, model)
    values ('{{ test }}', '{{ wanted[test][0] }}', {{ _text_or_null(wanted[test][1]) }})
    on conflict (test) do update
    set definition = excluded.definition, model = excluded.model, noted_at = excluded.noted_at;
    {%- endfor %}
    delete from {{ schema_of('intermediate') }}.tested_days where test not in (select test from {{ schema_of('intermediate') }}.blocking_tests)
{%- endmacro %}


{% macro _text_or_null(text) %}{{ return('null' if text is none else "'" ~ text ~ "'") }}{% endmacro %}


{#- The windowed model whose days a test looks at; none where it looks at everything. -#}
{% macro tested_model(test) %}
    {%- set is_generic = true if test.attached_node else false -%}
    {%- if is_generic or 'macro.product_events.in_built_days' in test.depends_on.macros -%}
        {%- for parent in ([test.attached_node] if is_generic else test.depends_on.nodes) -%}
            {%- set config = graph.nodes[parent].config if parent in graph.nodes else {} -%}
            {%- if config.get('overwrite_by') or config.get('partition_by') -%}
                {{ return(graph.nodes[parent].name) }}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(none) }}
{% endmacro %}


{#- A digest of what a test asks: its SQL, its arguments, the macros of projects that it is made of. -#}
{% macro test_definition(test) %}
    {%- set parts = [sql_digest(test.raw_code), test.get('test_metadata'), test.config.get('where')] -%}
    {%- for key in ('limit', 'fail_calc', 'warn_if', 'error_if') -%}
        {%- do parts.append(test.config.get(key)) -%}
    {%- endfor -%}
    {%- for unique_id in test.depends_on.macros if not unique_id.startswith('macro.dbt') -%}
        {%- set name = unique_id.split('.')[-1] -%}
        {%- if name.startswith('test_') and name in context -%}
            {%- do parts.append(context[name].macro.macro_sql) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(local_md5(parts | join('|'))[:12]) }}
{% endmacro %}


{#- on-run-end: what the blocking tests of this run said, day by day. -#}
{% macro note_test_results(results) -%}
    {%- if not acts() -%}{{ return('select 1') }}{%- endif -%}
    {%- for result in results
            if result.node.resource_type == 'test' and is_blocking(result.node)
            and result.status in ('pass', 'warn', 'fail', 'error') %}
        {%- set test, has_passed = result.node.unique_id, result.status in ('pass', 'warn') -%}
        {%- set failed = none if has_passed else _failed_days(result) %}
    update {{ schema_of('intermediate') }}.tested_days
    set passed = {{ 'true' if has_passed else 'false' if failed is none else 'day not in ' ~ failed }},
        tested_at = clock_timestamp()
    where test = '{{ test }}' and invocation_id = '{{ invocation_id }}' and passed is null;
        {%- if tested_model(result.node) is none %}
    delete from {{ schema_of('intermediate') }}.tested_days where test = '{{ test }}';
            {%- if failed is not none %}
    insert into {{ schema_of('intermediate') }}.tested_days (test, day, definition, invocation_id, passed)
    select tests.test, days.day, tests.definition, '{{ invocation_id }}', false
    from {{ schema_of('intermediate') }}.blocking_tests as tests
    inner join {{ schema_of('intermediate') }}.built_days as days on days.day in {{ failed }}
    where tests.test = '{{ test }}'
    group by tests.test, days.day, tests.definition;
            {%- endif -%}
        {%- endif -%}
    {%- endfor %}
    select 1
{%- endmacro %}


{#- The days for which a test failed, as a list of SQL: those that its rows say, or else those for which it fails
    when it is asked about each alone. None where it cannot be told: all that it looked at. -#}
{% macro _failed_days(result) %}
    {%- if result.status == 'error' -%}{{ return(none) }}{%- endif -%}
    {%- set found = get_columns_in_query(result.node.compiled_code) -%}
    {%- for column in ('event_date', 'ingest_date') if column in found -%}
        {%- set query = 'select distinct ' ~ column ~ '::text from (' ~ result.node.compiled_code ~ ') as failed' -%}
        {%- set days = run_query(query).columns[0].values() | list -%}
        {%- if days and none not in days -%}
            {{ return("(date '" ~ days | join("', date '") ~ "')") }}
        {%- endif -%}
    {%- endfor -%}
    {{ return(_failed_days_one_by_one(result.node)) }}
{% endmacro %}


{#- What a generic test asks of a windowed model has the condition of its days in it (get_where_subquery): it is
    asked of one day after the other. That is the answer where it passes for the others together: an id that is
    there on two days is of neither. -#}
{% macro _failed_days_one_by_one(test) %}
    {%- set tested = {'identifier': tested_model(test)} -%}
    {%- set column = model_overwrite_by(tested) if test.attached_node else none -%}
    {%- if column is none -%}{{ return(none) }}{%- endif -%}
    {%- set granularity = model_config(tested).get('granularity') -%}
    {%- set looked_at -%}
        select day from {{ schema_of('intermediate') }}.tested_days
        where test = '{{ test.unique_id }}' and invocation_id = '{{ invocation_id }}'
    {%- endset -%}
    {%- set spans = [] -%}
    {%- for row in run_query('with days as (select day, 0 as version from (' ~ looked_at ~ ') as looked_at) ' ~ spans_of('days')).rows -%}
        {%- do spans.append({'first': row[0], 'last': row[1]}) -%}
    {%- endfor -%}
    {%- set condition = '(' ~ day_condition(column, whole_units(spans, granularity)) ~ ')' -%}
    {%- if condition not in test.compiled_code -%}{{ return(none) }}{%- endif -%}
    {%- set one_day = test.compiled_code | replace(condition, '(' ~ column ~ ' = ' ~ unit_of('looked_at_.day', granularity) ~ ')') -%}
    {%- set failing -%}
        select day::text from ({{ looked_at }}) as looked_at_
        where exists (select from ({{ one_day }}) as failed)
    {%- endset -%}
    {%- set days = run_query(failing).columns[0].values() -%}
    {%- if not days -%}{{ return(none) }}{%- endif -%}
    {%- set listed = "(date '" ~ days | join("', date '") ~ "')" -%}
    {%- set units = [] -%}
    {%- for day in days -%}{%- do units.append(unit_of("'" ~ day ~ "'", granularity)) -%}{%- endfor -%}
    {%- set besides = '(' ~ condition ~ ' and ' ~ column ~ ' not in (' ~ units | join(', ') ~ '))' -%}
    {%- set others = test.compiled_code | replace(condition, besides) -%}
    {%- if run_query('select from (' ~ others ~ ') as failed limit 1').rows -%}{{ return(none) }}{%- endif -%}
    {{ return(listed) }}
{% endmacro %}
