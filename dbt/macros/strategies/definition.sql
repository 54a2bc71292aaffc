{#- What a relation was made to be: a note of its columns, constraints, comments and grants as its model said
    them. What a relation has beyond its note is somebody else's, and stays. -#}

{#- What was noted; an empty one where nothing was. A project that keeps notes in a table of its own says so as
    postgres__definition_noted and postgres__write_note. -#}
{% macro definition_noted(relation) %}
    {{ return(adapter.dispatch('definition_noted')(relation) or {}) }}
{% endmacro %}


{#- As the comment of the relation's row type, of which there is one as long as there is the relation. -#}
{% macro default__definition_noted(relation) %}
    {%- set found = run_query(
        "select obj_description(reltype, 'pg_type') from pg_class where oid = to_regclass('" ~ relation ~ "')"
    ).rows -%}
    {%- set text = found[0][0] if found else none -%}
    {{ return(fromjson(text, {}) if text else {}) }}
{% endmacro %}


{% macro default__write_note(relation, note) -%}
    comment on type {{ relation.include(database=false) }} is '{{ note | replace("'", "''") }}'
{%- endmacro %}


{#- Note what the model says now. constraints: those that the relation was made with. digest: of a view's SQL.
    noted: the note that is there; one that says the same is left alone. of_query: columns that the query has. -#}
{% macro note_definition(relation, constraints=[], digest='', noted={}, of_query=[]) %}
    {%- set columns, comments = {}, {} -%}
    {%- for column in model.columns.values() -%}
        {%- set is_not_null = column.constraints | selectattr('type', 'equalto', 'not_null') | list | length > 0 -%}
        {%- do columns.update({name_in_postgres(column): is_not_null}) -%}
        {%- if config.persist_column_docs() and column.description -%}
            {%- do comments.update({name_in_postgres(column): local_md5(column.description)}) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for name in of_query if name not in columns -%}{%- do columns.update({name: false}) -%}{%- endfor -%}
    {%- if config.persist_relation_docs() and model.description -%}
        {%- do comments.update({'': local_md5(model.description)}) -%}
    {%- endif -%}
    {%- set note = {
        'columns': columns, 'comments': comments, 'grants': config.get('grants') or {}, 'constraints': constraints,
        'granularity': (config.get('partition_by') or {}).get('granularity', 'day') if is_partition_overwrite() else '',
        'digest': digest,
    } -%}
    {%- if digest and config.get('contract').enforced -%}{%- do note.update({'contract': digest_of_contract()}) -%}{%- endif -%}
    {%- if tojson(note, sort_keys=true) != tojson(noted, sort_keys=true) -%}
        {%- do run_query(adapter.dispatch('write_note')(relation, tojson(note, sort_keys=true))) -%}
    {%- endif -%}
{% endmacro %}


{#- A digest of the columns that a contract promises. -#}
{% macro digest_of_contract() %}
    {%- set promised = [] -%}
    {%- for column in model.columns.values() -%}{%- do promised.append([column.name, column.data_type]) -%}{%- endfor -%}
    {{ return(local_md5(tojson(promised))) }}
{% endmacro %}


{#- The names of a relation's constraints, those that only say `not null` left out. -#}
{% macro constraints_of(relation) %}
    {{ return(run_query(
        "select conname from pg_constraint where contype != 'n' and conrelid = '" ~ relation ~ "'::regclass order by 1"
    ).columns[0].values() | list) }}
{% endmacro %}


{#- Whether a table is what the one beside it, made by the model, is: then only its rows are replaced. but: kinds
    of parts that are not looked at. -#}
{% macro is_as_the_model_says(existing, new, noted, but=[]) %}
    {%- set theirs, ours = _parts_of(existing), _parts_of(new) -%}
    {%- if noted.get('granularity', '') not in ('', (config.get('partition_by') or {}).get('granularity', 'day')) -%}
        {{ return(false) }}
    {%- endif -%}
    {%- for part in ours if part not in theirs and part[0] not in but -%}{{ return(false) }}{%- endfor -%}
    {%- for kind, name, definition in theirs if (kind, name, definition) not in ours and kind not in but -%}
        {%- if kind == 'partitions'
            or kind == 'column' and (name in noted.columns if noted.columns is defined else not theirs[(kind, name, definition)])
            or kind == 'not null' and (noted.columns is not defined or noted.columns.get(name))
            or kind == 'index' and modules.re.match('^[0-9a-f]{32}$', theirs[(kind, name, definition)]) is not none
            or kind in ('constraint', 'key') and theirs[(kind, name, definition)] in noted.get('constraints', []) -%}
            {{ return(false) }}
        {%- endif -%}
    {%- endfor -%}
    {{ return(true) }}
{% endmacro %}


{#- A relation's parts, to be compared: {(kind, name, definition): name in Postgres}. Keys and indexes are told
    by what they are of; their names differ from table to table. -#}
{% macro _parts_of(relation) %}
    {%- set found -%}
        select 'partitions', '', coalesce(pg_get_partkeydef('{{ relation }}'::regclass), ''), ''
        union all
        select 'column', attname, format_type(atttypid, atttypmod), case when atthasdef then 'own' else '' end
        from pg_attribute where attrelid = '{{ relation }}'::regclass and attnum > 0 and not attisdropped
        union all
        select 'not null', attname, '', ''
        from pg_attribute where attrelid = '{{ relation }}'::regclass and attnum > 0 and not attisdropped and attnotnull
        union all
        select case when contype in ('c', 'f') then 'constraint' else 'key' end,
            case when contype in ('c', 'f') then conname else '' end, pg_get_constraintdef(oid), conname
        from pg_constraint where conrelid = '{{ relation }}'::regclass and contype in ('c', 'f', 'p', 'u')
        union all
        select 'index', '', {{ index_definition('indexrelid') }}, relname
        from pg_index inner join pg_class on pg_class.oid = indexrelid
        where indrelid = '{{ relation }}'::regclass
            and not exists (select from pg_constraint where conindid = indexrelid and contype in ('p', 'u', 'x'))
    {%- endset -%}
    {%- set parts = {} -%}
    {%- for row in run_query(found).rows -%}{%- do parts.update({(row[0], row[1], row[2]): row[3]}) -%}{%- endfor -%}
    {{ return(parts) }}
{% endmacro %}


{#- What an index is, without its name and its table. -#}
{% macro index_definition(oid) -%}
    regexp_replace(pg_get_indexdef({{ oid }}), ' INDEX .*? USING ', ' INDEX USING ')
{%- endmacro %}
