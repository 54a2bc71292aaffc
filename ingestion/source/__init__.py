"""Where records come from: files and APIs become files on this disk."""
