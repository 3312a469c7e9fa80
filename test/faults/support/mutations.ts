/** Bytes spoilt in the ways that fuzzers found worth trying, the same for the same seed. */

/** Mulberry32 (Tommy Ettinger, public domain): 0..1. */
export function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** What lengths and counts are set to where they do most harm. */
const INTERESTING = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0xffffffff] as const;

/**
 * @param bytes left as they are
 * @param other spliced in now and then
 */
export function mutated(bytes: Uint8Array, other: Uint8Array, random: () => number): Buffer {
  let result: Buffer = Buffer.from(bytes);
  const times = 1 + Math.floor(random() * 4);
  for (let i = 0; i < times && result.length > 0; i++)
    result = oneOf(MUTATIONS, random)(result, Buffer.from(other), random);
  return result;
}

type Mutation = (bytes: Buffer, other: Buffer, random: () => number) => Buffer;

const placeIn = (bytes: Buffer, random: () => number) => Math.floor(random() * bytes.length);
const oneOf = <T>(things: readonly T[], random: () => number) => things[Math.floor(random() * things.length)] as T;

const MUTATIONS: readonly Mutation[] = [
  (bytes, _, random) => {
    const at = placeIn(bytes, random);
    bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << Math.floor(random() * 8)), at);
    return bytes;
  },
  (bytes, _, random) => {
    // Near the beginning, where the sizes are.
    const width = oneOf([1, 2, 4], random);
    const at = Math.floor(random() * Math.min(bytes.length - width, 64));
    const value = oneOf(INTERESTING, random) % 2 ** (8 * width);
    if (at >= 0) bytes.writeUIntBE(value, at, width);
    return bytes;
  },
  (bytes, _, random) => bytes.subarray(0, placeIn(bytes, random)),
  (bytes, _, random) => {
    const at = placeIn(bytes, random);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + Math.floor(random() * 64))]);
  },
  (bytes, _, random) => {
    const at = placeIn(bytes, random);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at, at + 64), bytes.subarray(at)]);
  },
  (bytes, other, random) =>
    Buffer.concat([bytes.subarray(0, placeIn(bytes, random)), other.subarray(placeIn(other, random))]),
  (bytes, _, random) => {
    for (let at = placeIn(bytes, random), end = at + 32; at < Math.min(end, bytes.length); at++) {
      bytes.writeUInt8(Math.floor(random() * 256), at);
    }
    return bytes;
  },
];
