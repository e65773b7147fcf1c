"""From files to the input of a network, so that its device never waits."""

from .batches import Batch, group_by_shape, load, workers_beside
from .children import end_with_launcher, end_with_parent
from .frames import Frame, View, frame_of
from .inputs import decoded, network_input
from .preparation import Needs, Prepared, PreparedImages
from .transfer import OnItsWay, send_joined
from .views import centre_crop, to_pixels, too_narrow, worker_view

__all__ = [
    "Batch",
    "Frame",
    "Needs",
    "OnItsWay",
    "Prepared",
    "PreparedImages",
    "View",
    "centre_crop",
    "decoded",
    "end_with_launcher",
    "end_with_parent",
    "frame_of",
    "group_by_shape",
    "load",
    "network_input",
    "send_joined",
    "to_pixels",
    "too_narrow",
    "worker_view",
    "workers_beside",
]
