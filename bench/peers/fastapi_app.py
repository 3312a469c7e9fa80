"""The plain service that most would write: FastAPI, Pillow, onnxruntime. No ledger, no limits, no guarantees.

Started by `loupe bench --peers` as one uvicorn process with a worker per core; one onnxruntime thread each, JPEGs decoded in
draft mode (Pillow's shrink-on-load), the same model file as Loupe's.
"""

import io
import os

import numpy
import onnxruntime
from fastapi import FastAPI, Request
from PIL import Image

SIZE = int(os.environ["BENCH_INPUT_SIZE"])

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
options.inter_op_num_threads = 1
options.add_session_config_entry("session.intra_op.allow_spinning", "0")
session = onnxruntime.InferenceSession(os.environ["BENCH_MODEL"], options, providers=["CPUExecutionProvider"])
name = session.get_inputs()[0].name

app = FastAPI()


@app.post("/inspect")
async def inspect(request: Request):
    image = Image.open(io.BytesIO(await request.body()))
    image.draft("RGB", (SIZE, SIZE))
    pixels = numpy.asarray(image.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BILINEAR))
    (score,) = session.run(None, {name: pixels[None]})
    return {"probability": float(score[0, 0])}


@app.get("/healthz")
async def healthz():
    return {}
