"""Files of any format become landing rows."""
