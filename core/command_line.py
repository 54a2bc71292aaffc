"""The command lines: options made of the declared settings, and a command to its exit status."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from core.errors import UserError, show_traceback
from core.settings import Setting, declared, load_env
from core.values import Switch

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Function = Callable[[], int | None]
INTERRUPTED = 130  # of a shell, after Ctrl-C
# Full, over a quota, read-only, not ours to write.
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)


def command(
    *settings: type[DataclassInstance] | Setting[Any],
) -> Callable[[Function], click.Command]:
    """Make a function a command with an option for each setting that is no secret.

    Args:
        settings: dataclasses of settings, or single ones. Any: each has a type of its own.
    """

    def wrap(function: Function) -> click.Command:
        name = function.__name__.strip("_").replace("_", "-")
        options = [option for each in settings for option in _options(each)]
        return click.Command(name, callback=function, params=[*options], help=function.__doc__)

    return wrap


def group(prog: str, help_text: str, *commands: click.Command) -> click.Group:
    """Commands under one name, as `python -m prog command`."""
    named = {str(each.name): each for each in commands}
    return click.Group(prog, named, help=help_text, no_args_is_help=False)


def run_command(
    program: click.Command | Function, arguments: list[str] | None = None, prog: str | None = None
) -> int:
    """Run a command line, and return its exit status.

    An error of the user (a `UserError`, a wrong option, what Postgres or the disk refuses) becomes
    one line on stderr and status 2; 3 where what was named is nowhere (`NotFound`).

    Args:
        program: what runs; a function takes no settings.
        arguments: instead of those of this process.
        prog: how the program is called, for its help.
    """
    try:
        sys.excepthook = show_traceback
        load_env()
        runs = program if isinstance(program, click.Command) else command()(program)
        # Click returns the status where it ends by itself (--help); a command of ours mostly none.
        status = runs.main(arguments, prog_name=prog, standalone_mode=False)
        return status if isinstance(status, int) else 0
    except click.UsageError as error:
        message = " ".join(error.format_message().split())
        print(f"error: {UserError(message)} See --help.", file=sys.stderr)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.status
    except (KeyboardInterrupt, click.Abort):
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except _refusals() as error:
        print(f"error: {UserError(_in_one_line(error))}", file=sys.stderr)
    return 2


def _refusals() -> tuple[type[Exception], ...]:
    """Asked only when something has failed: psycopg2 takes 20 ms to import."""
    from core.refusals import REFUSALS

    return (*REFUSALS, OSError)


def _in_one_line(error: Exception) -> str:
    """What Postgres or the disk has refused; any other error of the system is raised again."""
    if isinstance(error, OSError) and error.errno not in _DISK:
        raise error
    who = "LOCAL_DIR or another folder" if isinstance(error, OSError) else "Postgres"
    return f"{who}: {' '.join(str(error).split())}"


def _options(settings: type[DataclassInstance] | Setting[Any]) -> list[click.Option]:
    found = (
        [settings] if isinstance(settings, Setting) else [each for _, each in declared(settings)]
    )
    return [_option(setting) for setting in found if not setting.secret]


def _option(setting: Setting[Any]) -> click.Option:
    """An option that stands for its variable: what is given is put there before the command runs,
    so that it is read and refused in one place, and processes started from here see it too."""

    def put(context: click.Context, option: click.Parameter, given: str) -> None:
        if context.get_parameter_source(str(option.name)) is ParameterSource.COMMANDLINE:
            os.environ[setting.name] = given

    return click.Option(
        [f"--{setting.name.lower().replace('_', '-')}"],
        default=setting.default or None,
        show_default=True,
        envvar=setting.name,
        show_envvar=True,
        metavar=setting.name,
        help=f"{setting.meaning} ({setting.kind.words})",
        expose_value=False,
        callback=put,
        **_switch(setting),
    )


def _switch(setting: Setting[Any]) -> dict[str, Any]:
    """`--dry` alone is `--dry true`. Any: as click takes it."""
    is_switch = isinstance(setting.kind, Switch)
    return {"is_flag": False, "flag_value": "true"} if is_switch else {}
