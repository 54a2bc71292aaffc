"""A demo product: its events and user profiles, and the HTTP API that delivers them."""
