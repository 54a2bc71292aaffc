{#- Profiles: which users' histories a run derives anew, and which event days that changes.

    Most deliveries repeat what is known. A profile that says of its moment what the history says
    already changes nothing, unless it is now the first delivery to say it, so the work of a day is that
    of the users who changed, however long the history is. -#}

{#- The condition that keeps dim_user_versions to those users. -#}
{% macro in_users_of_changed_profiles(column) -%}
    {%- set spans = window_spans('profile_date') -%}
    {{ window_comment('profile_date', spans) }}
    {% if is_incremental() -%}
        {{ column }} in (select changed.user_id from {{ this.identifier }}_changed as changed)
    {%- else -%}
        true
    {%- endif %}
    /* end of window */
{%- endmacro %}


{#- Pre-hook: find them. A delivery taken back (raw.retracted_profiles) leaves no row to look at. The
    lock is the strategy's: what is found here must still hold when the rows are written. -#}
{% macro find_users_of_changed_profiles() -%}
    {%- if not execute or not is_incremental() -%}{{ return('select 1') }}{%- endif -%}
    {%- set spans = window_of_this_run() -%}
    {{ lock_writers_of(this) }}
    create temporary table {{ this.identifier }}_changed on commit drop as
    {%- if invocation_args_dict.get('empty') %}
    select user_id from {{ this }} where false;
    {%- elif has_another_version() or (is_dev() and spans) %}{# who has left raw, only production's build is told #}
    select user_id from {{ ref('stg_user_profiles') }} where reject_reason is null
    union
    select user_id from {{ this }};
    {%- else %}
    {{ _users_of_profiles_of(spans) }};
    {%- endif %}
    analyze {{ this.identifier }}_changed;
{%- endmacro %}


{% macro _users_of_profiles_of(spans) %}
    select user_id from {{ schema_of('raw') }}.retracted_profiles where {{ day_condition('ingest_date', spans) }}
    union
    select profiles.user_id
    from {{ ref('stg_user_profiles') }} as profiles
    left join {{ this }} as versions
        on profiles.user_id = versions.user_id
        and profiles.updated_at >= versions.valid_from
        and (profiles.updated_at < versions.valid_to or versions.valid_to is null)
    where {{ day_condition('profiles.ingest_date', spans) }}
        and profiles.reject_reason is null
        and (
            versions.user_id is null
            or profiles.tier is distinct from versions.tier
            or profiles.region is distinct from versions.region
            or versions.first_ingest_date is null
            or (
                profiles.updated_at = versions.valid_from
                and profiles.ingest_date < versions.first_ingest_date
            )
        )
{%- endmacro %}


{#- Post-hook, after mark_days_built: what was taken back has been seen to, and the days on which a
    user's profile is another one than before are out of date. -#}
{% macro mark_days_of_changed_profiles() %}
    {%- if not execute or invocation_args_dict.get('empty') or invocation_args_dict.which == 'clone' -%}
        {{ return('select 1') }}
    {%- endif -%}
    update {{ schema_of('intermediate') }}.built_days set model_version = '{{ model_version() }}'
    where model = '{{ model.name }}' and model_version != '{{ model_version() }}';
    {%- if not is_dev() %}
    delete from {{ schema_of('raw') }}.retracted_profiles as retracted
    using {{ schema_of('raw') }}.day_versions as current
    inner join {{ schema_of('intermediate') }}.built_days as built using (kind, day, version)
    where current.kind = 'profile_date' and current.day = retracted.ingest_date
        and built.model = '{{ this.identifier }}';
    {%- endif %}

    {%- do note_moved_profiles() %}
{% endmacro %}
