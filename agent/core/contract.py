"""Names of the repository contract: the files, folders and options that harness and candidates share.

Templates and generated repositories spell the same names out. Paths are relative to a node's workspace.
"""

# Files of a repository.
MAIN = "main.py"
IDEA_FILE = "idea.json"
README_FILE = "README.md"
REQUIREMENTS_FILE = "requirements.txt"
LIBRARY_FOLDER = "library"
TESTS_FOLDER = "tests"
MEMBERS_FOLDER = "members"  # repositories that an ensemble blends

# Folders that the harness links into a workspace.
INPUT_FOLDER = "input"
METADATA_FOLDER = "metadata"
WEIGHTS_FOLDER = "weights"

# Folders that a candidate writes.
WORKING_FOLDER = "working"
SUBMISSION_FOLDER = "submission"

VALIDATION_FILE = f"{WORKING_FOLDER}/val_submission.csv"
SUBMISSION_FILE = f"{SUBMISSION_FOLDER}/submission.csv"
FROZEN_FILE = f"{WORKING_FOLDER}/frozen.json"  # choices made on validation rows or under the time limit
OUTPUT_FILES = (f"{WORKING_FOLDER}/val_outputs.npz", f"{WORKING_FOLDER}/test_outputs.npz")  # for ensembles
PROGRESS_FILE = f"{WORKING_FOLDER}/progress.jsonl"
ANALYSIS_FILE = f"{WORKING_FOLDER}/analysis.json"
CHECKPOINT_FOLDER = f"{WORKING_FOLDER}/checkpoint"  # the training so far, for a repeat after an interruption
ATTEMPT_SUFFIX = "-attempt"  # of the folder beside a workspace with the checkpoint of an interrupted run
MODEL_FOLDER = f"{WORKING_FOLDER}/model"  # the trained model, written with `--save`

# Folder of the harness in a workspace, and the logs below that folder.
HARNESS_FOLDER = ".mars"
RUN_LOG = "run.log"
SMOKE_LOG = "smoke.log"
TEST_LOG = "test.log"

# Facts that a candidate reports about pretrained weights: `weights of NAME` -> `file NAME.safetensors`.
WEIGHTS_FACT = "weights of "
WEIGHTS_FROM_FILE = "file "

# Options of `main.py`.
SMOKE = "--smoke"  # a run on few rows
REFIT = "--refit"  # training on all labelled rows with the frozen choices
SAVE = "--save"
PREDICT = "--predict"


def library_module(name: str) -> str:
    """Return the path of a module of the library, such as `library/train.py`."""
    return f"{LIBRARY_FOLDER}/{name}.py"


def member_folder(node: str) -> str:
    """Return the folder of an ensemble's member, such as `members/007`, for a node's three-digit name."""
    return f"{MEMBERS_FOLDER}/{node}"


COMPETITION_ID = r"^[a-z0-9][a-z0-9_-]*$"
"""Pattern of a competition's id, which names folders."""
