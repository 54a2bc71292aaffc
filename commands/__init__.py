"""What make runs across rooms: the main job, forget, prune. Nothing imports it."""
