"""The search for pictures: values that make sense, networks with weights, and what the cache holds."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agent.competition.metrics import Trait
from agent.core.paths import templates_dir
from agent.planner.base import Proposal, Request, TaskContext
from agent.planner.constraints import Constraints
from agent.planner.data_facts import DataFacts
from agent.planner.library.planner import LibraryPlanner
from agent.planner.pretrained_weights import networks_at_hand
from agent.planner.search_space import SAFE_SHARE, SearchSpace
from agent.record.state import RunState
from agent.repository.family import Family, Value, load_family
from agent.repository.idea import Blueprint
from tests.support.states import finish, idea, propose, started

FAMILY: Family = load_family(templates_dir() / "image_classification")
PACKAGED = frozenset({"tf_efficientnet_lite0", "tf_efficientnet_lite1", "tf_efficientnet_lite2"})
FACTS = DataFacts(1, 0, 0, 0, 80, 0, has_gaps=False, is_skewed=False, has_skewed_target=False, side=300.0)
LABEL_SETS = TaskContext(
    task="multilabel",
    metric="micro_f1",
    roles=frozenset({"image"}),
    n_train=1040,
    device="cpu",
    metric_traits=frozenset[Trait]({"pooled_cells"}),
    prediction="label_set",
    facts=FACTS,
    n_test=700,
    networks=PACKAGED,
)
LABELS = replace(LABEL_SETS, task="classification", metric="accuracy", prediction="label", n_train=5000)
NETWORKS = ("backbone", "second_backbone", "third_backbone")


def drafts(context: TaskContext, **pinned: Value) -> list[str]:
    space = SearchSpace({FAMILY.id: FAMILY}, context, Constraints(pinned=pinned))
    return [draft.id for _, draft in space.drafts()]


def searched(context: TaskContext, nodes: int, seed: int) -> list[dict[str, Value]]:
    """The slots of the nodes of a search in which every node takes ten seconds."""
    planner = LibraryPlanner({FAMILY.id: FAMILY}, context)
    state = started(rules=3, final_node_minutes=2.0, families=[FAMILY], minutes=60.0)
    found: list[dict[str, Value]] = []
    rng = np.random.default_rng(seed)
    for number in range(nodes):
        state.elapsed_s = number * 3000.0 / nodes
        parent = state.best if number > 4 and number % 2 else None
        if number > 4 and not number % 2:
            parent = state.nodes[1]
        asked = Request(state, parent, 300.0, False, np.random.default_rng([seed, number]), left_s=1e5)
        proposal = planner.propose(asked)
        if proposal is None:
            continue
        found.append(slots_of(proposal))
        node = propose(state, parent.id if parent else None, what=proposal.idea)
        finish(state, node, 0.5 + 0.1 * float(rng.random()), seconds=10.0)
    return found


def slots_of(proposal: Proposal) -> dict[str, Value]:
    assert proposal.idea.blueprint is not None
    return dict(proposal.idea.blueprint.slots)


@pytest.mark.parametrize("context", [LABEL_SETS, LABELS, replace(LABELS, device="cuda")])
def test_a_search_tries_nothing_hopeless(context: TaskContext) -> None:
    low, high = (128, 448) if context.device == "cuda" else (96, 256)
    found = searched(context, 24, seed=1)
    assert len(found) > 15
    drafted = {str(FAMILY.drafts[at].set.get("image_size")) for at in range(len(FAMILY.drafts))}
    for slots in found:
        networks = {slots[name] for name in NETWORKS} - {"none", "tiny_cnn"}
        assert networks <= PACKAGED
        assert slots["pretrained"] is True
        if slots["backbone"] != "tiny_cnn" and str(slots["image_size"]) not in drafted:
            most = max(high, 288) if slots["finetune"] == "head" else high
            assert low <= int(slots["image_size"]) <= most
        if slots["finetune"] == "head":
            assert slots["tta"] in ("none", "hflip"), "a layer on features knows no other views"
            assert slots["folds"] == 1
        else:
            assert int(slots["epochs"]) >= 5
        assert slots["second_lr"] == 1.0 or slots["second_backbone"] != "none"
        assert slots["pseudo_confidence"] == 0.9 or slots["pseudo_labels"] == "confident"


def test_networks_without_weights_are_drafted_only_where_no_weights_are_at_hand_or_the_user_wants_them() -> (
    None
):
    frozen = ["frozen_light", "frozen_larger", "frozen_lite1", "frozen_lite2"]
    assert drafts(LABELS) == [
        *frozen,
        "finetuned_light",
        "frozen_features",
        "finetuned_longer",
        "tiny_cnn_late",
    ]
    on_gpu = drafts(replace(LABELS, device="cuda"))
    assert on_gpu == [
        *frozen,
        "finetuned_light",
        "finetuned_gpu",
        "frozen_features",
        "finetuned_longer",
        "tiny_cnn_late",
    ]
    with_file = replace(LABELS, networks=PACKAGED | {"convnext_atto"})
    assert "convnext_atto" in drafts(with_file)
    assert "convnext_atto" in drafts(replace(LABELS, networks=frozenset()))
    assert "convnext_atto" in drafts(replace(LABELS, networks=None)), "runs of former versions"
    assert "convnext_atto" in drafts(LABELS, backbone="convnext_atto")


@pytest.mark.parametrize(("side", "name"), [(28.0, "tiny_cnn"), (300.0, "tiny_cnn_late")])
def test_a_network_from_scratch_comes_early_only_for_small_pictures(side: float, name: str) -> None:
    found = drafts(replace(LABELS, facts=replace(FACTS, side=side)))
    assert [draft for draft in found if "tiny" in draft] == [name]
    assert found.index(name) == (1 if side < 64 else len(found) - 1)


def test_weights_are_at_hand_in_a_package_a_file_or_the_hubs_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    own = tmp_path / "weights"
    own.mkdir()
    packaged = networks_at_hand([FAMILY], own)
    assert set(packaged) <= PACKAGED
    (own / "resnet50d.pth").touch()
    (own / "lcnet_050.txt").touch()
    snapshot = tmp_path / "hub" / "models--timm--convnext_atto.d2_in1k" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (snapshot / "model.safetensors").touch()
    (tmp_path / "hub" / "models--timm--resnet18d.ra2_in1k").mkdir()
    assert set(networks_at_hand([FAMILY], own)) == {*packaged, "resnet50d", "convnext_atto"}


FROZEN = FAMILY.fill(dict(FAMILY.drafts[0].set), "test")


def frozen_run(cut: float | None = None) -> RunState:
    """A run whose first node took 100 s, of which 80 s built features."""
    state = started(rules=3, final_node_minutes=2.0, families=[FAMILY])
    add(state, None, FROZEN, seconds=100.0, cache_seconds=80.0, cut=cut)
    return state


def add(
    state: RunState, parent: int | None, slots: dict[str, Value], *, cut: float | None = None, **result: float
) -> int:
    what = idea().model_copy(update={"blueprint": Blueprint(family=FAMILY.id, slots=slots)})
    node = propose(state, parent, what=what)
    part = None if cut is None else {"what": "networks", "share": cut}
    finish(state, node, 0.5, cut=part, **result)  # type: ignore[arg-type]
    return node


def proposed(state: RunState, parent: int, limit_s: float, **pinned: Value) -> Proposal | None:
    planner = LibraryPlanner({FAMILY.id: FAMILY}, LABEL_SETS, Constraints(pinned=pinned))
    asked = Request(state, state.nodes[parent], limit_s, False, np.random.default_rng(0), left_s=400.0)
    return planner.propose(asked)


def test_another_layer_on_cached_features_fits_into_seconds() -> None:
    """Only what the pictures are read by needs the features again."""
    reads_pictures = ("features", "image_size", "resize", "flip", "tta")
    state = frozen_run()
    proposal = proposed(state, 1, limit_s=30.0)
    assert proposal is not None
    assert all(slots_of(proposal)[name] == FROZEN[name] for name in reads_pictures)
    assert proposal.expected_s == pytest.approx(20.0, rel=0.2)


def test_new_features_need_their_time_until_a_node_has_made_them() -> None:
    state = frozen_run()
    larger = FROZEN | {"image_size": 160}
    add(state, 1, larger, seconds=150.0, cache_seconds=128.0)
    add(state, 1, FROZEN | {"loss": "focal"}, seconds=20.0)
    kept = {name: larger[name] for name in ("features", "image_size", "resize", "flip", "tta")}
    cheap = proposed(state, 3, limit_s=40.0, **kept)
    assert cheap is not None
    assert cheap.expected_s == pytest.approx(20.0, rel=0.2)
    assert proposed(state, 3, limit_s=100.0, **kept | {"image_size": 224}) is None
    dear = proposed(state, 3, limit_s=400.0, **kept | {"image_size": 224})
    assert dear is not None
    assert dear.expected_s == pytest.approx(20.0 + 80.0 * 3.0, rel=0.2)


def test_a_draft_with_several_networks_finds_the_features_that_single_ones_left() -> None:
    space = SearchSpace({FAMILY.id: FAMILY}, LABEL_SETS)
    state = frozen_run()
    second = {"backbone": "tf_efficientnet_lite1"}
    both = FROZEN | {"second_backbone": "tf_efficientnet_lite1", "joint_features": True}
    alone_s = space.draft_seconds(state, FAMILY, FROZEN | second)
    none_s = space.draft_seconds(started(rules=3, families=[FAMILY]), FAMILY, both)
    half_s = space.draft_seconds(state, FAMILY, both)
    assert none_s is None
    assert alone_s is not None
    assert half_s is not None
    add(state, None, FROZEN | second, seconds=140.0, cache_seconds=110.0)
    assert space.draft_seconds(state, FAMILY, both) == pytest.approx(20.0 + 30.0)
    assert half_s > 100.0
    larger_s = space.draft_seconds(state, FAMILY, both | {"image_size": 224})
    assert larger_s is not None
    assert larger_s > 150.0


def test_a_node_that_was_cut_counts_with_the_time_that_it_would_have_taken() -> None:
    network = FAMILY.fill({"backbone": "tf_efficientnet_lite0", "image_size": 128, "epochs": 12}, "test")
    for cut, whole_s in ((None, 20.0), (0.05, 100.0)):  # a smaller part than a fifth counts as a fifth
        state = started(rules=3, final_node_minutes=2.0, families=[FAMILY])
        add(state, None, network, seconds=20.0, cut=cut)
        proposal = proposed(state, 1, limit_s=40.0)
        assert proposal is not None
        assert proposal.expected_s is not None
        ratio = FAMILY.relative_cost(slots_of(proposal)) / FAMILY.relative_cost(network)
        assert proposal.expected_s == pytest.approx(whole_s * ratio)
        assert proposal.expected_s <= SAFE_SHARE * 40.0
        space = SearchSpace({FAMILY.id: FAMILY}, LABEL_SETS)
        assert space.draft_seconds(state, FAMILY, network) == pytest.approx(whole_s)


@pytest.mark.parametrize(
    ("slot", "bounds", "message"),
    [
        ("epochs", {"range": [9, 3]}, "is empty; write the lower bound first"),
        (
            "epochs",
            {"range": [3, 9], "when": {"slots": {"nosuch": [1]}}},
            "search_ranges names no slot 'nosuch'",
        ),
        ("epochs", {"range": [3, 9], "when": {"slots": {"finetune": ["x"]}}}, "no slot 'finetune' with"),
    ],
)
def test_bounds_of_the_search_name_slots_and_hold_numbers(
    slot: str, bounds: dict[str, object], message: str
) -> None:
    content = {**FAMILY.model_dump(by_alias=True), "folder": FAMILY.folder}
    content["slots"][slot]["search_ranges"] = [bounds]
    with pytest.raises(ValueError, match=message):
        Family.model_validate(content)


@pytest.mark.parametrize("part", ["cached", "weights"])
def test_caches_and_weights_name_slots_of_the_family(part: str) -> None:
    content = {**FAMILY.model_dump(by_alias=True), "folder": FAMILY.folder}
    content[part] = [{"slots": ["nosuch"]}] if part == "cached" else {"slots": ["nosuch"]}
    with pytest.raises(ValueError, match=f"{part}: unknown slot 'nosuch'; add it to `slots`"):
        Family.model_validate(content)
