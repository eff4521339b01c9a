"""Exit codes of the `mars` command."""

EXIT_FAILED = 1
"""No valid solution, a difference, or a failure of the machine."""
EXIT_SETUP = 2
"""A wrong option, file or environment."""
EXIT_INTERRUPTED = 130
