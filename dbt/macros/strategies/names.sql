{#- Names that the strategies give. Two relations must not get one name, however long theirs are and whatever
    schemas they are in: a hash of the run and of the whole name tells them apart, and the beginning is for
    people. -#}

{#- A table beside a relation, for this run. -#}
{% macro relation_beside(relation) %}
    {{ return(relation.incorporate(path={'identifier': _start_of(relation, 20) ~ '__' ~ _hash_of(relation)[:12]}, type='table')) }}
{% endmacro %}


{#- A temporary table of a run's: its name, quoted. -#}
{% macro temporary_of(relation, what) %}
    {{ return(adapter.quote(_start_of(relation, 20) ~ '_' ~ _hash_of(relation)[:12] ~ '_' ~ what)) }}
{% endmacro %}


{#- A partition's table. Old and new exist side by side, so its name says which run made it. -#}
{% macro partition_relation(partition) %}
    {%- set start = modules.re.sub('( 00:00:00)?([+]00)?$', '', partition.start) | replace(' BC', 'BC') -%}
    {%- set name = _start_of(this, 30) ~ '_' ~ modules.re.sub('[^0-9BC]', '', start)[:20] ~ '_' ~ _hash_of(this)[:8] -%}
    {%- set schema = config.get('partition_by').get('schema', this.schema) -%}
    {{ return(this.incorporate(path={'schema': schema, 'identifier': name}, type='table')) }}
{% endmacro %}


{% macro _start_of(relation, characters) %}
    {{ return(modules.re.sub('[^a-zA-Z0-9_]', '_', relation.identifier)[:characters]) }}
{% endmacro %}


{% macro _hash_of(relation) %}
    {{ return(local_md5(invocation_id ~ relation.schema ~ '.' ~ relation.identifier)) }}
{% endmacro %}
