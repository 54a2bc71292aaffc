"""Messages to people and to other systems: e-mail and webhooks. No orchestrator."""
