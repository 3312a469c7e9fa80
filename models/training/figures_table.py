#!/usr/bin/env python3
"""figures_table.py WORK: what `train_folder.py --figures` left there, as the table of models/README.md."""

import json
import pathlib
import sys

import numpy as np

work = pathlib.Path(sys.argv[1])
files = sorted(work.glob("*.json"))
if not files:
    raise SystemExit(f"{work}: expected figures of `train_folder.py --figures`, found none")
print("| images | seeds | AUROC by image | AUROC by part | accuracy at 0.5 | calibration error | that of a right model | held-out parts (good) | processor minutes |")
print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
for file in files:
    rows = json.loads(file.read_text())["seeds"]

    def over(name):
        values = np.array([row[name] for row in rows])
        return f"{values.mean():.4f}" + (f" ± {values.std(ddof=1):.4f}" if len(values) > 1 else "")

    parts = f"{rows[0]['test_parts']} ({rows[0]['good_test_parts']})"
    minutes = sum(row["processor_seconds"] for row in rows) / 60
    print(f"| {file.stem} | {len(rows)} | {over('auroc')} | {over('auroc_by_part')} | {over('accuracy')} | {over('ece')} | {over('ece_of_chance')} | {parts} | {minutes:.0f} |")
