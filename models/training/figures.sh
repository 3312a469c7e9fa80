#!/usr/bin/env bash
# figures.sh DATA WORK: the table of models/README.md, from the images to the figures.
#   DATA  folder with casting/, magnetic_tile/ and infrared_solar_modules/, each a labelled folder with manifest.csv
#   WORK  scratch: packed pixels, checkpoints, figures; run again, it goes on where it was ended
# SEEDS (3): how many splits of each. ONLY: one of the three folders. FULL: the recipe's own settings. Nothing is written into models/.
# What it costs stands in the last column of the table: processor minutes of one core.
set -euo pipefail
cd "$(dirname "$0")/../.."
data=$(realpath "$1"); mkdir -p "$2"; work=$(realpath "$2")
python=${PYTHON:-/usr/bin/python3} seeds=${SEEDS:-3}
export OMP_NUM_THREADS=1

measure() { # name, pack settings, train settings: all else is chosen from the images
  [ -z "${ONLY:-}" ] || [ "$ONLY" = "$1" ] || return 0
  [ -f "$work/$1/dataset.json" ] || node bin/loupe.js dataset pack --data "$data/$1" --out "$work/$1" --colour GREY $2
  "$python" models/training/train_folder.py "$work/$1" --seeds "$seeds" --figures "$work/$1.json" $3
}

# Fewer epochs and networks than the recipe's own (40 epochs; 3 networks for the two small sets): half an hour of one core must do.
casting="--epochs 25 --members 2 --per-part 6" tiles="--epochs 25 --members 1 --per-part 6" modules="--epochs 16 --batch 64"
[ -z "${FULL:-}" ] || casting="" tiles="" modules=""
measure casting "--width 128 --height 128" "--turns $casting"
measure magnetic_tile "" "$tiles"
measure infrared_solar_modules "" "$modules"
"$python" models/training/figures_table.py "$work"
