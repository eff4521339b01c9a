"""Training."""

import time
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import nn

from library.config import Config
from library.dataset import PREDICTION_BATCH, Data, Rows, prediction_loader
from library.inference import Outputs, predict
from library.loss import loss_function
from library.models import Classifier, build_model, precision
from library.utils import Clock, Progress, cached_array

HEAD_STEPS = 50


def train_and_predict(config: Config, data: Data, clock: Clock, progress: Progress) -> Outputs:
    """Trains the network within the time that is left and predicts the validation and test rows."""
    model, source = build_model(config, len(data.classes))
    features = extract_all(model, source, config, data, clock.left(), progress)
    head = fit_head(features, np.arange(len(features.train_rows)), config, data, clock.left())
    return Outputs(predict(head, features.val), predict(head, features.test), {config.backbone: source})


@dataclass(frozen=True)
class Features:
    """What the frozen network sees in pictures (V is 1); each array is (V, N, D)."""

    train: torch.Tensor
    train_rows: np.ndarray  # (N,), which rows these are
    val: torch.Tensor
    test: torch.Tensor


def extract_all(
    model: Classifier, source: str, config: Config, data: Data, seconds: float, progress: Progress
) -> Features:
    """Features of all rows; where time is short, of a random part of the training rows."""
    trial = np.arange(min(PREDICTION_BATCH, len(data.train)))
    started = time.monotonic()
    extract(model, config, data.train, trial)
    row_s = (time.monotonic() - started) / len(trial)
    affordable = 0.8 * seconds / row_s - len(data.val) - len(data.test)
    train_rows = np.arange(len(data.train))
    if affordable < len(data.train):
        shuffled = np.random.default_rng(config.seed).permutation(len(data.train))
        train_rows = np.sort(shuffled[: max(len(trial), int(affordable))])
    parts = []
    for rows, chosen in ((data.train, train_rows), (data.val, None), (data.test, None)):
        # Only what others would find too is kept: features of all rows by weights that have a name.
        named = source.startswith(("package", "hub")) and (chosen is None or len(chosen) == len(rows))
        key = ("features of all stages", source, config.device, config.image_size, rows.files)
        build = partial(extract, model, config, rows, chosen)
        parts.append(torch.from_numpy(np.array(cached_array(config.cache if named else None, key, build))))
        progress.write("features", fraction=len(parts) / 3)
    train, val, test = (part.to(config.device) for part in parts)
    return Features(train, train_rows, val, test)


@torch.inference_mode()
def extract(model: Classifier, config: Config, rows: Rows, chosen: np.ndarray | None) -> np.ndarray:
    """Features (V, N, D) float32 of the chosen rows, or of all."""
    model.eval()
    batches = []
    for pictures, _ in prediction_loader(config, rows, chosen):
        pictures = pictures.to(config.device, non_blocking=True)
        with precision(config.device):
            views = [model.features(pictures)]
        batches.append(torch.stack(views).float().cpu())
    return torch.cat(batches, dim=1).numpy()


def fit_head(features: Features, kept: np.ndarray, config: Config, data: Data, seconds: float) -> nn.Linear:
    """A linear classifier of the kept (N,) training rows' features, fitted by L-BFGS with an L2 penalty."""
    deadline = time.monotonic() + seconds
    rows = features.train_rows[kept]
    inputs = features.train[0, kept]  # (N, D)
    targets = targets_of(data, rows).to(config.device)
    mean, std = inputs.mean(dim=0), inputs.std(dim=0).clamp(min=1e-6)
    inputs = (inputs - mean) / std
    head = nn.Linear(inputs.shape[1], len(data.classes), device=config.device)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    optimizer = torch.optim.LBFGS(head.parameters(), max_iter=10, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        misfit = loss_function(head(inputs), targets) * len(data.classes)
        total = misfit + config.weight_decay / 2 * head.weight.square().sum()
        total.backward()
        return total

    for _ in range(HEAD_STEPS // 10):
        optimizer.step(loss)
        if time.monotonic() > deadline:
            break
    with torch.no_grad():  # From here on the layer takes features as they are.
        head.weight /= std
        head.bias -= head.weight @ mean
    return head.requires_grad_(False)


def targets_of(data: Data, rows: np.ndarray) -> torch.Tensor:
    """Multi-hot targets (B, C) float32."""
    return torch.from_numpy(data.train.truth[rows].toarray().astype(np.float32))
