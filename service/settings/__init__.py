"""How one deployment differs from another: read from the environment once, then frozen."""

from service.settings.addresses import is_loopback
from service.settings.dicomweb import DicomwebServerSettings
from service.settings.environment import settings_or_exit
from service.settings.settings import NVIDIA_DRIVER, Settings

__all__ = [
    "NVIDIA_DRIVER",
    "DicomwebServerSettings",
    "Settings",
    "is_loopback",
    "settings_or_exit",
]
