"""Measure MARS against other ways to solve the same problems."""

import argparse

import ablations
import compare
import entrants
import fit


def main() -> None:
    parser = argparse.ArgumentParser(prog="python benchmarks/quality", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, module in {"compare": compare, "ablations": ablations, "fit": fit, "search": entrants}.items():
        command = commands.add_parser(name, help=(module.__doc__ or "").splitlines()[0])
        module.add_arguments(command)
        command.set_defaults(call=getattr(module, name))
    arguments = parser.parse_args()
    arguments.call(arguments)


if __name__ == "__main__":
    main()
