{#- intermediate.built_days: from which version of a day each model was built, by which dbt invocation.
    Written in the transaction that replaces the days; read by tests, which look at what was built. -#}

{#- Post-hook of windowed models, in the transaction that replaced the days: note the versions
    that were read. Reading them again here would claim a change that came in between. -#}
{% macro mark_days_built() -%}
    {%- if not execute -%}{{ return('') }}{%- endif -%}
    {%- if cells_of_this_run() -%}{{ return('select 1') }}{%- endif -%}
    {%- if invocation_args_dict.get('empty') -%}{{ return('select 1') }}{%- endif -%}
    {%- set keeps_newer = config.get('incremental_strategy') in ('partition_overwrite', 'overwrite_days')
        and not should_full_refresh() -%}
    {%- set version, days = model_version(), days_of(window_of_this_run()) -%}
    {%- for span in window_of_this_run() %}
    insert into intermediate.built_days (
        model, kind, day, version, invocation_id, model_version, seconds
    )
    select
        '{{ model.name }}', '{{ span.kind }}', day::date, {{ span.version }}, '{{ invocation_id }}',
        '{{ version }}', extract(epoch from clock_timestamp() - now()) / {{ days }}
    from generate_series(date '{{ span.first }}', date '{{ span.last }}', interval '1 day') as day
    {%- if keeps_newer %}
    where day::date not in ({{ newer_days() }})
    {%- endif %}
    on conflict (model, kind, day) do update
    set
        version = excluded.version,
        invocation_id = excluded.invocation_id,
        built_at = excluded.built_at,
        model_version = excluded.model_version,
        seconds = excluded.seconds;
    {%- endfor %}
    insert into intermediate.model_versions (model, version)
    values ('{{ model.name }}', '{{ version }}')
    on conflict (model) do update
    set version = excluded.version, noted_at = excluded.noted_at
    where model_versions.version != excluded.version;
    -- Built before versions were noted: by the first one that is.
    update intermediate.built_days set model_version = '{{ version }}'
    where model = '{{ model.name }}' and model_version is null;
{%- endmacro %}


{#- A query of the days of this run's window that another run has built, since this one began, from
    a newer version of raw: they must not become older again. Asked under the model's lock, in the
    transaction that replaces the others. A version that raw does not have (yet) says nothing. -#}
{% macro newer_days() -%}
    select built.day
    from intermediate.built_days as built
    inner join raw.day_versions as versions
        on built.kind = versions.kind and built.day = versions.day
    where built.model = '{{ model.name }}' and built.version <= versions.version
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


{#- What macros/strategies/partition_overwrite.sql asks for. -#}
{% macro partition_overwrite_kept_days() %}
    {{ return(newer_days()) }}
{% endmacro %}


{#- The days that this invocation has built for a model. -#}
{% macro built_spans(model_name) %}
    {%- set query -%}
        with built as (
            select day, version from intermediate.built_days
            where model = '{{ model_name }}' and invocation_id = '{{ invocation_id }}'
        )
        {{ spans_of("built") }}
    {%- endset -%}
    {{ return(span_rows(query)) }}
{% endmacro %}
