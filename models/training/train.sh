#!/bin/sh
# Draws the parts, trains, writes models/plate-demo/1 and records its golden scores. About 15 minutes on one core.
# Needs a built checkout (npm ci && npm run build) and a python3 with PyTorch (Debian: apt-get install python3-torch).
set -eu
cd "$(dirname "$0")/../.."
package=${PACKAGE:-models/plate-demo/1}
data=${DATA:-$(mktemp -d)}
python=${PYTHON:-/usr/bin/python3}

node bin/loupe.js dataset draw --out "$data" --count "${COUNT:-8400}" --seed 0
"$python" models/training/train.py "$data" "$package" --epochs "${EPOCHS:-20}"
node bin/loupe.js golden "$package"
