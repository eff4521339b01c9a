"""A scripted run of thirteen nodes that covers every status and operator."""

import math

from agent.memory.lesson import Evidence, Lesson, Scope
from agent.record.events import (
    CurvePoint,
    Event,
    LessonLearned,
    NodeFinished,
    NodeProposed,
    NodeResult,
    Operator,
    RepeatFinished,
    RepeatProposed,
    RunFinished,
    RunSettings,
    RunStarted,
    Status,
)
from agent.record.state import Node
from agent.report.node_files import NodeFiles
from agent.repository.edits import Edit
from agent.repository.idea import Blueprint, Change, Idea

SLOTS = {"backbone": "lcnet_050", "image_size": 96, "epochs": 5, "loss": "bce", "ema": False}
SETTINGS = RunSettings(
    competition="imet-2020",
    folder="benchmarks/imet-2020",
    prepared="imet-2020/sample-0f1e2d3c4b5a",
    data_kind="sample",
    fingerprint="0f1e2d3c4b5a69788796a5b4c3d2e1f0",
    minutes=10,
    node_minutes=2,
    max_nodes=20,
)


def idea(title: str, *changes: Change, cites: dict[str, tuple[str, ...]] | None = None) -> Idea:
    slots = {**SLOTS, **{change.slot: change.new for change in changes}}
    return Idea(
        title=title,
        model="A small convolutional network pretrained on ImageNet with a linear head.",
        data="Pictures scaled to a square; flips and light colour jitter while training.",
        training="AdamW with a cosine schedule and a short warm-up.",
        evaluation="One global threshold fitted on the validation rows; no test-time augmentation.",
        blueprint=Blueprint(family="image_classification", slots=slots),
        moves=("larger_pictures",) if changes else (),
        changes=changes,
        cites=cites or {},
    )


def curve(metric: float, seconds: float) -> tuple[CurvePoint, ...]:
    return tuple(
        CurvePoint(
            stage="train",
            fraction=step / 8,
            elapsed_s=seconds * step / 8,
            train_loss=0.7 * math.exp(-step / 4),
            metric=metric * (1 - math.exp(-step / 2)),
        )
        for step in range(1, 9)
    )


def result(
    metric: float | None, audit: float | None, seconds: float, status: Status = "valid", reason: str = ""
) -> NodeResult:
    return NodeResult(
        status=status,
        reason=reason,
        commit=f"{round(seconds * 10):040x}",
        seconds=seconds,
        smoke_seconds=2.5,
        metric=metric,
        metric_se=None if metric is None else 0.008,
        audit_metric=audit,
        audit_se=None if audit is None else 0.021,
        curve=curve(metric or 0.2, seconds),
        facts={"weights": "lcnet_050.ra2_in1k"} if metric else {},
    )


def lesson(lesson_id: str, child: int, parent: int, effect: float, error: float, title: str) -> Lesson:
    return Lesson(
        id=lesson_id,
        kind="solution",
        title=title,
        summary=f"Relative error reduction {effect:+.1%} at 1.30 times the run time.",
        findings=f"Node {child:03d} against {parent:03d} on the same validation rows.",
        key_lesson="Prefer the larger value on multilabel tasks of this size.",
        scope=Scope(task="multilabel", family="image_classification", magnitude=3),
        changes=(Change(slot="image_size", old=96, new=128),),
        evidence=(
            Evidence(
                run="imet-2020-0001",
                competition="imet-2020",
                data_kind="sample",
                parent=parent,
                child=child,
                effect=effect,
                standard_error=error,
                time_factor=1.3,
            ),
        ),
    )


