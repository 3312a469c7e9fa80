#!/usr/bin/env bash
# figures.sh DATA WORK: the table of models/README.md, from the images to the figures.
#   DATA  folder with casting/, magnetic_tile/ and infrared_solar_modules/, each a labelled folder with manifest.csv
#   WORK  scratch: packed pixels, checkpoints, figures; run again, it goes on where it was ended
# SEEDS (3): how many splits of each. Nothing is written into models/.
set -euo pipefail
cd "$(dirname "$0")/../.."
data=$(realpath "$1"); mkdir -p "$2"; work=$(realpath "$2")
python=${PYTHON:-/usr/bin/python3} seeds=${SEEDS:-3}
export OMP_NUM_THREADS=1

pack() { # name width height
  [ -f "$work/$1/dataset.json" ] || node bin/loupe.js dataset pack --data "$data/$1" --out "$work/$1" --width "$2" --height "$3" --colour GREY
}
measure() { # name, then the settings of the recipe
  local name=$1; shift
  "$python" models/training/train_folder.py "$work/$name" --seeds "$seeds" --precision "${PRECISION:-bf16}" --average-mirrors \
    --figures "$work/$name.json" "$@"
}

pack casting 96 96
measure casting --width 0.25 --epochs 10 --batch 48 --per-part 10 --turns
pack magnetic_tile 160 160
measure magnetic_tile --width 0.25 --epochs 26 --batch 24 --rate 4e-3 --patience 20
pack infrared_solar_modules 24 40
measure infrared_solar_modules --width 0.25 --small-stem --epochs 34 --batch 64 --steady-light
"$python" models/training/figures_table.py "$work"
