#!/usr/bin/env python3
"""A gate behind a camera, over MQTT: opens for a part that is accepted, and for nothing else.

    pip install paho-mqtt
    python3 docs/examples/gate.py 127.0.0.1:1883 cam-1

What a program of yours should do as well:
- obey `disposition`, not the verdict: it says `accept` for PASS only;
- know each result by its `resultId`: delivery is at least once, and what moves a part must not move two;
- hold while the broker is away, while Loupe is not online, and for a part of which nothing comes within its takt.

Of a broker that asks for it: --username, its password (or token) in LOUPE_MQTT_PASSWORD, its authority in --tls-ca.
"""

import argparse
import json
import os

import paho.mqtt.client as mqtt

# Results of the past whose ids are remembered.
REMEMBERED = 1000


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address")
    parser.add_argument("camera")
    parser.add_argument("--root", default="loupe")
    parser.add_argument("--username")
    parser.add_argument("--tls-ca")
    args = parser.parse_args()

    results, errors, status = f"{args.root}/{args.camera}/result", f"{args.root}/{args.camera}/error", f"{args.root}/status"
    seen = {}

    def on_connect(client, _data, _flags, reason, _properties):
        if reason.is_failure:
            say("hold", f"the broker lets nobody in: {reason}")
            return
        # The retained status comes at once: it opens the gate, not the connection.
        client.subscribe([(results, 1), (errors, 1), (status, 1)])

    def on_disconnect(_client, _data, _flags, reason, _properties):
        say("hold", f"the broker is away: {reason}")

    def on_message(_client, _data, message):
        said = json.loads(message.payload)
        if message.topic == status:
            # `offline` is the last will of a Loupe that died.
            say("ready" if said["status"] == "online" else "hold", f"Loupe is {said['status']}")
        elif message.topic == errors:
            # Nothing stands in the ledger of such a frame.
            say("hold", f"frame {said['frameId']}: {said['code']}: {said['message']}")
        elif said["resultId"] not in seen:
            seen[said["resultId"]] = True
            if len(seen) > REMEMBERED:
                del seen[next(iter(seen))]
            why = said["reason"] or f"{said['defectProbability']:.3f}"
            say(said["disposition"], f"frame {said['frameId']}: {said['verdict']} {why}")

    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.on_connect, client.on_disconnect, client.on_message = on_connect, on_disconnect, on_message
    if args.username:
        client.username_pw_set(args.username, os.environ.get("LOUPE_MQTT_PASSWORD"))
    if args.tls_ca:
        client.tls_set(ca_certs=args.tls_ca)
    # Until Loupe has said that it is there.
    say("hold", "nothing heard yet")
    host, port = args.address.rsplit(":", 1)
    client.connect_async(host, int(port))
    client.loop_forever(retry_first_connection=True)


def say(gate, why):
    print(f"{gate:<7} {why}", flush=True)


main()
