"""Weights to start from: what torchvision or timm hand out for a ResNet, or a `.weights.pt` of this recipe."""

import json
import re
import struct

import torch

SAFE_KINDS = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64}


def read_safetensors(file):
    """The format is 8 bytes of length, that much JSON, then the numbers: https://github.com/huggingface/safetensors#format"""
    data = file.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    if length > len(data) - 8:
        raise SystemExit(f"{file}: expected a header of {length} bytes, the file ends before")
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    body = bytearray(data[8 + length :])
    tensors = {}
    for name, about in header.items():
        begin, end = about["data_offsets"]
        kind = SAFE_KINDS[about["dtype"]]
        count = (end - begin) // torch.empty(0, dtype=kind).element_size()
        flat = torch.frombuffer(body, dtype=kind, count=count, offset=begin) if count else torch.empty(0, dtype=kind)
        tensors[name] = flat.clone().reshape(about["shape"])
    return tensors


def read_weights(file):
    """@returns name -> tensor. Only tensors are unpickled, never code."""
    if not file.is_file():
        raise SystemExit(f"expected weights at {file}, there is no such file")
    if file.suffix == ".safetensors":
        state = read_safetensors(file)
    else:
        try:
            state = torch.load(file, map_location="cpu", weights_only=True)
        except Exception as error:
            raise SystemExit(f"{file}: expected a PyTorch state dict: {error}") from error
    for key in ("state_dict", "model"):
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    if not isinstance(state, dict) or not any(torch.is_tensor(value) for value in state.values()):
        raise SystemExit(f"{file}: expected a state dict of names and tensors")
    return {name.removeprefix("module."): value for name, value in state.items()}


def from_torchvision(name):
    """layer2.0.conv1.weight -> near.3.0.body.0.0.weight; None for what has no place here (the classes of another problem)."""
    stem = {"conv1": "near.0.0", "bn1": "near.0.1"}
    where, _, leaf = name.rpartition(".")
    if where in stem:
        return f"{stem[where]}.{leaf}"
    found = re.fullmatch(r"layer([1-4])\.(\d+)\.(conv|bn|downsample\.)(\d)", where)
    if found is None:
        return None
    stage, block, part, k = found.groups()
    place = "far" if stage == "4" else f"near.{int(stage) + 1}"
    if part == "downsample.":
        return f"{place}.{block}.skip.{k}.{leaf}"
    # A ReLU lies between the convolutions of this recipe's Sequential.
    return f"{place}.{block}.body.{2 * (int(k) - 1)}.{'0' if part == 'conv' else '1'}.{leaf}"


def fit_stem(weight, wanted):
    """The first convolution to another count of channels and another kernel.

    Channels: summed, so that a grey image gives what it gave as three equal channels; grey to colour shares it out.
    Kernel: the middle of a larger one, scaled to the same root mean square response.
    """
    if weight.shape[1] != wanted[1]:
        weight = weight.sum(dim=1, keepdim=True).repeat(1, wanted[1], 1, 1) / wanted[1]
    cut = (weight.shape[2] - wanted[2]) // 2
    if cut > 0:
        energy = weight.pow(2).sum(dim=(1, 2, 3), keepdim=True)
        weight = weight[:, :, cut:-cut, cut:-cut]
        weight = weight * (energy / weight.pow(2).sum(dim=(1, 2, 3), keepdim=True).clamp(min=1e-12)).sqrt()
    return weight


def start_from(net, file):
    """Loads what fits into `net`, all of its body or nothing. @returns a sentence @raises SystemExit, naming what does not fit"""
    own = net.state_dict()
    read = read_weights(file)
    is_own = any(name in own for name in read)
    places = {name: name if is_own else from_torchvision(name) for name in read}
    state = {places[name]: value for name, value in read.items() if places[name] is not None}
    body = [name for name in own if name.startswith(("near.", "far."))]
    missing = [name for name in body if name not in state and not name.endswith("num_batches_tracked")]
    if missing:
        raise SystemExit(f"{file}: expected weights for every layer of the network, {len(missing)} of {len(body)} are missing, as {missing[0]}")
    first = next(name for name in body if own[name].dim() == 4)
    if own[first].shape[0] == state[first].shape[0]:
        state[first] = fit_stem(state[first].float(), own[first].shape)
    wrong = [name for name in body if name in state and state[name].shape != own[name].shape]
    if wrong:
        raise SystemExit(
            f"{file}: {wrong[0]} is {list(state[wrong[0]].shape)}, the network has {list(own[wrong[0]].shape)}; "
            "take the same --architecture and --width (downloaded ResNets have width 1)"
        )
    # The last layers of a run of this recipe fit as they are; those of another problem do not.
    last = [name for name in own if not name.startswith(("near.", "far.", "mean", "std", "scale", "shift")) and is_own and name in state]
    taken = body + [name for name in last if state[name].shape == own[name].shape]
    own.update({name: state[name].to(own[name].dtype) for name in taken if name in state})
    net.load_state_dict(own)
    dropped = sorted(name for name in read if places[name] not in taken)
    return f"starts from {file}: {len(taken)} tensors; not taken: {', '.join(dropped) or 'nothing'}"
