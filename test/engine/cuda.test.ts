import { describe, expect, it } from 'vitest';
import { whyNoCuda } from '../../src/engine/cuda.ts';

describe('why CUDA does not work', () => {
  it.each([
    [
      'load',
      'libcublasLt.so.13: cannot open shared object file: No such file',
      'CUDA libraries missing: no libcublasLt.so.13',
    ],
    ['load', 'libcuda.so.1: cannot open shared object file: No such file', 'driver missing: no libcuda.so.1'],
    ['warm_up', 'NOT_IMPLEMENTED : cuDNN is required for Conv', 'CUDA libraries missing: no cuDNN 9'],
    ['load', 'CUDA failure 35: CUDA driver version is insufficient for CUDA runtime version', 'driver or device dead'],
    ['load', 'CUDA failure 100: no CUDA-capable device is detected', 'driver or device dead'],
    ['golden', 'a.png: expected 0.2 within 0.02, cuda gave 0.9', 'golden scores off'],
  ])('names what is to be mended: %s, %s', (stage, detail, cause) => {
    const why = whyNoCuda(stage, detail);
    expect(why).toContain(`${stage}: ${cause}`);
    expect(why.endsWith(detail)).toBe(true);
  });

  it('gives what it does not know as it is', () => {
    expect(whyNoCuda('exit', 'engine ended with SIGSEGV')).toBe('exit: engine ended with SIGSEGV');
  });
});
