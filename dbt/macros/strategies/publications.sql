{#- A swap of partitions is DDL, which logical replication does not send: a subscriber would keep the old rows.
    In a table that is published the rows of a partition are replaced instead. -#}

{% macro is_published(relation) %}
    {{ return(publications_of(relation) | length > 0) }}
{% endmacro %}


{#- The publications that a table is in: by its name, its partitions', their schemas, or as one of all tables. -#}
{% macro publications_of(relation) %}
    {%- set found -%}
        with tables as (
            select oid, relnamespace from pg_class
            where oid = to_regclass('{{ relation }}')
                or oid in (select inhrelid from pg_inherits where inhparent = to_regclass('{{ relation }}'))
        )
        select pubname from pg_publication
        where exists (select from tables) and (
            puballtables
            or oid in (select prpubid from pg_publication_rel where prrelid in (select tables.oid from tables))
            or oid in (select pnpubid from pg_publication_namespace where pnnspid in (select relnamespace from tables))
        )
        order by 1
    {%- endset -%}
    {{ return(run_query(found).columns[0].values() | list) }}
{% endmacro %}


{#- A table that is made anew is another one to a subscriber, with rows that it has never been sent. -#}
{% macro require_not_published(existing) %}
    {%- set names = publications_of(existing) -%}
    {%- if names -%}
        {%- do exceptions.raise_compiler_error(existing.schema ~ '.' ~ existing.identifier ~ ' has to be made anew, and is published by '
            ~ names | join(', ') ~ ': take it out of the publication, build, put it back and refresh the subscriptions') -%}
    {%- endif -%}
{% endmacro %}


{#- The rows of all chunks, each in a transaction of its own. Who has an older snapshot sees the older rows. -#}
{% macro replace_rows_of_chunks(target, chunks, noted, settings) %}
    {%- for chunk in chunks -%}
        {%- set replaced = run_query('begin; ' ~ settings ~ replace_some(target, chunk, noted)).rows[0] -%}
        {%- do note_swapped(target, replaced[0], replaced[1]) -%}
        {%- do run_query('commit') -%}
    {%- endfor -%}
{% endmacro %}


{#- Ends in a row: the bounds of what was replaced. -#}
{% macro replace_some(target, chunk, noted) %}
    create temporary table {{ temporary_of(target, 'relaxed') }} on commit drop as
    {{ relaxations(target, chunk.beside, noted) }};
    {{ lock_writers_of(target) }}
    {{ lock_with_retries(target, partitions_in_place(target, chunk.partitions)) }}
    {{ execute_each('select statement from ' ~ temporary_of(target, 'relaxed') ~ ' as relaxed (statement)', target) }}
    {{ tables_of_a_swap(target) }}
    {{ replace_rows(target, chunk.beside, chunk.partitions) }}
    {%- for p in chunk.partitions %}
    insert into {{ swapped_partitions(target) }}
    select '{{ p.start }}', '{{ p.end }}' where not exists ({{ kept_in(temporary_of(target, 'kept'), p) }});
    {%- endfor %}
    select min(start), max(past) from {{ swapped_partitions(target) }};
{% endmacro %}


{#- The partitions' rows, replaced. A day that is new gets its partition first; deletes are published by what
    tells rows apart: the primary key, a unique index without nulls, or else whole rows. -#}
{% macro replace_rows(target, new, partitions) %}
    {%- set columns = names_of_columns(new) -%}
    {%- set field, kept = partition_field(), temporary_of(target, 'kept') %}
    {%- for p in partitions %}
    do $partition$
    begin
        if not exists ({{ partitions_in_place(target, [p]) }}) then
            create table {{ partition_in_place_relation(p) }} partition of {{ target }}
            for values from ('{{ p.start }}') to ('{{ p.end }}');
        end if;
    end
    $partition$;
    {%- endfor %}
    do $identity$
    declare
        partition regclass;
        unique_index name;
    begin
        for partition, unique_index in
            select parts.oid, (
                select relname from pg_index inner join pg_class on pg_class.oid = indexrelid
                where indrelid = parts.oid and indisunique and indimmediate and indpred is null and indexprs is null
                    and not exists (
                        select from pg_attribute
                        where attrelid = parts.oid and attnum = any (indkey::int2[]) and not attnotnull
                    )
                order by relname limit 1
            )
            from pg_class as parts
            where parts.oid in (
                {{ partitions_in_place(target, partitions) }}
            ) and relreplident = 'd'
                and not exists (select from pg_index where indrelid = parts.oid and indisprimary)
        loop
            execute format('alter table %s replica identity %s', partition, coalesce('using index ' || quote_ident(unique_index), 'full'));
        end loop;
    end
    $identity$;
    {%- for p in partitions %}
    delete from {{ target }}
    where {{ field }} >= '{{ p.start }}' and {{ field }} < '{{ p.end }}'
        and not exists ({{ kept_in(kept, p) }});
    insert into {{ target }} ({{ columns }})
    select {{ columns }} from {{ new }}
    where {{ field }} >= '{{ p.start }}' and {{ field }} < '{{ p.end }}'
        and not exists ({{ kept_in(kept, p) }});
    {%- endfor %}
    drop table {{ new }};
{% endmacro %}


{#- A partition that stays in the table: its name is not that of the one beside it, in the same run. -#}
{% macro partition_in_place_relation(p) %}
    {%- set beside = partition_relation(p) -%}
    {{ return(beside.incorporate(path={'identifier': beside.identifier ~ '_p'})) }}
{% endmacro %}


{#- The columns of a table that rows can be inserted into. -#}
{% macro names_of_columns(relation) %}
    {{ return(run_query(
        "select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute where attrelid = '" ~ relation
        ~ "'::regclass and attnum > 0 and not attisdropped and attgenerated = ''"
    ).rows[0][0]) }}
{% endmacro %}
