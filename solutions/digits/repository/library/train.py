"""Training."""

import math
import time

import numpy as np
import torch
from timm.optim import create_optimizer_v2

from library.config import Config
from library.dataset import Data, training_loader
from library.inference import Outputs, predict, validation_score
from library.loss import loss_function
from library.models import Classifier, build_model, precision
from library.utils import Clock, Progress

PROBE_STEPS = 8  # After so many steps their pace tells how many fit into the time.
PREDICTION_COST = 0.4  # of a training step, for as many pictures


def train_and_predict(config: Config, data: Data, clock: Clock, progress: Progress) -> Outputs:
    """Trains the network within the time that is left and predicts the validation and test rows."""
    model, source = build_model(config, len(data.classes))
    model = fit(model, config, data, np.arange(len(data.train)), clock.left(), progress, config.backbone)
    progress.write("predict", member=config.backbone)
    val = predict(model, config, data.val)
    test = predict(model, config, data.test)
    return Outputs(val, test, {config.backbone: source})


class Pace:
    """How many steps training takes: as many as asked for, or as many as fit into the time."""

    def __init__(self, steps: int, seconds: float, prediction_steps: float) -> None:
        self.done = 0
        self.total = self._asked = steps
        self._prediction_steps = prediction_steps
        self._deadline = time.monotonic() + seconds
        self._probed_at = 0.0

    @property
    def fraction(self) -> float:
        return self.done / self.total

    def step(self) -> None:
        """Counts a step and, from the pace so far, those that are still to come."""
        self.done += 1
        now = time.monotonic()
        if self.done == 2:  # The first steps are slower than the others.
            self._probed_at = now
        if self.done >= PROBE_STEPS:
            step_s = (now - self._probed_at) / (self.done - 2)
            affordable = (self._deadline - now) / step_s - PREDICTION_COST * self._prediction_steps
            self.total = int(self.done + max(0, min(self._asked - self.done, affordable)))


def fit(
    model: Classifier,
    config: Config,
    data: Data,
    chosen: np.ndarray,
    seconds: float,
    progress: Progress,
    member: str,
) -> Classifier:
    """Trains on the chosen rows to the end of the schedule.

    No epoch is picked by its validation score: the schedule anneals, so the last weights are the ones to
    keep, and the validation rows stay unused.
    """
    loader = training_loader(config, data.train, chosen)
    predictions = (len(data.val) + len(data.test)) / loader.batch_size
    pace = Pace(config.epochs * len(loader), seconds, predictions)
    optimizer = create_optimizer_v2(
        model.network,
        opt="adamw",
        lr=config.learning_rate,
        weight_decay=config.weight_decay,
    )
    epoch = 0
    while pace.done < pace.total:
        epoch += 1
        model.train()
        losses = []
        for pictures, rows in loader:
            set_learning_rate(optimizer, config, pace.fraction)
            targets = targets_of(data, rows.numpy()).to(config.device, non_blocking=True)
            pictures = pictures.to(config.device, non_blocking=True)
            with precision(config.device):
                loss = loss_function(model(pictures), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
            pace.step()
            if pace.done >= pace.total:
                break
        train_loss = float(torch.stack(losses).mean())
        if not math.isfinite(train_loss):
            raise FloatingPointError(f"Training diverged in epoch {epoch}: the loss is {train_loss}.")
        metric = None
        if pace.done < pace.total:
            metric = validation_score(data.val.truth, predict(model, config, data.val))
        progress.write(
            "train",
            member=member,
            epoch=epoch,
            fraction=pace.fraction,
            train_loss=train_loss,
            metric=metric,
        )
    return model


def set_learning_rate(optimizer: torch.optim.Optimizer, config: Config, fraction: float) -> None:
    """A linear rise over a twentieth of the steps, then half a cosine down to 0."""
    if fraction < 0.05:
        height = 0.1 + 0.9 * fraction / 0.05
    else:
        height = (1 + math.cos(math.pi * (fraction - 0.05) / 0.95)) / 2
    for group in optimizer.param_groups:
        group["lr"] = config.learning_rate * group.get("lr_scale", 1.0) * height


def targets_of(data: Data, rows: np.ndarray) -> torch.Tensor:
    """Class indices (B,)."""
    return torch.from_numpy(data.train.truth[rows])
