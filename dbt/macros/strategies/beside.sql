{#- The tables beside the target: filled and committed, and not swapped yet. A comment says whose they
    are. What a killed run has left there, the next one drops. -#}

{#- Which run a table beside the target is of: its session, by pid and start (a pid comes again). -#}
{% macro whose_beside(beside) %}
    do $whose$
    begin
        execute format(
            'comment on table %s is %L', '{{ beside }}',
            '{{ _beside_of(this) }}' || (
                select format(' pid %s since %s', pid, extract(epoch from backend_start))
                from pg_stat_activity where pid = pg_backend_pid()
            )
        );
    end
    $whose$;
{% endmacro %}


{% macro _beside_of(target) -%}
    partition_overwrite: the next partitions of {{ (target.schema ~ '.' ~ target.identifier) | replace("'", "''") }},
{%- endmacro %}


{#- Drop those whose session is gone. One whose start is not to be seen counts as alive. -#}
{% macro drop_dead_besides() %}
    {%- set dead -%}
        select pg_class.oid::regclass::text
        from pg_class
        inner join pg_description
            on objoid = pg_class.oid and classoid = 'pg_class'::regclass and objsubid = 0
        where relkind = 'p' and relnamespace = '{{ adapter.quote(this.schema) }}'::regnamespace
            and starts_with(description, '{{ _beside_of(this) }}')
            and not exists (
                select from pg_stat_activity
                where pid = substring(description from ' pid (\d+) since ')::int
                    and (
                        backend_start is null
                        or extract(epoch from backend_start)::text = substring(description from ' since (.+)$')
                    )
            )
    {%- endset -%}
    {%- for row in run_query(dead).rows -%}
        {%- do run_query('drop table if exists ' ~ row[0]) -%}
    {%- endfor -%}
{% endmacro %}


{#- Drop what is left of this run's own. -#}
{% macro drop_besides(chunks) %}
    {%- for chunk in chunks -%}
        {%- do run_query('drop table if exists ' ~ chunk.beside) -%}
    {%- endfor -%}
{% endmacro %}


{#- Make a chunk's partitions ready to be attached to the target. Nobody reads them yet: everything slow
    happens here. Indexes come after the rows, so that attaching finds them; a valid check lets it believe
    the bounds without a scan. -#}
{% macro make_ready(target, chunk, noted) %}
    {{ add_what_others_have_added(target, chunk.beside, noted, is_increment=true) }}
    {%- if not is_published(target) %}
    {{ hang_on_partitions(target, chunk.partitions) }}
    {%- set field = partition_field() -%}
    {%- for p in chunk.partitions %}
    alter table {{ partition_relation(p) }} add constraint partition_overwrite_bounds
    check ({{ field }} is not null and {{ field }} >= '{{ p.start }}' and {{ field }} < '{{ p.end }}');
    analyze {{ partition_relation(p) }} ({{ columns_to_analyze() }});
    {%- endfor %}
    {%- endif %}
{% endmacro %}
