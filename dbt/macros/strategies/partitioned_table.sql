{#- The partitioned tables that partition_overwrite makes: those beside the target, or, in a first build,
    the target itself. -#}

{#- New rows go into a table beside the target, not into a temporary one: its partitions are moved. -#}
{% macro postgres__make_temp_relation(base_relation, suffix) %}
    {%- if is_partition_overwrite() -%}
        {{ return(relation_beside(base_relation)) }}
    {%- endif -%}
    {{ return(dbt.postgres__make_temp_relation(base_relation, suffix)) }}
{% endmacro %}


{% macro postgres__create_table_as(temporary, relation, sql) -%}
    {%- if not is_partition_overwrite() -%}
        {{ return(dbt.postgres__create_table_as(temporary, relation, sql)) }}
    {%- endif -%}
    {%- if temporary -%}{{ return(fill_beside(relation, sql)) }}{%- endif -%}
    {%- set partitions = partitions_of_window() %}
    {{ create_partitioned(relation, partitions, sql) }}
    {{ insert_into_partitions(relation, partitions, sql) }}
{%- endmacro %}


{#- What is beside the target is filled chunk by chunk, and committed: others must be able to see it before
    it is swapped. The first chunk is filled in the transaction of the pre-hooks. -#}
{% macro fill_beside(new, sql) %}
    {%- do model.update({'partition_overwrite_began': modules.datetime.datetime.now()}) -%}
    {%- do drop_dead_besides() -%}
    {%- set chunks, settings = chunks_of_window(new), local_settings() -%}
    {%- for chunk in chunks -%}
        {%- do run_query(
            settings ~ mark_as_filling() ~ create_partitioned(chunk.beside, chunk.partitions, sql)
            ~ whose_beside(chunk.beside)
            ~ insert_into_partitions(chunk.beside, chunk.partitions, sql, rows_of_chunk(chunks, loop.index0))) -%}
        {%- do run_query('commit') -%}
    {%- endfor -%}
    {#- What is older than this transaction may not see the rows. -#}
    {%- do model.update({'partition_overwrite_filled': run_query('select pg_current_xact_id()::text').rows[0][0]}) -%}
    {{ return('select 1;') }}
{% endmacro %}


{#- Which of the query's rows go into a chunk, as a condition. Every row goes into one: what is outside the
    window is refused there by Postgres, because it has no partition. -#}
{% macro rows_of_chunk(chunks, index) %}
    {%- set field, is_last = partition_field(), index + 1 == chunks | length -%}
    {%- set from_here = field ~ " >= '" ~ chunks[index].partitions[0].start ~ "'" if index else 'true' -%}
    {%- if is_last -%}
        {{ return(from_here ~ ' or ' ~ field ~ ' is null' if index else 'true') }}
    {%- endif -%}
    {{ return(from_here ~ ' and ' ~ field ~ " < '" ~ chunks[index + 1].partitions[0].start ~ "'") }}
{% endmacro %}


{#- Named as they would be in the model's own table: its constraints. -#}
{% macro create_partitioned(relation, partitions, sql) %}
    {%- set spaces = tablespaces_in_place(this, partitions) -%}
    {{ config.get('sql_header') or '' }}
    create table {{ relation }}
    {{ get_assert_columns_equivalent(sql) }}
    {{ get_table_columns_and_constraints() }}
    partition by range ({{ partition_field() }}) {{- spaces.get('') or '' }};
    {%- for p in partitions %}
    create {{ 'unlogged ' if is_published(this) }}table {{ partition_relation(p) }} partition of {{ relation }}
    for values from ('{{ p.start }}') to ('{{ p.end }}') {{- spaces.get(p.start) or '' }};
    {%- endfor %}
    {{ rename_constraints(relation, relation, this) }}
{% endmacro %}


{#- One of Postgres' errors is put in words: a row that has no partition is one outside of the window. -#}
{% macro insert_into_partitions(relation, partitions, sql, rows='true') %}
    do $insert$
    declare
        violated text;
        row_is text;
    begin
        insert into {{ relation }} ({{ adapter.dispatch('get_column_names', 'dbt')() }})
        {{ get_select_subquery(sql) }}
        where {{ _within(partitions) if is_sample() else rows }};
    exception when check_violation then
        get stacked diagnostics violated = constraint_name, row_is = pg_exception_detail;
        if violated != '' then
            raise;
        end if;
        raise exception '{{ this.identifier | replace("'", "''") | replace('%', '%%') }}: the query has a row outside of the run''s window: %', row_is
        using errcode = 'check_violation';
    end
    $insert$;
{% endmacro %}


{% macro _within(partitions) %}
    {%- set conditions, field = ['false'], partition_field() -%}
    {%- for p in partitions -%}
        {%- do conditions.append(field ~ " >= '" ~ p.start ~ "' and " ~ field ~ " < '" ~ p.end ~ "'") -%}
    {%- endfor -%}
    {{ return('(' ~ conditions | join(') or (') ~ ')') }}
{% endmacro %}


{#- Postgres calls a constraint without a name after its table, as that was called: after the one that it is
    meant for. `kinds`: as in pg_constraint; the indexes of keys are called after the table until it is swapped. -#}
{% macro rename_constraints(relation, was, meant, kinds=('c', 'f')) %}
    {%- if was.identifier == meant.identifier -%}{{ return('select 1;') }}{%- endif %}
    do $rename$
    declare
        old name;
    begin
        for old in
            select conname from pg_constraint
            where conrelid = '{{ relation }}'::regclass and contype in ('{{ kinds | join("', '") }}')
                and starts_with(conname, '{{ was.identifier }}')
        loop
            execute format('alter table {{ relation | replace('%', '%%') }} rename constraint %I to %I', old,
                replace(old, '{{ was.identifier }}', {{ dbt.string_literal(dbt.escape_single_quotes(meant.identifier)) }}));
        end loop;
    end
    $rename$;
{% endmacro %}


{#- Where the table and those of its partitions lie that are to be replaced, by their start, '' for the table:
    ' tablespace x'. -#}
{% macro tablespaces_in_place(target, partitions) %}
    {%- set found -%}
        select coalesce(pg_get_expr(relpartbound, 0), ''), quote_ident(spcname)
        from pg_class inner join pg_tablespace on pg_tablespace.oid = reltablespace
        where pg_class.oid = to_regclass('{{ target }}')
            or pg_class.oid in (select inhrelid from pg_inherits where inhparent = to_regclass('{{ target }}'))
    {%- endset -%}
    {%- set by_bounds, spaces = {}, {} -%}
    {%- for row in run_query(found).rows -%}{%- do by_bounds.update({row[0]: ' tablespace ' ~ row[1]}) -%}{%- endfor -%}
    {%- do spaces.update({'': by_bounds.get('')}) -%}
    {%- for p in partitions if by_bounds -%}
        {%- do spaces.update({p.start: by_bounds.get("FOR VALUES FROM ('" ~ p.start ~ "') TO ('" ~ p.end ~ "')")}) -%}
    {%- endfor -%}
    {{ return(spaces) }}
{% endmacro %}
