"""How long tests wait at most. Under a sanitizer, or on a busy machine, everything takes LEAT_SLOWNESS times as long."""
import os

SLOWNESS = int(os.environ.get("LEAT_SLOWNESS", 1))


def patience(seconds):
    """For what is there within so many seconds where nothing slows it down. Not for pauses, nor for what must last."""
    return seconds * SLOWNESS
