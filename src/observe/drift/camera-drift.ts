/**
 * Has a camera drifted from what it was? Needs no labels: the pictures' look, the scores and the rejects of the last frames against
 * a baseline frozen once.
 *
 *   the first frames ──> baseline (frozen, kept) ──> the last 50 looks, the last 200 scores ──> conditions
 */

import type { ImageLook } from '../../frame/image-look.ts';
import { type Asked, SamePicture } from '../../frame/same-picture.ts';
import {
  binEdges,
  binShares,
  type CountRange,
  psi,
  psiOfChance,
  rejectLimits,
  type Spread,
  spreadOf,
} from './statistics.ts';

/** One recorded frame, as far as drift is concerned. */
export interface Seen {
  readonly asked: Asked;
  /** Recipe and model; null where it was not inspected. */
  readonly by: string | null;
  readonly look: ImageLook | null;
  /** 0..1; null where it was not inspected. */
  readonly probability: number | null;
  readonly isRejected: boolean;
}

export interface Baseline {
  /** Recipe and model that it was made with. */
  readonly by: string;
  /** Milliseconds since 1970. */
  readonly frozenAt: number;
  readonly frames: number;
  readonly brightness: Spread;
  readonly contrast: Spread;
  readonly focus: Spread;
  readonly scoreEdges: readonly number[];
  readonly scoreShares: readonly number[];
  /** Of the frames, FAIL and REVIEW. */
  readonly rejectShare: number;
}

export type DriftCondition =
  /** `ratio`: how far off the baseline, -0.23 is 23 % less. */
  | { readonly kind: 'brightness' | 'contrast' | 'focus'; readonly ratio: number }
  /** So many times in a row the very same picture came for one recipe and region. */
  | { readonly kind: 'frozen'; readonly frames: number }
  | { readonly kind: 'scores'; readonly psi: number }
  | { readonly kind: 'rejects'; readonly share: number; readonly usual: number };

export interface DriftState {
  /** Null while the baseline is being learned. */
  readonly baseline: Baseline | null;
  readonly learned: number;
  /** Against the baseline; null before there are enough frames. */
  readonly ratios: Readonly<Record<Quantity, number>> | null;
  readonly psi: number | null;
  readonly rejectShare: number | null;
  readonly conditions: readonly DriftCondition[];
}

export const QUANTITIES = ['brightness', 'contrast', 'focus'] as const;
export type Quantity = (typeof QUANTITIES)[number];

const LOOKS = 50;
const SCORES = 200;
const BINS = 10;
const FROZEN_FRAMES = 5;
/** Frames in a row of another recipe or model after which that is what the camera does now. */
const STRANGERS = 50;
/** Least change that is worth a sentence; a sharper picture is none. */
const LIMITS: Readonly<Record<Quantity, { readonly less: number; readonly more: number }>> = {
  brightness: { less: 0.15, more: 0.15 },
  contrast: { less: 0.25, more: 0.25 },
  focus: { less: 0.35, more: Number.POSITIVE_INFINITY },
};
/** Of the mean of LOOKS frames: what chance explains. */
const DEVIATIONS = 4;
const PSI_LIMIT = 0.25;

interface Learned {
  readonly look: ImageLook;
  readonly probability: number;
  readonly isRejected: boolean;
}

export class CameraDrift {
  private readonly baselineFrames: number;
  private readonly now: () => number;
  private kept: Baseline | null;
  /** Of the baseline, worked out when it is first asked for. */
  private usualRejects: CountRange | null = null;
  private by: string | null;
  private learning: Learned[] = [];
  private recent: Learned[] = [];
  private strangers = 0;
  private readonly picture = new SamePicture();
  private sameFrames = 0;

  /** @param baselineFrames inspected frames that make a baseline */
  constructor(baselineFrames: number, baseline: Baseline | null, now: () => number) {
    this.baselineFrames = baselineFrames;
    this.now = now;
    this.kept = baseline;
    this.by = baseline?.by ?? null;
  }

  /** True where a baseline was frozen or given up by this frame. */
  note({ asked, by, look, probability, isRejected }: Seen): boolean {
    this.sameFrames = this.picture.note(asked, null);
    if (by === null || look === null || probability === null) return false;
    this.by ??= by;
    if (by !== this.by) {
      this.strangers += 1;
      if (this.strangers < STRANGERS) return false;
      const had = this.kept !== null;
      this.relearn();
      this.by = by;
      return had;
    }
    this.strangers = 0;
    const learned = { look, probability, isRejected };
    if (this.kept === null) return this.learn(by, learned);
    this.recent.push(learned);
    if (this.recent.length > SCORES) this.recent.shift();
    return false;
  }

