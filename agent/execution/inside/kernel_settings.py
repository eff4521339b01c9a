"""Paths below /proc that change the whole machine."""

KERNEL_SETTINGS = ("/proc/sys", "/proc/irq", "/proc/bus", "/proc/sysrq-trigger")
"""Root owns them, and is their owner in every user namespace too."""