class Script:
    """Writes events in order, with a clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.events: list[Event] = []

    def start(self, *offered: Lesson, missing: tuple[str, ...] = ()) -> None:
        self.events.append(
            RunStarted(elapsed_s=0.0, settings=SETTINGS, missing_guarantees=missing, lessons=offered)
        )

    def propose(self, node: int, operator: Operator, parents: tuple[int, ...], what: Idea) -> None:
        self.events.append(
            NodeProposed(
                elapsed_s=self.now, node=node, operator=operator, parents=parents, idea=what, expected_s=30.0
            )
        )

    def finish(self, node: int, outcome: NodeResult) -> None:
        self.now += outcome.seconds + outcome.smoke_seconds
        self.events.append(NodeFinished(elapsed_s=self.now, node=node, result=outcome))

    def learn(self, node: int, what: Lesson) -> None:
        self.events.append(LessonLearned(elapsed_s=self.now, node=node, lesson=what))

    def repeat(self, node: int, metric: float | None, seconds: float) -> None:
        self.events.append(RepeatProposed(elapsed_s=self.now, node=node))
        self.now += seconds
        self.events.append(RepeatFinished(elapsed_s=self.now, node=node, metric=metric, seconds=seconds))

    def end(self, reason: str, chosen: int | None) -> None:
        self.events.append(RunFinished(elapsed_s=self.now, reason=reason, chosen=chosen))


def write_story() -> list[Event]:
    """Two branches with a fixed failure, a suspect, a pruned and a running node, and an ensemble."""
    size = Change(slot="image_size", old=96, new=128)
    script = Script()
    offered = lesson("00001", 4, 2, 0.05, 0.01, "Loss asymmetric instead of bce helps")
    script.start(offered, missing=("candidates can reach the network",))
    script.propose(1, "draft", (), idea("Small network, frozen features"))
    script.finish(1, result(0.4312, 0.4287, 18.2))
    script.propose(2, "draft", (), idea("Small network, fine-tuned", cites={"loss": ("00001",)}))
    script.finish(2, result(0.5518, 0.5402, 34.0))
    script.propose(3, "improve", (2,), idea("Larger pictures", size))
    script.finish(3, result(0.6021, 0.5933, 51.5))
    script.learn(3, lesson("00002", 3, 2, 0.112, 0.018, "Image size 128 instead of 96 helps"))
    script.propose(4, "improve", (2,), idea("Keep a moving average", Change(slot="ema", old=False, new=True)))
    script.finish(4, result(0.5533, 0.5421, 35.1))
    script.learn(4, lesson("00003", 4, 2, 0.003, 0.015, "Ema True instead of False makes no difference"))
    script.propose(
        5,
        "improve",
        (3,),
        idea("Train longer", Change(slot="epochs", old=5, new=8), cites={"epochs": ("00002",)}),
    )
    script.finish(5, result(0.6134, 0.6077, 78.0))
    script.propose(6, "improve", (3,), idea("A backbone twice as wide"))
    script.finish(6, result(None, None, 12.0, "failed", "ValueError in library/models.py: no such backbone."))
    mended = Edit(
        file="library/models.py", find='NAME = "lcnet_50"', replace='SIZE = "050"\nNAME = f"lcnet_{SIZE}"'
    )
    named = idea("Name the backbone as the package does").model_copy(update={"edits": (mended,)})
    script.propose(7, "debug", (6,), named)
    script.finish(7, result(0.5904, 0.5850, 60.0))
    script.propose(8, "draft", (), idea("Nearest neighbours on validation rows"))
    script.finish(
        8, result(0.9312, 0.5120, 9.0, "suspect", "Validation exceeds audit by 18 standard errors.")
    )
    script.propose(9, "improve", (5,), idea("No regularisation", Change(slot="loss", old="bce", new="focal")))
    script.finish(9, result(None, None, 22.0, "pruned", "Behind its parent at the same stage."))
    script.repeat(5, 0.6098, 77.0)
    script.propose(10, "improve", (5,), idea("Two learning rates", cites={"epochs": ("00001", "00002")}))
    script.finish(10, result(0.6240, 0.6101, 80.3))
    script.propose(
        11,
        "ensemble",
        (10, 5, 7),
        idea("Blend of nodes 010, 005 and 007").model_copy(update={"blueprint": None}),
    )
    script.finish(11, result(0.6371, 0.6288, 1.2))
    script.propose(12, "improve", (10,), idea("Test-time flips"))
    script.finish(12, result(0.6228, 0.6111, 41.0))
    script.propose(13, "improve", (12,), idea("Still at work"))
    script.end("The budget is spent.", 11)
    return script.events


DIFF = """diff --git a/README.md b/README.md
--- a/README.md
+++ b/README.md
@@ -1 +1 @@
-# Pictures of 96 pixels
+# Pictures of 128 pixels
diff --git a/library/config.py b/library/config.py
--- a/library/config.py
+++ b/library/config.py
@@ -4,5 +4,5 @@ class Config:
     seed: int = 0
-    image_size: int = 96
+    image_size: int = 128  # Cite Lesson 00002
     epochs: int = 5
"""
LOG = "epoch 1/5 loss 0.5213 metric 0.4120\nepoch 2/5 loss 0.4011\nFinal Validation Metric: 0.6021\n"
ANALYSIS: dict[str, object] = {
    "worst_classes": [{"label": "culture::french", "f1": 0.12}, {"label": "tag::dogs", "f1": 0.18}],
    "correlation_of_error": {"picture_brightness": 0.21, "picture_width": float("nan")},
    "rows": 300,
}


def files_of(node: Node) -> dict[str, str]:
    """Return a small repository whose configuration has the idea's slots and lesson citations."""
    slots = node.idea.blueprint.slots if node.idea.blueprint else {}
    cites = {slot: f"  # Cite Lesson {', '.join(ids)}" for slot, ids in node.idea.cites.items()}
    lines = [f"    {slot} = {value!r}{cites.get(slot, '')}" for slot, value in slots.items()]
    return {
        "README.md": f"# {node.idea.title}\n",
        "library/config.py": "\n".join(["class Config:", '    """Every setting."""', *lines, ""]),
        "library/train.py": "".join(f"    step({number})\n" for number in range(40)),
    }


def node_files_of(node: Node) -> NodeFiles:
    if node.result is None:
        return NodeFiles()
    return NodeFiles(files_of(node), f"log of node {node.name}\n{LOG}", ANALYSIS)
