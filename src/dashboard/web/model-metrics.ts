/** What a package says was measured of its model, whoever made it. Pure. */

export interface Measured {
  readonly value: number;
  readonly low: number;
  readonly high: number;
  readonly n: number;
}

interface Figures {
  readonly auroc: Measured | null;
  readonly escapeRate: Measured | null;
  readonly falseRejectRate: Measured | null;
  /** On parts that each fit left out, and the cuts were chosen by: it looks a little better than it is. */
  readonly isCrossValidated: boolean;
}

/** `loupe teach` gives its figures names of their own, since nothing was held out from all of what it taught. */
export function figuresOf(metrics: Readonly<Record<string, Measured>>): Figures {
  const isCrossValidated = metrics['auroc'] === undefined && metrics['cross_validated_auroc'] !== undefined;
  const [auroc, escapes, falseRejects] = isCrossValidated
    ? (['cross_validated_auroc', 'escape_rate_at_chosen_cuts', 'false_reject_rate_at_chosen_cuts'] as const)
    : (['auroc', 'escape_rate', 'false_reject_rate'] as const);
  return {
    auroc: metrics[auroc] ?? null,
    escapeRate: metrics[escapes] ?? null,
    falseRejectRate: metrics[falseRejects] ?? null,
    isCrossValidated,
  };
}
