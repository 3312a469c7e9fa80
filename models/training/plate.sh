#!/usr/bin/env bash
# plate.sh WORK: makes models/plate-demo/1 anew: draws the parts of `loupe demo` as a labelled folder, and trains on it as on any other.
#   WORK  scratch: drawn parts, packed pixels, checkpoints; run again, it goes on where it was ended
set -euo pipefail
cd "$(dirname "$0")/../.."
mkdir -p "$1"; work=$(realpath "$1")
python=${PYTHON:-/usr/bin/python3} package=models/plate-demo/1 data=$work/plate-data packed=$work/plate-demo
export OMP_NUM_THREADS=1

[ -f "$data/manifest.csv" ] || node bin/loupe.js dataset draw --out "$data" --count 8400 --seed 0
[ -f "$packed/dataset.json" ] || node bin/loupe.js dataset pack --data "$data" --out "$packed" --width 192 --height 192
"$python" models/training/train_folder.py "$packed" --turns --epochs 12 --rate 2e-3 --seeds 1 --package "$package" --anew --golden "$data" \
  --description "Scratches, cracks, dents and stains on the flanges that \`loupe demo\` draws. On real parts it means nothing." \
  --source "drawn by src/demo/ (loupe dataset draw)" --licence Apache-2.0
