/** Every migration in order. One is never edited after a release: a change of the schema is a further file. */

import { ledger } from './0001-ledger.ts';
import { reviews } from './0002-reviews.ts';
import { modelInput } from './0003-model-input.ts';
import { modelVariant } from './0004-model-variant.ts';
import { people } from './0005-people.ts';
import { tallies } from './0006-tallies.ts';
import { outboxCamera } from './0007-outbox-camera.ts';
import { unfamiliarity } from './0008-unfamiliarity.ts';

export interface Migration {
  readonly version: number;
  readonly sql: string;
}

export const MIGRATIONS: readonly Migration[] = [
  ledger,
  reviews,
  modelInput,
  modelVariant,
  people,
  tallies,
  outboxCamera,
  unfamiliarity,
];

export const SCHEMA_VERSION = MIGRATIONS.length;
