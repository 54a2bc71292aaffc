{#- Indexes of the config. dbt names each by a hash with the time in it; these are named by what they are, so
    that making them again changes nothing. 32 hexadecimal digits say that a model has made it: an index of any
    other name is somebody's own. -#}

{#- The config's indexes, and the unique one that unique_key is: each once. -#}
{% macro configured_indexes() %}
    {%- set key, found = config.get('unique_key'), [] -%}
    {%- for index in config.get('indexes') or [] -%}
        {%- do adapter.parse_index(index) -%}{# which says what is wrong with it #}
        {%- set one = {'columns': index.columns, 'unique': index.get('unique', false), 'type': index.get('type') or 'btree'} -%}
        {%- if one not in found -%}{%- do found.append(one) -%}{%- endif -%}
    {%- endfor -%}
    {%- if key and is_partition_overwrite() -%}
        {%- set one = {'columns': [key] if key is string else key | list, 'unique': true, 'type': 'btree'} -%}
        {%- if one not in found -%}{%- do found.append(one) -%}{%- endif -%}
    {%- endif -%}
    {{ return(found) }}
{% endmacro %}


{% macro create_configured_indexes(relation) %}
    {%- for index in configured_indexes() -%}
        {%- do run_query(get_create_index_sql(relation, index)) -%}
    {%- endfor -%}
{% endmacro %}


{#- Name the model's own indexes on a table, after it has got its name. -#}
{% macro name_indexes(relation) -%}
    do $name_indexes$
    declare
        index record;
    begin
        for index in
            select indexrelid::regclass as named, md5('{{ relation }} ' || {{ index_definition('indexrelid') }}) as name
            from pg_index inner join pg_class on pg_class.oid = indexrelid
            where indrelid = '{{ relation }}'::regclass and relname ~ '^[0-9a-f]{32}$'
        loop
            execute format('alter index %s rename to %I', index.named, index.name);
        end loop;
    end
    $name_indexes$;
{%- endmacro %}


{#- Make the model's own indexes on a table that stays what the config says; those of other people stay. -#}
{% macro sync_indexes(relation) %}
    {%- set wanted = [] -%}
    {%- for index in configured_indexes() -%}
        {%- do wanted.append("indisunique = " ~ index.unique ~ " and amname = '" ~ index.type ~ "' and pg_get_indexdef(indexrelid) like "
            ~ dbt.string_literal('% (' ~ dbt.escape_single_quotes(index.columns | join(', ')) ~ ')')) -%}
    {%- endfor -%}
    {%- set there -%}
        from pg_index
        inner join pg_class on pg_class.oid = indexrelid
        inner join pg_am on pg_am.oid = relam
        where indrelid = '{{ relation }}'::regclass
    {%- endset -%}
    {%- for row in run_query("select indexrelid::regclass::text " ~ there ~ " and relname ~ '^[0-9a-f]{32}$' and not ("
            ~ (['false'] + wanted) | join(' or ') ~ ')').rows -%}
        {%- do run_query('drop index ' ~ row[0]) -%}
    {%- endfor -%}
    {%- for index in configured_indexes() -%}
        {%- if not run_query('select 1 ' ~ there ~ ' and ' ~ wanted[loop.index0]).rows -%}
            {%- do run_query(get_create_index_sql(relation, index)) -%}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}
