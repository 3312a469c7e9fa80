/** What the bench and its children say to each other: one request, one reply. */

/** `grpc`: a call for each frame. `grpc_stream`: one stream for each camera. `fastapi` is the peer's. */
export type Road = 'grpc' | 'grpc_stream' | 'mqtt' | 'fastapi';

export type BareRequest =
  | {
      readonly kind: 'open';
      /** Path of model.onnx, and the names of its input and output. */
      readonly model: string;
      readonly input: string;
      readonly output: string;
      /** Pixels, both edges. */
      readonly inputSize: number;
    }
  /** One score per picture. */
  | { readonly kind: 'scores'; readonly pictures: readonly string[] }
  | {
      readonly kind: 'loop';
      readonly pictures: readonly string[];
      readonly seconds: number;
      /** Pictures at once: 1 is the time of one frame, 2 lets decoding overlap inference. */
      readonly inFlight: number;
    };

export interface Target {
  readonly road: Road;
  /** HOST:PORT or a URL, as the road has it. */
  readonly address: string;
  readonly cameras: number;
}

/** Frames that each camera keeps under way, or the rate of all cameras together. */
export type Pace = { readonly inFlight: number } | { readonly framesPerSecond: number };

export interface LoadRequest {
  readonly target: Target;
  readonly pictures: readonly string[];
  readonly seconds: number;
  /** Null: only connects the cameras. What is connected stays so. */
  readonly pace: Pace | null;
  /** What the bare loop says of each picture; null: the other side scores with pixels of its own. */
  readonly scores: readonly number[] | null;
}

/** Latencies in milliseconds, from the moment a frame was due to be sent to its answer. */
export interface Ran {
  readonly latencies: readonly number[];
  /** From the first frame sent to the last answer. */
  readonly elapsedMs: number;
  /** The first frames that ended otherwise than with the right score, in words; and how many. */
  readonly faults: readonly string[];
  readonly faultCount: number;
}
