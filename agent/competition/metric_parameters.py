"""Parameters of metrics, as competition.yaml gives them."""

from pydantic import BaseModel, ConfigDict, Field


class MetricParameters(BaseModel):
    """Parameters of a metric. Most metrics have none.

    A metric of a package may take numbers of other names; `get_metric` refuses names that the metric does not
    take.
    """

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)
    __pydantic_extra__: dict[str, float] = Field(init=False)

    beta: float | None = Field(
        default=None,
        gt=0,
        le=1000,
        description="F-beta: weight of recall relative to precision.",
    )
    k: int | None = Field(default=None, ge=1, le=1000, description="MAP@k, NDCG@k: the most labels per row.")
    quantile: float | None = Field(
        default=None, gt=0, lt=1, description="Pinball loss: the quantile to predict."
    )

    novel: int | None = Field(
        default=None, ge=0, description="Seen and unseen accuracy: the index of the novel class."
    )

    @property
    def set_values(self) -> dict[str, float]:
        """Return the parameters that are set, by name."""
        return self.model_dump(exclude_none=True)
