"""The one exception that means "the user can fix this"."""


class UserError(Exception):
    """A mistake in what the user gave us: one sentence that names the remedy.

    The command line prints the message on one line and exits with code 2; library users
    may catch it. Internal faults use Python's own exceptions and stay loud.
    """
