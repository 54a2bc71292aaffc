{#- Model versions: what the rows of a windowed model are made by. A digest of its SQL as dbt compiled
    it (so of the macros that wrote it too), of the views it reads, of its key and its columns. What
    makes no other row is left out: comments, blanks, the case of keywords, the run's window, the name
    of the database, indexes, grants, tags, descriptions.

    intermediate.built_days has the version that built each day, intermediate.model_versions today's. -#}
{% macro model_version() %}
    {%- set columns = [] -%}
    {%- for column in model.columns.values() -%}
        {%- do columns.append(column.name ~ ' ' ~ column.data_type) -%}
    {%- endfor -%}
    {%- set parts = [
        sql_digest(model.compiled_code), config.get('unique_key'), config.get('partition_by'), columns,
    ] -%}
    {%- set views = views_read_by(model) -%}
    {%- for name, view in views | dictsort if not notes_its_digest(view) -%}
        {%- do parts.append(name ~ ' ' ~ sql_digest(view.raw_code)) -%}
    {%- endfor -%}
    {%- if views -%}
        {%- set noted -%}
            select name, value from {{ schema_of('intermediate') }}.marks
            where kind = 'view' and name in (
                '' {%- for name, view in views | dictsort if notes_its_digest(view) %}, '{{ name }}'{% endfor %}
            ) order by name
        {%- endset -%}
        {%- for row in run_query(noted).rows -%}
            {%- do parts.append(row[0] ~ ' ' ~ row[1]) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(local_md5(parts | join('|'))[:12]) }}
{% endmacro %}


{#- A digest of what a table is, apart from its rows: names and types of columns, constraints, keys, how it
    is partitioned. Where it is another one than the table was made with, the table is made anew. -#}
{% macro model_shape(node) %}
    {%- set parts = [] -%}
    {%- for column in node.columns.values() -%}
        {%- do parts.append(column.name ~ ' ' ~ (column.data_type or '') ~ ' ' ~ _rules(column.constraints)) -%}
    {%- endfor -%}
    {%- for index in node.config.get('indexes') or [] if index.get('unique') -%}
        {%- do parts.append('unique ' ~ index['columns'] | join(',')) -%}
    {%- endfor -%}
    {%- set by = node.config.get('partition_by') or {} -%}
    {{ return(local_md5([
        parts | sort, _rules(node.constraints), node.config.get('unique_key'), by.get('field'), by.get('granularity'),
    ] | join('|'))[:12]) }}
{% endmacro %}


{% macro _rules(constraints) %}
    {%- set rules = [] -%}
    {%- for rule in constraints or [] -%}
        {%- do rules.append([rule.type, rule.get('expression'), rule.get('columns')] | join(' ')) -%}
    {%- endfor -%}
    {{ return(rules | sort | join(',')) }}
{% endmacro %}


{#- on-run-start, and `dbt run-operation` before a rebuild: what the shapes of the models are today. A table
    that was made before shapes were noted is taken to have that of now. -#}
{% macro note_shapes() -%}
    {%- if not acts() -%}{{ return('select 1') }}{%- endif -%}
    {%- set noted = {} -%}
    {%- for row in run_query('select model, shape from ' ~ schema_of('intermediate') ~ '.model_versions').rows -%}
        {%- do noted.update({row[0]: row[1]}) -%}
    {%- endfor -%}
    {%- set statements = [] -%}
    {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.name in noted -%}
        {%- set shape = model_shape(node) -%}
        {%- if noted[node.name] != shape -%}
            {%- do statements.append(
                "update " ~ schema_of('intermediate') ~ ".model_versions set shape = '" ~ shape ~ "', table_shape = coalesce(table_shape, '"
                ~ shape ~ "') where model = '" ~ node.name ~ "';") -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if invocation_args_dict.get('which') == 'run-operation' and statements -%}
        {%- do run_query('begin; ' ~ statements | join(' ') ~ ' commit') -%}
    {%- endif -%}
    {{ return((statements or ['select 1']) | join(' ')) }}
{%- endmacro %}


{#- The views through which a node reads tables: {schema.name: node}. -#}
{% macro views_read_by(node) %}
    {%- set found = {} -%}
    {%- for parent in node.depends_on.nodes if parent in graph.nodes -%}
        {%- set upstream = graph.nodes[parent] -%}
        {%- if upstream.config.materialized in ('view', 'stable_view') -%}
            {%- do found.update({upstream.schema ~ '.' ~ upstream.alias: upstream}) -%}
            {%- do found.update(views_read_by(upstream)) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(found) }}
{% endmacro %}


{#- Whether a view's digest is in intermediate.marks. Of dbt's own `view` in a package, nobody notes it. -#}
{% macro notes_its_digest(view) %}
    {{ return(view.config.materialized == 'stable_view' or view.package_name == project_name) }}
{% endmacro %}


{#- Post-hook of all models: the digest of a view of dbt's own materialization, as a stable_view notes it. -#}
{% macro note_plain_view() -%}
    {%- if execute and model.config.materialized == 'view' and invocation_args_dict.which != 'clone' -%}
        {{ mark_as_ours(this, 'view', 'empty' if reads_a_part() else sql_digest(model.compiled_code)) }}
    {%- endif -%}
{%- endmacro %}


{#- Whether some day of this context's model was built by another version than today's. -#}
{% macro has_another_version() %}
    {%- set query -%}
        select exists (
            select from {{ schema_of('intermediate') }}.built_days
            where model = '{{ model.name }}' and model_version != '{{ model_version() }}'
        )
    {%- endset -%}
    {{ return(run_query(query).rows[0][0]) }}
{% endmacro %}


{#- on-run-start: a model that is gone builds no day anew; those that it built are nobody's. -#}
{% macro forget_models_that_are_gone() -%}
    {%- if not acts() -%}{{ return('select 1') }}{%- endif -%}
    delete from {{ schema_of('intermediate') }}.model_versions where model not in (
        ''
        {%- for node in graph.nodes.values() if node.resource_type == 'model' -%}
        , '{{ node.name }}'
        {%- endfor -%}
    )
{%- endmacro %}
