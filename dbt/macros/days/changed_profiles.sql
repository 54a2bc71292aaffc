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
    {%- elif has_another_version() %}
    select user_id from {{ ref('stg_user_profiles') }} where reject_reason is null
    union
    select user_id from {{ this }};
    {%- else %}
    {{ _users_of_profiles_of(spans) }};
    {%- endif %}
    analyze {{ this.identifier }}_changed;
{%- endmacro %}


{% macro _users_of_profiles_of(spans) %}
    select user_id from raw.retracted_profiles where {{ day_condition('ingest_date', spans) }}
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
    {%- if not execute or invocation_args_dict.get('empty') -%}{{ return('select 1') }}{%- endif -%}
    update intermediate.built_days set model_version = '{{ model_version() }}'
    where model = '{{ model.name }}' and model_version != '{{ model_version() }}';
    delete from raw.retracted_profiles as retracted
    using raw.day_versions as current
    inner join intermediate.built_days as built using (kind, day, version)
    where current.kind = 'profile_date' and current.day = retracted.ingest_date
        and built.model = '{{ this.identifier }}';

    {%- set facts = adapter.get_relation(this.database, this.schema, 'fact_events') %}
    {%- if facts is not none %}
    update raw.day_versions as v set version = v.version + 1, changed_at = clock_timestamp()
    where v.kind = 'event_date'
        {%- if is_incremental() %}
        and v.day in ({{ _days_of_moved_versions(facts) }})
        {%- endif %}
    {%- endif %}
{% endmacro %}


{#- A query for the event days on which versions that came or went are valid. The bounds are looked up
    first: as literals they let Postgres skip the partitions of all other days. -#}
{% macro _days_of_moved_versions(facts) -%}
    {%- set came, gone = this.identifier ~ '_came', this.identifier ~ '_gone' -%}
    {#- A version that only got another end is the same one: what follows it came or went itself. -#}
    {%- set moved -%}
        {%- for these, others in [(came, gone), (gone, came)] -%}
        select * from {{ these }} where (user_id, valid_from) in (
            select user_id, valid_from from (
                select user_id, valid_from, tier, region from {{ these }}
                except select user_id, valid_from, tier, region from {{ others }}
            ) as only_here
        )
        {%- if not loop.last %} union all {% endif %}
        {%- endfor -%}
    {%- endset -%}
    {%- set bounds = run_query(
        "select min(case version_number when 1 then date '-infinity' else cast(valid_from at time zone 'UTC' as date) end)::text,"
        ~ " max(coalesce(cast(valid_to at time zone 'UTC' as date), date 'infinity'))::text from (" ~ moved ~ ") as moved"
    ).rows[0] -%}
    {%- if bounds[0] is none -%}
    null
    {%- else -%}
    select facts.event_date
    from ({{ moved }}) as moved
    inner join {{ facts }} as facts
        on facts.user_id = moved.user_id
        and (facts.event_ts >= moved.valid_from or moved.version_number = 1)
        and (facts.event_ts < moved.valid_to or moved.valid_to is null)
    where facts.event_date between date '{{ bounds[0] }}' and date '{{ bounds[1] }}'
    {%- endif -%}
{%- endmacro %}
