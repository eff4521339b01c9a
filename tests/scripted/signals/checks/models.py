"""The model tells two plain shapes apart, and gives a class that it never saw no probability."""

import numpy as np

from library.config import load_config
from library.models import Model

rng = np.random.default_rng(0)
config = load_config(True, False)
truth = np.arange(40) % 2
time = np.linspace(0, 6, config.length)
shapes = np.stack([np.sin(time), np.sign(np.sin(3 * time))])
x = shapes[truth] + rng.normal(0, 0.1, (40, config.length))

model = Model(config, n_classes=3)
model.fit(x, truth, np.ones(40))
probabilities = model.predict(x)
assert probabilities.shape == (40, 3)
assert np.allclose(probabilities.sum(axis=1), 1)
assert (probabilities.argmax(axis=1) == truth).mean() > 0.9
assert (probabilities[:, 2] == 0).all()

again = Model(config, n_classes=3)
again.fit(x, truth, np.ones(40))
assert np.array_equal(again.predict(x), probabilities), "the seed decides"
