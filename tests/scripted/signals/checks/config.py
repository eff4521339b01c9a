"""The configuration of a full run, a smoke run and a refit."""

import os

from library.config import Config, load_config

os.environ["MARS_SEED"] = "7"
full, smoke, refit = load_config(False, False), load_config(True, False), load_config(False, True)
assert (full.kind, smoke.kind, refit.kind) == ("full", "smoke", "refit")
assert full.seed == 7
assert full == Config(seed=7)
assert smoke != full
