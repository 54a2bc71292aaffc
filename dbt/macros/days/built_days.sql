{#- intermediate.built_days: from which version of a day each model was built, by which dbt invocation.
    Written in the transaction that replaces the days; read by tests, which look at what was built.
    Version 0 is none of raw's: the day is there, and out of date. -#}

{#- Post-hook of windowed models, in the transaction that replaced the days: note the versions
    that were read. Reading them again here would claim a change that came in between. What is
    swapped in chunks has been noted with each of them. -#}
{% macro mark_days_built() -%}
    {%- if not execute -%}{{ return('') }}{%- endif -%}
    {%- if cells_of_this_run() -%}{{ return('select 1') }}{%- endif -%}
    {%- if invocation_args_dict.get('empty') or invocation_args_dict.which == 'clone' -%}{{ return('select 1') }}{%- endif -%}
    {%- set keeps_newer = config.get('incremental_strategy') == 'overwrite_days' and not should_full_refresh() -%}
    {%- if 'partition_overwrite_began' not in model %}
    {{ note_built_days('true' if not keeps_newer else 'day::date not in (' ~ newer_days() ~ ')',
        'extract(epoch from clock_timestamp() - now())') }}
    {%- endif %}
    {%- set shape = model_shape(graph.nodes[model.unique_id]) %}
    insert into {{ schema_of('intermediate') }}.model_versions as noted (model, version, shape, table_shape)
    values ('{{ model.name }}', '{{ model_version() }}', '{{ shape }}', '{{ shape }}')
    on conflict (model) do update
    set version = excluded.version, noted_at = excluded.noted_at
    where noted.version != excluded.version;
    {%- if not is_incremental() %}
    update {{ schema_of('intermediate') }}.model_versions set shape = '{{ shape }}', table_shape = '{{ shape }}'
    where model = '{{ model.name }}';
    {%- endif %}
    -- Built before versions were noted: by the first one that is.
    update {{ schema_of('intermediate') }}.built_days set model_version = '{{ model_version() }}'
    where model = '{{ model.name }}' and model_version is null;
{%- endmacro %}


{#- What macros/strategies/partition_overwrite.sql runs in each transaction that swaps. -#}
{% macro partition_overwrite_swapped(swapped, start, past) %}
    {%- if invocation_args_dict.get('empty') -%}{{ return('select 1') }}{%- endif -%}
    {%- set seconds = (modules.datetime.datetime.now() - model.partition_overwrite_began).total_seconds() -%}
    {%- set condition -%}
        exists (select from {{ swapped }} where day >= start::date and day < past::date)
    {%- endset -%}
    {{ note_built_days(condition, seconds, start, past) }}
{% endmacro %}


{#- Note those of the window's days of which a condition on `day` holds. seconds: that all of them took.
    start, past: bounds of these days, where they are known. -#}
{% macro note_built_days(condition, seconds, start='', past='infinity') %}
    {%- set version, days = model_version(), days_of(window_of_this_run()) -%}
    {%- set profiles = profiles_of_this_run() -%}
    {%- set outdated = days_of_profiles_moved_since(profiles) if profiles is not none else none %}
    {{ owe_downstream_of_another_model(version) }}
    {%- for span in window_of_this_run() if span.last >= start and span.first < past %}
    insert into {{ schema_of('intermediate') }}.built_days (
        model, kind, day, version, invocation_id, model_version, seconds, profiles
    )
    select
        '{{ model.name }}', '{{ span.kind }}', day::date,
        {{ span.version if outdated is none else
            'case when day::date in (' ~ outdated ~ ') then 0 else ' ~ span.version ~ ' end' }},
        '{{ invocation_id }}', '{{ version }}',
        {{ seconds }} / {{ days }},
        {{ 'null' if profiles is none else profiles }}
    from generate_series(date '{{ span.first }}', date '{{ span.last }}', interval '1 day') as day
    where {{ condition }}
    on conflict (model, kind, day) do update
    set
        version = excluded.version,
        invocation_id = excluded.invocation_id,
        built_at = excluded.built_at,
        model_version = excluded.model_version,
        seconds = excluded.seconds,
        profiles = excluded.profiles;
    {%- endfor %}
{% endmacro %}


{#- A day that another version of the model has built from the same version of raw has other rows, which
    the version of the day does not say: what is built from it is out of date, and stays so where this run
    is killed before it comes to that. -#}
{% macro owe_downstream_of_another_model(version) -%}
    {%- set others = downstream_models() -%}
    {%- if others %}
    update {{ schema_of('intermediate') }}.built_days as downstream set version = 0
    from {{ schema_of('intermediate') }}.built_days as built
    where built.model = '{{ model.name }}' and built.model_version != '{{ version }}'
        and downstream.model in ('{{ others | join("', '") }}')
        and downstream.kind = built.kind and downstream.day = built.day
        and {{ _in_window_of_this_run('built') }};
    {%- endif -%}
{%- endmacro %}


{#- The windowed models that read this context's model. -#}
{% macro downstream_models() %}
    {%- set found = [] -%}
    {%- for node in graph.nodes.values()
            if node.resource_type == 'model' and model.unique_id in node.depends_on.nodes
            and node.config.get('overwrite_by') -%}
        {%- do found.append(node.name) -%}
    {%- endfor -%}
    {{ return(found) }}
{% endmacro %}


{#- The condition that a row of built_days is of a day of this run's window. -#}
{% macro _in_window_of_this_run(alias) -%}
    (
        false
        {%- for span in window_of_this_run() %}
        or (
            {{ alias }}.kind = '{{ span.kind }}'
            and {{ alias }}.day between date '{{ span.first }}' and date '{{ span.last }}'
        )
        {%- endfor %}
    )
{%- endmacro %}


{#- A query of the days of this run's window that another run has built, since this one began, from
    a newer version of raw, or from the same one and newer profiles: they must not become older again.
    Asked under the model's lock, in the transaction that replaces the others. A version that raw does
    not have (yet) says nothing. -#}
{% macro newer_days() -%}
    {%- set profiles = profiles_of_this_run() %}
    select built.day
    from {{ schema_of('intermediate') }}.built_days as built
    inner join {{ schema_of('raw') }}.day_versions as versions
        on built.kind = versions.kind and built.day = versions.day
    where built.model = '{{ model.name }}' and built.version <= versions.version
        and (
            false
            {%- for span in window_of_this_run() %}
            or (
                built.kind = '{{ span.kind }}'
                {%- if profiles is none %}
                and built.version > {{ span.version }}
                {%- else %}
                and (
                    built.version > {{ span.version }}
                    or (
                        built.version = {{ span.version }} and built.profiles > {{ profiles }}
                        and built.model_version = '{{ model_version() }}'
                    )
                )
                {%- endif %}
                and built.day between date '{{ span.first }}' and date '{{ span.last }}'
            )
            {%- endfor %}
        )
{%- endmacro %}


{#- What macros/strategies/partition_overwrite.sql asks for. -#}
{% macro partition_overwrite_kept_days() %}
    {{ return(newer_days()) }}
{% endmacro %}


{#- The days that this invocation has built for a model. -#}
{% macro built_spans(model_name) %}
    {%- set query -%}
        with built as (
            select day, version from {{ schema_of('intermediate') }}.built_days
            where model = '{{ model_name }}' and invocation_id = '{{ invocation_id }}'
        )
        {{ spans_of("built") }}
    {%- endset -%}
    {{ return(span_rows(query)) }}
{% endmacro %}
