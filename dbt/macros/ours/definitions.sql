{#- The notes of what relations were made to be (macros/strategies/definition.sql), in intermediate.marks, where a
    dump brings them along. -#}

{% macro postgres__definition_noted(relation) %}
    {%- set found, noted = {}, {} -%}
    {%- set query -%}
        select kind, value from {{ schema_of('intermediate') }}.marks
        where kind in ('definition', 'columns', 'view') and name = {{ name_literal(relation) }}
    {%- endset -%}
    {%- for row in run_query(query).rows -%}{%- do found.update({row[0]: row[1]}) -%}{%- endfor -%}
    {%- if 'definition' in found -%}
        {%- do noted.update(fromjson(found.definition) or {}) -%}
    {%- elif 'columns' in found -%}
        {#- Of a version that noted columns only: which of them were `not null`, nobody has said. -#}
        {%- set columns = {} -%}
        {%- for name in fromjson(found.columns) -%}{%- do columns.update({name: true}) -%}{%- endfor -%}
        {%- do noted.update({'columns': columns}) -%}
    {%- endif -%}
    {#- One place for the digest of a view's SQL: model versions read it too. -#}
    {%- if 'view' in found -%}{%- do noted.update({'digest': found.view}) -%}{%- endif -%}
    {{ return(noted) }}
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