  /** Forgets the baseline: the next frames make a new one. */
  relearn(): void {
    this.kept = null;
    this.usualRejects = null;
    this.by = null;
    this.learning = [];
    this.recent = [];
    this.strangers = 0;
  }

  get baseline(): Baseline | null {
    return this.kept;
  }

  state(): DriftState {
    const { kept: baseline, recent } = this;
    const looks = baseline === null || recent.length < LOOKS ? null : recent.slice(-LOOKS).map(({ look }) => look);
    const hasScores = baseline !== null && recent.length >= SCORES;
    const shift = hasScores
      ? psi(
          baseline.scoreShares,
          binShares(
            recent.map(({ probability }) => probability),
            baseline.scoreEdges,
          ),
        )
      : null;
    const share = hasScores ? recent.filter(({ isRejected }) => isRejected).length / recent.length : null;
    const ratios = looks === null || baseline === null ? null : ratiosOf(looks, baseline);
    return {
      baseline,
      learned: baseline?.frames ?? this.learning.length,
      ratios,
      psi: shift,
      rejectShare: share,
      conditions: [
        ...(this.sameFrames >= FROZEN_FRAMES ? [{ kind: 'frozen', frames: this.sameFrames } as const] : []),
        ...(ratios === null || baseline === null ? [] : lookConditions(ratios, baseline)),
        ...(shift === null || baseline === null ? [] : scoreConditions(shift, baseline, recent.length)),
        ...(share === null || baseline === null ? [] : this.rejectConditions(share, baseline)),
      ],
    };
  }

  private rejectConditions(share: number, { rejectShare, frames }: Baseline): DriftCondition[] {
    this.usualRejects ??= rejectLimits(Math.round(rejectShare * frames), frames, SCORES);
    const { least, most } = this.usualRejects;
    const rejects = Math.round(share * SCORES);
    return rejects > most || rejects < least ? [{ kind: 'rejects', share, usual: rejectShare }] : [];
  }

  private learn(by: string, learned: Learned): boolean {
    this.learning.push(learned);
    if (this.learning.length < this.baselineFrames) return false;
    const scores = this.learning.map(({ probability }) => probability);
    const of = (quantity: Quantity) => spreadOf(this.learning.map(({ look }) => look[quantity]));
    const scoreEdges = binEdges(scores, BINS);
    this.kept = {
      by,
      frozenAt: this.now(),
      frames: this.learning.length,
      brightness: of('brightness'),
      contrast: of('contrast'),
      focus: of('focus'),
      scoreEdges,
      scoreShares: binShares(scores, scoreEdges),
      rejectShare: this.learning.filter(({ isRejected }) => isRejected).length / this.learning.length,
    };
    this.learning = [];
    return true;
  }
}

function ratiosOf(looks: readonly ImageLook[], baseline: Baseline): Record<Quantity, number> {
  const ratio = (quantity: Quantity) => {
    const usual = baseline[quantity].mean;
    return spreadOf(looks.map((look) => look[quantity])).mean / Math.max(usual, 1e-6) - 1;
  };
  return { brightness: ratio('brightness'), contrast: ratio('contrast'), focus: ratio('focus') };
}

function lookConditions(ratios: Readonly<Record<Quantity, number>>, baseline: Baseline): DriftCondition[] {
  return QUANTITIES.flatMap((kind) => {
    const { mean, deviation } = baseline[kind];
    const ratio = ratios[kind];
    const chance = (DEVIATIONS * deviation * Math.sqrt(1 / LOOKS + 1 / baseline.frames)) / Math.max(mean, 1e-6);
    const limit = ratio < 0 ? LIMITS[kind].less : LIMITS[kind].more;
    return Math.abs(ratio) >= Math.max(limit, chance) ? [{ kind, ratio }] : [];
  });
}

function scoreConditions(shift: number, { scoreShares, frames }: Baseline, n: number): DriftCondition[] {
  const limit = Math.max(PSI_LIMIT, psiOfChance(scoreShares.length, frames, n));
  return shift > limit ? [{ kind: 'scores', psi: shift }] : [];
}
