import { describe, expect, it } from 'vitest';
import { figuresOf } from '../../src/dashboard/web/model-metrics.ts';

const of = (value: number) => ({ value, low: 0, high: 1, n: 60 });

describe('the figures of a model', () => {
  it('are those that were held out', () => {
    const metrics = {
      auroc: of(0.9),
      escape_rate: of(0.1),
      false_reject_rate: of(0.2),
      cross_validated_auroc: of(0.95),
    };
    expect(figuresOf(metrics)).toEqual({
      auroc: of(0.9),
      escapeRate: of(0.1),
      falseRejectRate: of(0.2),
      isCrossValidated: false,
    });
  });

  it('are those that loupe teach measured, and it is said how', () => {
    const metrics = { cross_validated_auroc: of(0.95), escape_rate_at_chosen_cuts: of(0.02) };
    expect(figuresOf(metrics)).toEqual({
      auroc: of(0.95),
      escapeRate: of(0.02),
      falseRejectRate: null,
      isCrossValidated: true,
    });
  });

  it('are none where nothing was measured', () => {
    const none = { auroc: null, escapeRate: null, falseRejectRate: null, isCrossValidated: false };
    expect(figuresOf({})).toEqual(none);
  });
});
