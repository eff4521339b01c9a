"""The entry point of `mars`: prepares the output streams, and maps errors to sentences and exit codes.

Everything is imported inside `main`, so that Ctrl-C ends the command quietly from its first moment on.
"""

import os
import sys


def main() -> None:
    """Run the command line; entry point of the console script."""
    try:
        from agent.cli.streams import close_streams, open_streams

        _treat_sigterm_as_interrupt()
        _use_one_blas_thread()
        open_streams()
        try:
            _run()
        finally:
            close_streams()
    except KeyboardInterrupt:
        _quit_after_interrupt()


def _use_one_blas_thread() -> None:
    """Let numpy and scipy, which are not imported yet, use one thread, unless the user sets another number.

    The harness multiplies small matrices beside candidates that use all cores. A second thread then waits for
    a core far longer than the product takes. Candidates get thread counts of their own.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def _run() -> None:
    from agent.cli.commands import app
    from agent.cli.exit_codes import EXIT_FAILED, EXIT_SETUP
    from agent.core.errors import MarsError, SetupError

    try:
        app()
    except SetupError as error:
        _fail(str(error), EXIT_SETUP)
    except MarsError as error:
        _fail(str(error), EXIT_FAILED)
    except BrokenPipeError:  # the reader, for example `head`, has closed the pipe
        sys.exit(EXIT_FAILED)
    except OSError as error:
        from errno import EDQUOT, ENOSPC

        if error.errno not in (EDQUOT, ENOSPC):
            raise
        where = f"{error.filename}: " if error.filename else ""
        _fail(f"{where}the disk is full; free some space and run again.", EXIT_FAILED)


def _fail(message: str, code: int) -> None:
    print(f"mars: {message}", file=sys.stderr)
    sys.exit(code)


def _treat_sigterm_as_interrupt() -> None:
    import signal

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)


def _quit_after_interrupt() -> None:
    """Exit at once: an import that was cut off may leave threads and modules that cannot be closed."""
    import os

    from agent.cli.exit_codes import EXIT_INTERRUPTED

    if sys.stderr is not None:
        print("Interrupted.", file=sys.stderr, flush=True)
    os._exit(EXIT_INTERRUPTED)


if __name__ == "__main__":
    main()
