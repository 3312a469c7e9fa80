#!/usr/bin/env python3
"""A camera over gRPC: sends each picture of a folder and says what the line is to do with the part.

    pip install grpcio grpcio-tools
    python3 docs/examples/camera.py 127.0.0.1:50051 cam-1 FOLDER --takt-ms 200

What a program of yours should do as well:
- give each frame an id, and send the same id whenever it sends the frame again: a repeat gets the first verdict, never a second one;
- keep a clock of its own (the deadline of the call) and treat silence and every error as HOLD;
- ask again later what it got no result of: the part is in the ledger, or is inspected then.

Of a service that asks for it: a token in LOUPE_TOKEN, its authority in --tls-ca.
"""

import argparse
import os
import pathlib
import sys
import time

import grpc

# The stubs are made of the contract itself, at run time; `python -m grpc_tools.protoc` writes the same as files.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "proto"))
messages, services = grpc.protos_and_services("inspection/v1/inspection.proto")

# Beyond the takt: for the commit and the way home.
GRACE_S = 0.1
LATER_S = 10


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address")
    parser.add_argument("camera")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--takt-ms", type=int, default=200)
    parser.add_argument("--tls-ca", type=pathlib.Path)
    args = parser.parse_args()

    inspector = services.InspectionServiceStub(channel_to(args.address, args.tls_ca))
    token = os.environ.get("LOUPE_TOKEN")
    metadata = [("authorization", f"Bearer {token}")] if token else []

    def ask(request, seconds):
        """The recorded result, or why there is none: a code of docs/errors.md, or of gRPC where nobody is there or the time was over."""
        try:
            return inspector.Inspect(request, timeout=seconds, metadata=metadata)
        except grpc.RpcError as error:
            print(f"{request.frame_id}: {error.details()}", file=sys.stderr)
            return dict(error.trailing_metadata() or ()).get("loupe-error-code", error.code().name)

    # Counts from 1 with every start; what makes the ids unlike those of the start before stands in front.
    start = time.strftime("%Y%m%dT%H%M%S")
    unheard = []
    for sequence, file in enumerate(sorted(path for path in args.folder.iterdir() if path.is_file()), 1):
        request = messages.InspectRequest(
            camera_id=args.camera,
            frame_id=f"{start}-{sequence}",
            sequence=sequence,
            encoded=file.read_bytes(),
            max_wait_ms=args.takt_ms,
        )
        request.captured_at.GetCurrentTime()
        answer = ask(request, args.takt_ms / 1000 + GRACE_S)
        tell(file.name, answer)
        if isinstance(answer, str):
            unheard.append((file.name, request))

    # Parts that were held without a result: what was said of them meanwhile, or is said now.
    for name, request in unheard:
        request.max_wait_ms = 0
        tell(f"again: {name}", ask(request, LATER_S))


def tell(name, answer):
    """The one field to obey is the disposition. Where there is no result the part is held."""
    if isinstance(answer, str):
        print(f"HOLD    {name}: {answer}")
        return
    disposition = messages.Disposition.Name(answer.disposition)
    verdict = messages.Verdict.Name(answer.verdict)
    why = answer.reason or f"{answer.defect_probability:.3f}"
    print(f"{disposition:<7} {name}: {verdict} {why}, number {answer.ledger_seq} of the ledger")


def channel_to(address, tls_ca):
    if tls_ca is None:
        return grpc.insecure_channel(address)
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(tls_ca.read_bytes()))


main()
