"""The table of the subcommands of `mars`."""

import typer

from agent.cli.lazy import LazyCommand, LazyGroup

# Each summary is the first line of the command's docstring (tests/cli/test_help.py).
COMMANDS = {
    "run": LazyCommand(
        "agent.cli.run:run_command", "Search for the best solution of a competition and keep it."
    ),
    "resume": LazyCommand(
        "agent.cli.run:resume_command", "Continue a run that was interrupted, killed or finished."
    ),
    "runs": LazyCommand("agent.cli.runs:runs_command", "List the recorded runs, newest first."),
    "stop": LazyCommand(
        "agent.cli.control:stop_command",
        "Stop a run in another process, like Ctrl-C in its terminal. The state is saved.",
    ),
    "gc": LazyCommand(
        "agent.cli.control:gc_command",
        "Free disk space: remove raw outputs and scratch files of ended runs, old caches, and leftovers.",
    ),
    "tree": LazyCommand(
        "agent.cli.inspect:tree_command",
        "Show the search tree of a run and the cost of its language models by role and purpose.",
    ),
    "show": LazyCommand(
        "agent.cli.inspect:show_command", "Show a node: idea, scores, lessons, failure analysis and folder."
    ),
    "diff": LazyCommand(
        "agent.cli.inspect:diff_command", "Show the code diff of a node against its parent or another node."
    ),
    "report": LazyCommand(
        "agent.cli.inspect:report_command",
        "Write a self-contained HTML report of a run and print the names of the written files.",
    ),
    "replay": LazyCommand(
        "agent.cli.replay:replay_command",
        "Repeat every decision and rendering of a run from its record, and compare them byte for byte.",
    ),
    "export": LazyCommand(
        "agent.cli.export:export_command",
        "Write a node's repository to a folder that runs without MARS. An ensemble includes its members.",
    ),
    "solutions": LazyCommand(
        "agent.cli.solutions:solutions_command",
        "List the best solution per competition, or show the card of one.",
    ),
    "grade": LazyCommand(
        "agent.cli.solutions:grade_command", "Score a submission against the competition's private answers."
    ),
    "competitions": LazyCommand(
        "agent.cli.competitions:competitions_command", "List the competitions that can be run by name."
    ),
    "init": LazyCommand(
        "agent.cli.competitions:init_command", "Write competition.yaml for your own folder from its files."
    ),
    "prepare": LazyCommand(
        "agent.cli.competitions:prepare_command",
        "Prepare the data of a competition: tables, splits and media.",
    ),
    "doctor": LazyCommand(
        "agent.cli.doctor:doctor_command",
        "Check this machine: home, record, disk, device, families, Kaggle, models, recall, isolation.",
    ),
    "lessons": LazyCommand("agent.cli.lessons:app", "Lessons from experiments, with their evidence."),
}


class MarsGroup(LazyGroup):
    """The subcommands of `mars`."""

    table = COMMANDS


app = typer.Typer(
    name="mars",
    cls=MarsGroup,
    help="Search small training repositories for a competition and keep the best one.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def _options_of_all_commands() -> None:
    # Typer makes a group of an app that has a callback.
    pass
