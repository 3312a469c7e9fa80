#!/usr/bin/env bash
# solar.sh DATA WORK: makes models/solar-module-ir/1 anew, from the images to the package.
#   DATA  the folder infrared_solar_modules of InfraredSolarModules (Raptor Maps 2020, MIT), as a labelled folder with manifest.csv
#   WORK  scratch: packed pixels, checkpoints; run again, it goes on where it was ended; after `figures.sh` with the same WORK nothing
#         is trained again
# VARIANTS_PYTHON: a Python with onnx and onnxruntime, for the int8 variant (default: python3).
set -euo pipefail
cd "$(dirname "$0")/../.."
data=$(realpath "$1"); mkdir -p "$2"; work=$(realpath "$2")
python=${PYTHON:-/usr/bin/python3} package=models/solar-module-ir/1 packed=$work/infrared_solar_modules
export OMP_NUM_THREADS=1

[ -f "$packed/dataset.json" ] || node bin/loupe.js dataset pack --data "$data" --out "$packed" --colour GREY
"$python" models/training/train_folder.py "$packed" --epochs 60 --batch 64 --rate 4e-3 --seeds 3 \
  --figures "$work/infrared_solar_modules.json" --package "$package" --anew --golden "$data" \
  --description "Anomalies of photovoltaic modules in thermal images, one module an image (24x40 pixels)." \
  --source "InfraredSolarModules, Raptor Maps Inc., 2020: https://github.com/RaptorMaps/InfraredSolarModules" --licence MIT

# The side that training never saw, and the rest, as labelled folders of their own.
for side in test train; do mkdir -p "$work/$side"; ln -sfn "$data/ok" "$work/$side/ok"; ln -sfn "$data/ng" "$work/$side/ng"; done
cp "$package/report/test.csv" "$work/test/manifest.csv"
grep -vxFf <(tail -n +2 "$package/report/test.csv") <(tr -d '\r' <"$data/manifest.csv") >"$work/train/manifest.csv"
"${VARIANTS_PYTHON:-python3}" models/training/variants.py "$package" "$packed" --only int8
node bin/loupe.js models verify-variants "$package" --data "$work/test"
# The report names the folder as it is called here: it ships, and where WORK lies is nobody's business.
root=$PWD; cd "$work"
node "$root/bin/loupe.js" evaluate --model "$root/$package" --data test --train train --report "$root/$package/report/report.html"
