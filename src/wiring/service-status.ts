/** What `/api/v1/status` says of the service: everything that a person asks first. */

import type { Certificates } from './certificates.ts';
import type { Config } from '../config/schema.ts';
import type { DriftDesk } from './drift-desk.ts';
import type { ModelsAtWork } from './models-at-work.ts';
import type { MqttRoad } from './mqtt-road.ts';
import type { DiskTrend } from '../observe/disk-trend.ts';
import type { Health } from '../observe/health.ts';
import type { RecentEvents } from '../observe/recent-events.ts';
import type { Ledger } from '../record/ledger.ts';
import { VERSION } from '../version.ts';

export interface StatusParts {
  readonly config: Config;
  readonly addresses: object | null;
  readonly health: Health;
  readonly models: ModelsAtWork;
  readonly framesInFlight: number;
  readonly queue: { readonly frames: number; readonly bytes: number };
  readonly ledger: Ledger;
  readonly disk: DiskTrend;
  readonly mqtt: MqttRoad | null;
  readonly certificates: Certificates;
  readonly drift: DriftDesk;
  readonly recent: RecentEvents;
}

export function serviceStatus(parts: StatusParts): object {
  const { config, mqtt, ledger } = parts;
  return {
    schema: 'loupe.service-status/1',
    version: VERSION,
    site: config.site,
    node: process.version,
    addresses: parts.addresses,
    ...parts.health,
    models: parts.models.health(),
    recipes: [...parts.models.recipes.values()],
    framesInFlight: parts.framesInFlight,
    queue: parts.queue,
    store: { ...ledger.status(), diskDaysLeft: parts.disk.daysLeft() },
    outbox: mqtt === null ? null : outboxDepth(ledger),
    broker:
      mqtt === null
        ? null
        : {
            kind: config.mqtt.url === null ? 'embedded' : 'plant',
            isConnected: mqtt.isConnected,
            detail: mqtt.whyDisconnected,
          },
    certificates: parts.certificates
      .expiries()
      .map(({ door, expiresAt }) => ({ door, expiresAt: new Date(expiresAt).toISOString() })),
    drift: parts.drift.sentences(),
    recentEvents: parts.recent.list(),
  };
}

export function outboxDepth(ledger: Ledger): { items: number; oldestSeconds: number } {
  const { items, oldestAt } = ledger.outbox.depth();
  return { items, oldestSeconds: oldestAt === null ? 0 : Math.max(0, Date.now() - oldestAt) / 1000 };
}
