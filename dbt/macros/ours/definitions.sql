{#- The notes of what relations were made to be (macros/strategies/definition.sql), in intermediate.marks, where a
    dump brings them along. -#}

{% macro postgres__definition_noted(relation) %}
    {%- set found -%}
        select kind, value from {{ schema_of('intermediate') }}.marks
        where kind in ('definition', 'columns') and name = {{ name_literal(relation) }} order by kind desc
    {%- endset -%}
    {%- set rows = run_query(found).rows -%}
    {%- if not rows -%}{{ return({}) }}{%- endif -%}
    {%- if rows[0][0] == 'definition' -%}{{ return(fromjson(rows[0][1])) }}{%- endif -%}
    {#- Of a version that noted columns only: which of them were `not null`, nobody has said. -#}
    {%- set columns = {} -%}
    {%- for name in fromjson(rows[0][1]) -%}{%- do columns.update({name: true}) -%}{%- endfor -%}
    {{ return({'columns': columns}) }}
{% endmacro %}


{% macro postgres__write_note(relation, note) -%}
    {{ mark_as_ours(relation, 'view' if relation.type == 'view' else 'table', fromjson(note).digest) }}
    insert into {{ schema_of('intermediate') }}.marks (kind, name, value)
    values ('definition', {{ name_literal(relation) }}, {{ dbt.string_literal(dbt.escape_single_quotes(note)) }})
    on conflict (kind, name)
    do update set value = excluded.value, noted_at = excluded.noted_at
    where marks.value != excluded.value;
{%- endmacro %}


{#- Of a partitioned table: those of days that raw knows no more. One that came meanwhile, and that another run
    has built, stays. -#}
{% macro postgres__partitions_of_nothing(target, partitions) -%}
    select inhrelid::regclass
    from pg_inherits inner join pg_class on pg_class.oid = inhrelid
    where inhparent = '{{ target }}'::regclass and not exists (
        select from {{ schema_of('raw') }}.day_versions
        where kind = '{{ window_kind() }}'
            and day >= substring(pg_get_expr(relpartbound, 0) from 'FROM \(''(.+?)''\)')::date
            and day < substring(pg_get_expr(relpartbound, 0) from 'TO \(''(.+?)''\)')::date
    )
{%- endmacro %}
