"""Two fact tables, anywhere, per UTC day: where they differ, in what, and why it may be."""
