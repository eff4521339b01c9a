"""Statistics of sampled training images. One image is in memory at a time."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from agent.competition.pictures.decoding import decode_reduced
from agent.competition.pictures.rendering import Rendering

_SEED = 42
_MAX_IMAGES = 500
_SIDE = 256  # pixels; larger JPEG files are reduced while decoding


def summarize_images(paths: Sequence[str], media: Path) -> dict[str, object]:
    """Return sizes, aspect ratios, channels and pixel statistics (0 to 1) of up to 500 sampled images.

    Sizes come from the headers. Pixels come from a reduced decode.
    """
    rng = np.random.default_rng(_SEED)
    sampled = rng.choice(np.array(paths, dtype=object), min(_MAX_IMAGES, len(paths)), replace=False)
    sizes: list[tuple[int, int]] = []
    channels: Counter[int] = Counter()
    means, deviations = [], []
    for path in sampled:
        decoded = decode_reduced(media / path, _SIDE)
        if decoded is None:
            continue
        header, pixels = decoded
        sizes.append(header.shown_size)
        channels[1 if pixels.ndim == 2 else int(pixels.shape[2])] += 1
        shown = Rendering().to_8_bit(pixels)
        mean, deviation = shown.mean(dtype=np.float64), shown.std(dtype=np.float32)
        means.append(float(mean) / 255)
        deviations.append(float(deviation) / 255)
    if not sizes:
        return {"looked_at": 0}
    heights, widths = np.array(sizes, dtype=np.float64).T
    return {
        "looked_at": len(sizes),
        "height_mean": float(heights.mean()),
        "width_mean": float(widths.mean()),
        "height_std": float(heights.std()),
        "width_std": float(widths.std()),
        "distinct_sizes": len(set(sizes)),
        "aspect_mean": float((widths / heights).mean()),
        "aspect_std": float((widths / heights).std()),
        "channels": {str(count): rows for count, rows in channels.items()},
        "pixel_mean": float(np.mean(means)),
        "pixel_std": float(np.mean(deviations)),
        "brightness_std": float(np.std(means)),
    }
