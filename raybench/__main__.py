"""Entry point of the command line: `raybench` and `python -m raybench`."""

from __future__ import annotations

import sys

from .base import RaybenchError, ToldElsewhereError, keep_freed_memory

__all__ = ["main"]


def main() -> None:
    """Run the command line; a user's mistake prints one line and exits with 2, Ctrl-C exits with 130."""
    from .commands import app

    keep_freed_memory()
    try:
        app()
    except ToldElsewhereError:
        sys.exit(2)
    except RaybenchError as error:
        print(f"raybench: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("raybench: stopped; run the same command again to go on", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
