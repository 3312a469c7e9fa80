/** The desk of a running service, wired. */

import type { Config } from '../config/schema.ts';
import { loadModelPackage } from '../model-repository/package.ts';
import type { ModelsAtWork } from '../wiring/models-at-work.ts';
import type { Ledger } from '../record/ledger.ts';
import { ProvingDesk, type ProvingEvent } from './desk.ts';

export function deskOf(
  config: Config,
  ledger: Ledger,
  models: ModelsAtWork,
  onEvent: (event: ProvingEvent) => void,
): ProvingDesk {
  return new ProvingDesk({
    store: config.store.path,
    ledger,
    // A model at work was read and hashed before: doing so again would hold the line up for the time of a hash.
    loadPackage: async (name, version) =>
      models.packageAt(`${name}/${version}`) ?? loadModelPackage(config.models.path, name, version),
    keepsHeatMaps: true,
    mayDecode: false,
    heatMapsPerMinute: config.heat_maps.per_minute,
    maxPixels: config.limits.pixels,
    startTimeoutMs: config.engine.start_timeout_ms,
    onEvent,
  });
}
