"""Files of the Hugging Face hub: from its cache, else downloaded into it."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

from ...base import RaybenchError, worded


def hub_file(name: str, repository: str, files: Sequence[str], revision: str | None = None) -> Path:
    """Return the first of some files that a repository has.

    Args:
        name: what messages call the network.
        repository: `OWNER/NAME`.
        files: names of files in the order of preference.
        revision: branch, tag or commit; default the main branch.

    Raises:
        RaybenchError: huggingface_hub is not installed, the repository has none of the files, or it cannot be
            reached; says how to fetch the file by hand.
    """
    try:
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError
    except ImportError:
        raise RaybenchError(f"{name} needs huggingface_hub: pip install huggingface_hub") from None
    if there := in_hub_cache(repository, files, revision):
        return there
    by_hand = f"hf download {repository} {files[0]}{f' --revision {revision}' if revision else ''}"
    if not _reachable():
        raise RaybenchError(
            f"{name}: cannot download {files[0]} of {repository}: the Hugging Face hub's cache lacks it, and "
            f"there is no network here; where there is one: {by_hand}"
        )
    for file in files:
        try:
            return Path(hf_hub_download(repository, file, revision=revision))
        except LocalEntryNotFoundError as error:
            raise _unreachable(name, file, repository, by_hand, error) from None
        except EntryNotFoundError:
            continue
        except Exception as error:  # it raises errors of its own, of HTTP clients and of the system
            raise _unreachable(name, file, repository, by_hand, error) from None
    raise RaybenchError(f"{name}: {repository} on the Hugging Face hub has no {' and no '.join(files)}")


def in_hub_cache(repository: str, files: Sequence[str], revision: str | None = None) -> Path | None:
    """Return the first of some files of a repository that lies in the hub's cache; asks nobody."""
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        return None
    found = (try_to_load_from_cache(repository, file, revision=revision) for file in files)
    return next((Path(path) for path in found if isinstance(path, str)), None)


def _reachable() -> bool:
    """Whether the hub's address is known, or a proxy's; otherwise its client would try for half a minute."""
    from huggingface_hub.constants import ENDPOINT

    if getproxies():
        return True
    try:
        socket.getaddrinfo(urlsplit(ENDPOINT).hostname, None)
    except OSError:
        return False
    return True


def _unreachable(name: str, file: str, repository: str, by_hand: str, error: Exception) -> RaybenchError:
    return RaybenchError(
        f"{name}: cannot download {file} of {repository} from the Hugging Face hub: "
        f"{worded(error).splitlines()[0].rstrip('.')}; where there is a network: {by_hand}"
    )
