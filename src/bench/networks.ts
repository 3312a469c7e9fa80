/**
 * Two networks of the sizes that a line uses, with random weights: what they cost is what a trained one costs. Batch
 * normalisation is folded into the convolutions, as every exporter does; pixels are normalised inside the graph.
 */

import { randomFrom } from '../demo/random.ts';
import { OnnxWriter } from './onnx-writer.ts';

export const INPUT = 'image';
export const OUTPUT = 'defect_probability';
/** Pixels, both edges. */
export const INPUT_SIZE = 224;

export const NETWORKS = ['resnet', 'mobile'] as const;
export type Network = (typeof NETWORKS)[number];

/** @returns the bytes of model.onnx, the same on every machine */
export function networkBytes(network: Network): Uint8Array {
  const builder = new Builder();
  const features = network === 'resnet' ? resnet(builder) : mobile(builder);
  return builder.finish(features);
}

interface Features {
  readonly name: string;
  readonly channels: number;
}

/** ResNet-18 of half its width: 2.8 million weights, 0.46 billion multiplications. */
function resnet(builder: Builder): Features {
  let x = builder.maxPool(builder.conv(builder.pixels(), 32, { kernel: 7, stride: 2 }));
  for (const [stage, channels] of [32, 64, 128, 256].entries()) {
    for (const block of [0, 1]) {
      const stride = stage > 0 && block === 0 ? 2 : 1;
      const inner = builder.conv(builder.conv(x, channels, { stride }), channels, { isLinear: true });
      const way = stride === 1 ? x : builder.conv(x, channels, { kernel: 1, stride, isLinear: true });
      x = builder.relu(builder.add(inner, way));
    }
  }
  return x;
}

/** MobileNetV2 of full width (Sandler et al. 2018, table 2): 2.2 million weights, 0.3 billion multiplications. */
function mobile(builder: Builder): Features {
  let x = builder.conv(builder.pixels(), 32, { stride: 2 });
  const table = [
    [1, 16, 1, 1],
    [6, 24, 2, 2],
    [6, 32, 3, 2],
    [6, 64, 4, 2],
    [6, 96, 3, 1],
    [6, 160, 3, 2],
    [6, 320, 1, 1],
  ] as const;
  for (const [expansion, channels, repeats, firstStride] of table) {
    for (let block = 0; block < repeats; block++) {
      const stride = block === 0 ? firstStride : 1;
      const wide = expansion === 1 ? x : builder.conv(x, x.channels * expansion, { kernel: 1 });
      const deep = builder.conv(wide, wide.channels, { stride, isDepthwise: true });
      const narrow = builder.conv(deep, channels, { kernel: 1, isLinear: true });
      x = stride === 1 && x.channels === channels ? builder.add(narrow, x) : narrow;
    }
  }
  return builder.conv(x, 1280, { kernel: 1 });
}

/** What is added up block after block starts small, or the sigmoid at the end says 1 to everything. */
const LINEAR_DAMPING = 8;

interface ConvOptions {
  readonly kernel?: number;
  readonly stride?: number;
  readonly isDepthwise?: boolean;
  /** Without the ReLU behind it. */
  readonly isLinear?: boolean;
}

class Builder {
  private readonly onnx = new OnnxWriter();
  private readonly random = randomFrom(7);

  /** uint8 NHWC to float32 NCHW around zero. */
  pixels(): Features {
    const floats = this.onnx.node('Cast', [INPUT], { to: 1 });
    const planes = this.onnx.node('Transpose', [floats], { perm: [0, 3, 1, 2] });
    const centred = this.onnx.node('Sub', [planes, this.constant([1, 3, 1, 1], [123.7, 116.3, 103.5])]);
    const scaled = this.onnx.node('Mul', [centred, this.constant([1, 3, 1, 1], [0.0171, 0.0175, 0.0174])]);
    return { name: scaled, channels: 3 };
  }

  conv(x: Features, channels: number, options: ConvOptions = {}): Features {
    const { kernel = 3, stride = 1, isDepthwise = false, isLinear = false } = options;
    const perGroup = isDepthwise ? 1 : x.channels;
    const fanIn = perGroup * kernel * kernel;
    const weights = this.noise([channels, perGroup, kernel, kernel], isLinear ? LINEAR_DAMPING * fanIn : fanIn);
    const bias = this.onnx.constant([channels], new Float32Array(channels));
    const pad = (kernel - 1) / 2;
    const name = this.onnx.node('Conv', [x.name, weights, bias], {
      kernel_shape: [kernel, kernel],
      strides: [stride, stride],
      pads: [pad, pad, pad, pad],
      group: isDepthwise ? channels : 1,
    });
    return isLinear ? { name, channels } : this.relu({ name, channels });
  }

  relu(x: Features): Features {
    return { name: this.onnx.node('Relu', [x.name]), channels: x.channels };
  }

  add(a: Features, b: Features): Features {
    return { name: this.onnx.node('Add', [a.name, b.name]), channels: a.channels };
  }

  maxPool(x: Features): Features {
    const name = this.onnx.node('MaxPool', [x.name], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] });
    return { name, channels: x.channels };
  }

  finish(x: Features): Uint8Array {
    const pooled = this.onnx.node('GlobalAveragePool', [x.name]);
    const flat = this.onnx.node('Flatten', [pooled], { axis: 1 });
    // Large against what little is left of the differences: the scores of two pictures must not be alike.
    const weights = this.noise([x.channels, 1], x.channels / 64);
    const logit = this.onnx.node('MatMul', [flat, weights]);
    this.onnx.node('Sigmoid', [logit], {}, OUTPUT);
    return this.onnx.model(INPUT, INPUT_SIZE, OUTPUT);
  }

  /** Uniform around zero with the variance 2 / fanIn (He et al. 2015), which keeps what passes through finite. */
  private noise(shape: readonly number[], fanIn: number): string {
    const limit = Math.sqrt(6 / fanIn);
    const size = shape.reduce((a, b) => a * b, 1);
    return this.onnx.constant(
      shape,
      Float32Array.from({ length: size }, () => (2 * this.random() - 1) * limit),
    );
  }

  private constant(shape: readonly number[], values: readonly number[]): string {
    return this.onnx.constant(shape, Float32Array.from(values));
  }
}
