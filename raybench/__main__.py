"""Entry point of the command line: `raybench` and `python -m raybench`."""

from __future__ import annotations

import sys
import traceback

from .base import RaybenchError, ToldElsewhereError, keep_freed_memory


def main() -> None:
    """Run the command line; a user's mistake prints one line and exits with 2, Ctrl-C exits with 130.

    With `--debug` anywhere on the line, the traceback of a mistake is printed too, with what caused it.
    """
    from .commands import app

    debug = "--debug" in sys.argv
    sys.argv[:] = [word for word in sys.argv if word != "--debug"]

    keep_freed_memory()
    try:
        app()
    except ToldElsewhereError:
        sys.exit(2)
    except RaybenchError as error:
        if debug:
            traceback.print_exc()
        print(f"raybench: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("raybench: stopped; run the same command again to go on", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
