"""The one exception that means "the user can fix this"."""


class UserError(Exception):
    """A problem outside the code: a setting, a file, a server.

    The message is one line that names the setting and the value seen. The command line prints it
    and exits with status 2; nothing in the warehouse has changed.
    """
