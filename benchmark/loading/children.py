"""Ends processes with the one that started them."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time


def end_with_parent(_worker: int = 0) -> None:
    """Let a forked or spawned process end soon after its parent was killed.

    For loader workers torch's own watchdog only ends the loop of the loader: it would then wait for ever to
    hand on the images that it has read, since its brothers hold the other end of the pipe open.
    """
    parent = multiprocessing.parent_process()
    assert parent is not None, "called outside a child process"

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def end_with_launcher() -> None:
    """Let this process end within about a second of the one that started it, such as torchrun.

    Torchrun ends its processes when one of them dies, but not when it is killed itself; they would go on,
    each in the belief that the others do their part.
    """
    launcher = os.getppid()

    def watch() -> None:
        while os.getppid() == launcher:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, name="raybench-launcher", daemon=True).start()
