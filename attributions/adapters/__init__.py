"""Methods of other libraries under this one's interface, each if its library is there."""

from . import captum, pytorch_grad_cam, torchcam, torchray, zennit  # noqa: F401
