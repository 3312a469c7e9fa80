import { describe, expect, it } from 'vitest';
import { PIXEL_FORMATS } from '../../../src/frame/pixel-format.ts';
import { resultJson } from '../../../src/frame/result-json.ts';
import { DISPOSITIONS, VERDICTS } from '../../../src/frame/verdict.ts';
import { inspectionPackage, messageOf } from '../../../src/ingest/wire/contract.ts';
import { responseFrom } from '../../../src/ingest/wire/response.ts';
import { recordedOf } from '../../support/frames.ts';

const response = messageOf(inspectionPackage, 'inspection.v1.InspectResponse');

function sent(result = recordedOf(), duplicate = false) {
  return response.decode(response.encode(responseFrom(result, duplicate))) as Record<string, unknown>;
}

function namesIn(type: string): string[] {
  const definition = inspectionPackage[type] as unknown as {
    type: { value?: { name: string }[]; field?: { name: string }[] };
  };
  return (definition.type.value ?? definition.type.field ?? []).map(({ name }) => name);
}

const camel = (name: string) => name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

describe('a result on the wire', () => {
  it('carries verdict, probability, cuts, model and times', () => {
    expect(sent()).toMatchObject({
      camera_id: 'cam-1',
      verdict: 'PASS',
      disposition: 'ACCEPT',
      defect_probability: 0.1,
      pass_below: 0.3,
      fail_above: 0.7,
      model: { name: 'test', version: '1', provider: 'cpu' },
      timing: { queue_ms: 1, decode_ms: 2, infer_ms: 3, total_ms: 7 },
      ledger_seq: '1',
      fallback: false,
      duplicate: false,
    });
  });

  it('tells a probability of zero from none', () => {
    expect(sent(recordedOf({ defectProbability: 0 }))['defect_probability']).toBe(0);
    const none = recordedOf({
      verdict: 'UNINSPECTED',
      defectProbability: null,
      reason: 'queue_full',
      model: null,
      cuts: null,
    });
    expect(sent(none)).not.toHaveProperty('defect_probability');
    expect(sent(recordedOf({ unfamiliarity: 0 }))['unfamiliarity']).toBe(0);
    expect(sent(recordedOf())).not.toHaveProperty('unfamiliarity');
    expect(sent(none)).toMatchObject({ verdict: 'UNINSPECTED', reason: 'queue_full', fallback: true, model: null });
  });

  it('marks a duplicate', () => {
    expect(sent(recordedOf(), true)).toMatchObject({ duplicate: true });
  });
});

describe('the contract', () => {
  it('has the verdicts, dispositions and pixel formats of the code, and no others', () => {
    expect(namesIn('inspection.v1.Verdict')).toEqual(['VERDICT_UNSPECIFIED', ...VERDICTS]);
    const dispositions = DISPOSITIONS.map((disposition) => disposition.toUpperCase());
    expect(namesIn('inspection.v1.Disposition')).toEqual(['DISPOSITION_UNSPECIFIED', ...dispositions]);
    expect(namesIn('inspection.v1.PixelFormat')).toEqual(['PIXEL_FORMAT_UNSPECIFIED', ...PIXEL_FORMATS]);
  });

  it('names the fields of a result as its JSON does', () => {
    const json = Object.keys(resultJson(recordedOf(), false)).filter((name) => name !== 'schema');
    expect(namesIn('inspection.v1.InspectResponse').map(camel).toSorted()).toEqual(json.toSorted());
  });
});
