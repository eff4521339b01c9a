"""Forms of files: separators, encodings, compression, containers, faults of a file."""

from pathlib import Path

import pandas as pd

from tests.cases.case import Case, classes, numbers, parts, save, save_split


def _european(folder: Path) -> None:
    save_split(folder, numbers(), "price", sep=";", decimal=",", encoding="cp1252")


def _tables_of_two_programs(folder: Path) -> None:
    train, test = parts(numbers(), "price")
    train.to_csv(folder / "train.csv", index=False, sep=";", decimal=",", encoding="utf-8-sig")
    test.to_csv(folder / "test.csv", index=False)


def _with(folder: Path, suffix: str, **options: object) -> None:
    for name, table in zip(("train", "test"), parts(classes(), "sold"), strict=True):
        table.to_csv(folder / f"{name}{suffix}", **{"index": False, **options})


def _excel(folder: Path) -> None:
    for name, table in zip(("train", "test"), parts(classes(), "sold"), strict=True):
        table.to_excel(folder / f"{name}.xlsx", index=False)


def _parquet(folder: Path) -> None:
    for name, table in zip(("train", "test"), parts(classes(), "sold"), strict=True):
        table.to_parquet(folder / f"{name}.parquet", index=False)


def _json_lines(folder: Path) -> None:
    for name, table in zip(("train", "test"), parts(classes(), "sold"), strict=True):
        table.to_json(folder / f"{name}.jsonl", orient="records", lines=True)


def _accents(folder: Path, encoding: str) -> None:
    frame = classes()
    frame["colour"] = frame["colour"].replace({"amber": "doré", "cyan": "bleuté"})
    save_split(folder, frame, "sold", encoding=encoding)


def _old_line_ends_in_text(folder: Path) -> None:
    frame = classes()
    frame["note"] = [f"line one\rline two of {row}" for row in range(len(frame))]
    save_split(folder, frame, "sold")


def _comma_at_row_ends(folder: Path) -> None:
    save_split(folder, classes(), "sold")
    for name in ("train", "test"):
        head, *rows = (folder / f"{name}.csv").read_text().splitlines()
        (folder / f"{name}.csv").write_text("\n".join([head, *(f"{row}," for row in rows)]) + "\n")


def _separator_line(folder: Path) -> None:
    save_split(folder, classes(), "sold", sep=";")
    for name in ("train", "test"):
        text = (folder / f"{name}.csv").read_text()
        (folder / f"{name}.csv").write_text(f"sep=;\n{text}")


def _no_header(folder: Path) -> None:
    save_split(folder, classes(), "sold", header=False)


def _cut_off(folder: Path) -> None:
    save_split(folder, numbers(), "price")
    text = (folder / "train.csv").read_text().rstrip()
    (folder / "train.csv").write_text(text[: text.rfind(",") - 3])


def _linked(folder: Path) -> None:
    stored = folder.with_name(f"{folder.name}-store")
    stored.mkdir()
    save_split(stored, classes(), "sold")
    for name in ("train.csv", "test.csv"):
        (folder / name).symlink_to(stored / name)


def _spreadsheet_index(folder: Path) -> None:
    train, test = parts(classes(), "sold")
    save(folder, train, test, index=True)


def _sample_with_index(folder: Path) -> None:
    train, test = parts(numbers(), "price")
    save(folder, train, test)
    sample = pd.DataFrame({"id": test["id"], "price": 0.0}).reset_index(drop=True)
    sample.to_csv(folder / "sample_submission.csv")


FILE_CASES = [
    Case("semicolons", lambda folder: save_split(folder, classes(), "sold", sep=";"), {"id_column": "id"}),
    Case(
        "european numbers",
        _european,
        {"task": "regression"},
        {"width": "number", "depth": "number"},
        best=1.2,
    ),
    Case(
        "tables of two programs",
        _tables_of_two_programs,
        {"task": "regression"},
        {"width": "number", "depth": "number"},
        best=1.2,
    ),
    Case("tabs", lambda folder: _with(folder, ".tsv", sep="\t"), {"train": "train.tsv", "id_column": "id"}),
    Case("pipes", lambda folder: save_split(folder, classes(), "sold", sep="|"), {"id_column": "id"}),
    Case("excel", _excel, {"train": "train.xlsx"}, {"width": "number"}),
    Case("parquet", _parquet, {"train": "train.parquet"}, {"width": "number"}),
    Case("json lines", _json_lines, {"train": "train.jsonl"}, {"width": "number"}),
    Case("gzip", lambda folder: _with(folder, ".csv.gz"), {"train": "train.csv.gz"}),
    Case("zstd", lambda folder: _with(folder, ".csv.zst"), {"train": "train.csv.zst"}),
    Case("windows-1252", lambda folder: _accents(folder, "cp1252"), {}, {"colour": "category"}),
    Case("utf-16", lambda folder: _accents(folder, "utf-16"), {}, {"colour": "category"}),
    Case("carriage returns in text", _old_line_ends_in_text, {"id_column": "id"}, best=0.8),
    Case("comma at row ends", _comma_at_row_ends, {"id_column": "id"}),
    Case("sep= line", _separator_line, {"id_column": "id"}),
    Case("no header", _no_header, refused=("header", "train.csv")),
    Case("cut-off download", _cut_off, refused=("train.csv", "last row")),
    Case("linked tables", _linked, {"id_column": "id"}),
    Case("index of a spreadsheet", _spreadsheet_index, {"id_column": "id"}, {"Unnamed: 0": None, "": None}),
    Case("index in the sample", _sample_with_index, {"id_column": "id", "targets": ["price"]}, best=1.2),
]
