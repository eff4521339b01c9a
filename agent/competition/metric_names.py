"""Names that people use for metrics, such as those of scikit-learn, and the name of the registry for each."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from agent.core.registry import Registry

_INSTALLED: Registry[object] = Registry(group="mars.metrics", builtin={})

ALIASES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "accuracy": ("acc", "accuracy_score", "categorization accuracy"),
        "balanced_accuracy": ("balanced_accuracy_score", "bacc", "macro_recall", "recall_macro", "uar"),
        "mcc": ("matthews_corrcoef", "matthews", "matthews correlation coefficient", "phi_coefficient"),
        "qwk": (
            "quadratic_weighted_kappa",
            "weighted_kappa",
            "quadratic_kappa",
            "cohen_kappa_quadratic",
            "kappa_quadratic",
        ),
        "f1": ("f1_score", "f_score", "f_measure", "f1_binary", "binary_f1"),
        "macro_f1": (
            "f1_macro",
            "macro_f1_score",
            "f1_score_macro",
            "mean_f1_over_classes",
            "macro_averaged_f1",
        ),
        "weighted_f1": ("f1_weighted", "weighted_f1_score", "f1_score_weighted"),
        "micro_f1": ("f1_micro", "micro_f1_score", "f1_score_micro", "micro_averaged_f1"),
        "samples_f1": ("f1_samples", "sample_f1", "f1_score_samples", "mean_f1", "mean_f_score"),
        "f_beta": ("fbeta", "fbeta_score"),
        "macro_f_beta": ("fbeta_macro", "macro_fbeta"),
        "weighted_f_beta": ("fbeta_weighted", "weighted_fbeta"),
        "micro_f_beta": ("fbeta_micro", "micro_fbeta"),
        "samples_f_beta": ("fbeta_samples", "samples_fbeta"),
        "roc_auc": (
            "auc",
            "auroc",
            "roc_auc_score",
            "auc_roc",
            "rocauc_ovr",
            "roc_auc_ovr",
            "area_under_roc",
            "area under the roc curve",
            "area under receiver operating characteristic curve",
            "mean_columnwise_roc_auc",
            "mean_roc_auc",
            "macro_auc",
        ),
        "average_precision": (
            "ap",
            "average_precision_score",
            "pr_auc",
            "auc_pr",
            "auprc",
            "mean_average_precision",
            "macro_average_precision",
        ),
        "log_loss": (
            "logloss",
            "neg_log_loss",
            "cross_entropy",
            "crossentropy",
            "binary_crossentropy",
            "binary_logloss",
            "multi_logloss",
            "multiclass_logloss",
            "mlogloss",
            "multiclass_loss",
            "mean_columnwise_log_loss",
        ),
        "brier": ("brier_score", "brier_score_loss", "neg_brier_score"),
        "map_at_k": ("mapk", "map@k", "mean_average_precision_at_k", "mean average precision @ k"),
        "ndcg_at_k": ("ndcg", "ndcg@k", "ndcg_score"),
        "r2": ("r2_score", "r_squared", "r_square", "r^2", "coefficient_of_determination"),
        "pearson": ("pearsonr", "pearson_correlation", "pcc", "pearson_corr", "pearson_r"),
        "spearman": (
            "spearmanr",
            "spearman_correlation",
            "spearman_rho",
            "rank_correlation",
            "spearman_corr",
        ),
        "rmse": (
            "root_mean_squared_error",
            "root_mean_square_error",
            "neg_root_mean_squared_error",
            "mcrmse",
            "mean_columnwise_rmse",
        ),
        "rmsle": (
            "root_mean_squared_log_error",
            "root_mean_squared_logarithmic_error",
            "neg_root_mean_squared_log_error",
        ),
        "mae": (
            "mean_absolute_error",
            "neg_mean_absolute_error",
            "mean_abs_error",
            "mcmae",
            "l1",
        ),
        "mape": (
            "mean_absolute_percentage_error",
            "neg_mean_absolute_percentage_error",
            "mean_abs_percentage_error",
        ),
        "pinball": ("pinball_loss", "mean_pinball_loss", "quantile_loss", "neg_mean_pinball_loss"),
        "dice": ("dice_coefficient", "dice_score", "mean_dice"),
        "iou": ("jaccard", "mean_iou", "intersection_over_union", "miou", "jaccard_score"),
    }
)


def canonical_metric(name: str) -> str:
    """Return the name of the registry for a name that people use; an unknown name is returned unchanged.

    Case, blanks and punctuation do not count: `R^2`, `ROC-AUC` and `Mean Absolute Error` are known.
    A metric of an installed package takes precedence over another name of a built-in metric.
    """
    known = _BY_PLAIN_NAME.get(_plain(name), name)
    return name if known == name or name in _INSTALLED else known


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower().replace("²", "2"))


_BY_PLAIN_NAME = {_plain(alias): name for name, aliases in ALIASES.items() for alias in (name, *aliases)} | {
    _plain(name): name for name in ("micro_f1_answer_classes",)
}
