"""The core under other drivers: each ends with the same rows (make test-examples)."""
