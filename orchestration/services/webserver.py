"""Dagster's web server, behind the guard."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from core.settings import load_env, read_settings
from orchestration.services.guard import Guard
from orchestration.services.settings import UiSettings, public_origin


def main() -> None:
    """What `dagster-webserver` does, with its arguments.

    It has no setting for a middleware: the function that makes its application is replaced.
    """
    load_env()
    settings = read_settings(UiSettings)
    cli: Any = import_module("dagster_webserver.cli")
    create = cli.create_app_from_workspace_process_context

    def guarded(*arguments: Any, **options: Any) -> Any:
        app = create(*arguments, **options)
        app.add_middleware(
            Guard, public=public_origin(), token=settings.token, user_header=settings.user_header
        )
        return app

    cli.create_app_from_workspace_process_context = guarded
    cli.main()


if __name__ == "__main__":
    main()
