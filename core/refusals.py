"""What Postgres refuses for reasons outside the code, or cuts off."""

from psycopg2 import InterfaceError, OperationalError
from psycopg2.errors import (
    DependentObjectsStillExist,
    InsufficientPrivilege,
    ReadOnlySqlTransaction,
    UntranslatableCharacter,
)

REFUSALS = (
    OperationalError,
    InterfaceError,  # of a connection that the server has closed
    InsufficientPrivilege,
    DependentObjectsStillExist,
    ReadOnlySqlTransaction,
    UntranslatableCharacter,
)
