"""CPU seconds of commands that a user waits for.

Makes a run of the toy competition in a temporary home, then executes each command several times in processes
of its own and prints the median of their CPU seconds:

    python -m benchmarks.performance.start_up
    python -m benchmarks.performance.start_up --repetitions 9
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

TOY = Path(__file__).parents[2] / "tests" / "toy"
MARS = [sys.executable, "-m", "agent.cli.app"]


def cpu_seconds(command: list[str], environment: dict[str, str]) -> float:
    """Execute the command; return the CPU seconds, user and system, of its process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def toy_run(home: Path, environment: dict[str, str]) -> str:
    """Search the toy competition in a new home; return the id of the run."""
    shutil.copytree(TOY / "families", home / "templates")
    shutil.copytree(TOY / "competition", home / "benchmarks" / "toy")
    command = [*MARS, "run", "--competition", "toy", "--minutes", "1", "--max-nodes", "10", "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return str(json.loads(done.stdout)["run_id"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repetitions", type=int, default=5)
    repetitions = parser.parse_args().repetitions
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        environment = {**os.environ, "MARS_HOME": str(home)}
        run = toy_run(home, environment)
        completion = {"_MARS_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": "mars run --"}
        complete = [sys.executable, "-c", "from agent.cli.commands import app; app(prog_name='mars')"]
        commands: dict[str, tuple[list[str], dict[str, str]]] = {
            "python -c pass": ([sys.executable, "-c", "pass"], {}),
            "mars --help": ([*MARS, "--help"], {}),
            "mars run --help": ([*MARS, "run", "--help"], {}),
            "completion of mars run --": (complete, completion),
            "mars runs": ([*MARS, "runs"], {}),
            f"mars tree {run}": ([*MARS, "tree", run], {}),
            f"mars show {run} 1": ([*MARS, "show", run, "1"], {}),
            "mars lessons list": ([*MARS, "lessons", "list"], {}),
            "mars solutions": ([*MARS, "solutions"], {}),
        }
        print(f"CPU seconds, median of {repetitions}:")
        for name, (command, extra) in commands.items():
            cpu_seconds(command, environment | extra)  # compiles the modules
            times = [cpu_seconds(command, environment | extra) for _ in range(repetitions)]
            print(f"{statistics.median(times):6.2f}  {name}")


if __name__ == "__main__":
    main()
