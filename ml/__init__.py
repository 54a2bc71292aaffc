"""Features, a model of them, and the files they are kept in. No database, no SQL."""
