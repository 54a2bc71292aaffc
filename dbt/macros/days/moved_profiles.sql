{#- Which profiles moved, and what that makes out of date.

    A day's rows depend on its version in raw and on the profiles of its users. dim_user_versions gives
    the days that a change touches a new version, as far as fact_events has them. A build that read the
    profiles before, and whose rows are there only afterwards, looks itself: intermediate.moved_profiles
    has every change, numbered in the order in which they were committed. One of the two sees the other,
    because who notes changes keeps a lock, which builds share, from looking at facts until it commits. -#}

{#- The number of the last change, for a model that reads profiles. Asked before it reads them. -#}
{% macro profiles_comment() -%}
    {%- if has_state() -%}
    {%- set last = run_query('select coalesce(max(move), 0) from ' ~ schema_of('intermediate') ~ '.moved_profiles').rows[0][0] -%}
    /* profiles {{ last }} */
    {%- endif -%}
{%- endmacro %}


{#- The number that this context's model has in its comment; none where it reads no profiles. -#}
{% macro profiles_of_this_run() %}
    {%- set comment = modules.re.search('/\\* profiles (\\d+) \\*/', model.compiled_code) -%}
    {{ return(none if comment is none else comment.group(1) | int) }}
{% endmacro %}


{#- A query of the days of this run for which it has read older profiles than there are now; none where
    there are none. Asked when its rows are in place. -#}
{% macro days_of_profiles_moved_since(number) %}
    {%- do run_query("select pg_advisory_xact_lock_shared(" ~ _profiles_lock() ~ ")") -%}
    {{ return(_days_of_moves(this, number, day_condition('facts.event_date', window_of_this_run()))) }}
{% endmacro %}


{#- Post-hook of dim_user_versions: number the versions that came or went, and give the event days on
    which they are valid a new version. The table is locked first, as builds do. -#}
{% macro note_moved_profiles() %}
    {%- set facts = this.incorporate(path={'identifier': 'fact_events'}) -%}
    {%- set is_there = "select to_regclass('" ~ facts ~ "') is not null" -%}
    {%- if run_query(is_there).rows[0][0] -%}
        {%- do run_query('lock table only ' ~ facts ~ ' in access share mode') -%}
    {%- endif -%}
    {%- do run_query('select pg_advisory_xact_lock(' ~ _profiles_lock() ~ ')') -%}
    {%- set last = run_query('select coalesce(max(move), 0) from ' ~ schema_of('intermediate') ~ '.moved_profiles').rows[0][0] -%}
    {%- call statement('note_moved_profiles') %}
    delete from {{ schema_of('intermediate') }}.moved_profiles where noted_at < clock_timestamp() - interval '30 days';
    insert into {{ schema_of('intermediate') }}.moved_profiles (user_id, valid_from, valid_to)
        {%- if is_incremental() %}
    select user_id, case when version_number > 1 then valid_from end, valid_to
    from ({{ _moved_versions() }}) as moved
        {%- else %}
    values (null, null, null)
        {%- endif %};
    {%- endcall -%}
    {%- set days = _days_of_moves(facts, last) if run_query(is_there).rows[0][0] else none -%}
    {%- if days is not none -%}
        {%- call statement('mark_days_of_moved_profiles') %}
    update {{ schema_of('raw') }}.day_versions as v set version = v.version + 1, changed_at = clock_timestamp()
    where v.kind = 'event_date' and v.day in ({{ days }})
        {%- endcall -%}
    {%- endif -%}
{% endmacro %}


{#- A version that only got another end is the same one: what follows it came or went itself. -#}
{% macro _moved_versions() %}
    {%- set came, gone = this.identifier ~ '_came', this.identifier ~ '_gone' -%}
    {%- for these, others in [(came, gone), (gone, came)] -%}
    select * from {{ these }} where (user_id, valid_from) in (
        select user_id, valid_from from (
            select user_id, valid_from, tier, region from {{ these }}
            except select user_id, valid_from, tier, region from {{ others }}
        ) as only_here
    )
    {%- if not loop.last %} union all {% endif %}
    {%- endfor -%}
{% endmacro %}


{#- A query of the event days of facts for which a profile moved after that number; none for none. The
    bounds are looked up first: as literals they let Postgres skip the partitions of all other days. -#}
{% macro _days_of_moves(facts, number, condition='true') %}
    {%- set bounds -%}
        select
            bool_or(user_id is null),
            min(coalesce(cast(valid_from at time zone 'UTC' as date), date '-infinity'))::text,
            max(coalesce(cast(valid_to at time zone 'UTC' as date), date 'infinity'))::text
        from {{ schema_of('intermediate') }}.moved_profiles where move > {{ number }}
    {%- endset -%}
    {%- set of_all, first, last = run_query(bounds).rows[0] -%}
    {%- if of_all is none -%}{{ return(none) }}{%- endif -%}
    {%- if of_all -%}{{ return("select day from " ~ schema_of('raw') ~ ".day_versions where kind = 'event_date'") }}{%- endif -%}
    {%- set query -%}
        select facts.event_date
        from {{ schema_of('intermediate') }}.moved_profiles as moved
        inner join {{ facts }} as facts
            on facts.user_id = moved.user_id
            and (facts.event_ts >= moved.valid_from or moved.valid_from is null)
            and (facts.event_ts < moved.valid_to or moved.valid_to is null)
        where moved.move > {{ number }}
            and facts.event_date between date '{{ first }}' and date '{{ last }}'
            and {{ condition }}
    {%- endset -%}
    {{ return(query) }}
{% endmacro %}


{% macro _profiles_lock() %}{{ return("hashtextextended('fact_events.profiles', 0)") }}{% endmacro %}
