"""Landing rows into Postgres, and the ledger of what was delivered."""
