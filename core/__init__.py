"""What every room uses: days, errors, settings, the warehouse. It imports no other room."""
