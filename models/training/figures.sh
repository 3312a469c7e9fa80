#!/usr/bin/env bash
# figures.sh DATA WORK: the table of models/README.md, from the images to the figures.
#   DATA  folder with casting/, magnetic_tile/ and infrared_solar_modules/, each a labelled folder with manifest.csv
#   WORK  scratch: packed pixels, checkpoints, figures; run again, it goes on where it was ended
# SEEDS (3): how many splits of each. ONLY: one of the three folders. FULL: what the recipe chooses by itself. Nothing is written into models/.
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

# Chosen so that one core is done in an hour and a half; where nothing is said, the recipe chooses from the images.
casting="--turns --epochs 6 --per-part 6" tiles="--epochs 25 --rate 2e-3" modules="--epochs 60 --batch 64 --rate 4e-3"
[ -z "${FULL:-}" ] || casting="--turns" tiles="" modules=""
measure casting "" "$casting"
measure magnetic_tile "--width 184 --height 224" "$tiles"
measure infrared_solar_modules "" "$modules"
"$python" models/training/figures_table.py "$work"
