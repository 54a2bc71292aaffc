"""The mapping that a source is read by."""

from __future__ import annotations

from dataclasses import replace

from ingestion.mapping.mapping import Mapping, load_mapping
from ingestion.settings import SOURCES_FILE
from ingestion.sources import read_sources


def source_mapping(name: str) -> Mapping:
    """The mapping of a source, under the source's name.

    Args:
        name: of a source in SOURCES_FILE, or else of a mapping, as MAPPING= takes it.

    Raises:
        UserError: there is none.
    """
    named = read_sources(SOURCES_FILE.read()).get(name)
    return replace(load_mapping(named.mapping), name=name) if named else load_mapping(name)
