/** The service itself: engines, provider, store, outbox, recent errors. */

import { useCallback, useState } from 'react';
import { shownText } from '../../frame/shown-text.ts';
import { request, textOf } from './api.ts';
import { ADVICES } from './event-words.ts';
import type { Reason } from './live.ts';
import { NoAccounts } from './people-page.tsx';
import { usePeopleWords } from './people-words.ts';
import { FactList } from './fact-list.tsx';
import { useRepeated } from './repeat.ts';
import { useSettings } from './settings.ts';
import { useWho } from './who.ts';
import { useWords } from './words.ts';
import { countText, dayText, timeText } from './texts.ts';

interface Status {
  readonly version: string;
  readonly site: string;
  readonly node: string;
  readonly addresses: Readonly<Record<string, string | null>> | null;
  readonly isReady: boolean;
  readonly notReady: readonly Reason[];
  readonly degraded: readonly Reason[];
  readonly models: readonly {
    readonly model: string;
    readonly provider: string | null;
    readonly enginesReady: number;
    readonly enginesWanted: number;
    readonly down: string | null;
    readonly degraded: string | null;
  }[];
  readonly framesInFlight: number;
  readonly queue: { readonly frames: number; readonly bytes: number };
  readonly store: {
    readonly writable: boolean;
    readonly reason: string | null;
    readonly lastLedgerSeq: number;
    readonly bytes: { readonly db: number; readonly wal: number; readonly images: number };
    readonly diskFreeBytes: number;
    readonly diskDaysLeft: number | null;
  };
  readonly outbox: { readonly items: number; readonly oldestSeconds: number } | null;
  readonly broker: {
    readonly kind: 'embedded' | 'plant';
    readonly isConnected: boolean;
    readonly detail: string | null;
  } | null;
  readonly certificates: readonly { readonly door: string; readonly expiresAt: string }[];
  readonly recentEvents: readonly {
    readonly at: string;
    readonly level: string;
    readonly event: string;
    readonly fields: Readonly<Record<string, unknown>>;
  }[];
}

const PERIOD_MS = 2000;

export function SystemPage() {
  const words = useWords();
  const people = usePeopleWords();
  const accounts = useWho()?.accounts;
  const advices = ADVICES[useSettings().language];
  const [status, setStatus] = useState<Status | null>(null);
  /** Milliseconds since 1970, by the clock of the service: that of a panel may be off by years. */
  const [now, setNow] = useState(Number.NaN);
  const [failure, setFailure] = useState<string | null>(null);
  const ask = useCallback(async (signal: AbortSignal) => {
    const response = await request('/api/v1/status', { signal });
    setStatus((await response.json()) as Status);
    setNow(Date.parse(response.headers.get('date') ?? '') || Date.now());
    setFailure(null);
  }, []);
  const fail = useCallback((error: unknown) => setFailure(textOf(error)), []);
  useRepeated(ask, fail, PERIOD_MS);
  if (status === null) return <main className="system">{failure ?? ''}</main>;
  return (
    <main className="system">
      <h1 className="hidden">{words.system}</h1>
      {failure !== null && <p className="banner bad">{failure}</p>}
      <section className="card">
        <h2>{words.engines}</h2>
        {status.models.map((engine) => (
          <div
            key={engine.model}
            className={engine.down !== null ? 'row bad' : engine.degraded !== null ? 'row warn' : 'row'}
          >
            <strong>{engine.model}</strong>
            <span>{words.enginesAtWork(engine.enginesReady, engine.enginesWanted)}</span>
            <span>
              {words.provider}: <strong>{(engine.provider ?? '–').toUpperCase()}</strong>
            </span>
            {(engine.down ?? engine.degraded) !== null && <p>{engine.down ?? engine.degraded}</p>}
          </div>
        ))}
      </section>
      <section className="card">
        <h2>{words.store}</h2>
        <p className={status.store.writable ? 'good' : 'banner bad'}>
          {status.store.writable ? `✓ ${words.writable}` : `✕ ${words.notWritable}: ${status.store.reason ?? ''}`}
        </p>
        <FactList
          facts={[
            [words.rows, countText(status.store.lastLedgerSeq)],
            [words.images, size(status.store.bytes.images)],
            ['ledger.db + WAL', `${size(status.store.bytes.db)} + ${size(status.store.bytes.wal)}`],
            [words.diskFree, size(status.store.diskFreeBytes)],
          ]}
        />
        <DaysLeft days={status.store.diskDaysLeft} />
      </section>
      <section className="card">
        <h2>
          {words.queue}, {words.outbox}
        </h2>
        <FactList
          facts={[
            [words.queue, `${status.queue.frames} ${words.frames}, ${size(status.queue.bytes)}`],
            [
              words.outbox,
              status.outbox === null
                ? words.noOutbox
                : `${status.outbox.items}, ${words.oldest} ${Math.round(status.outbox.oldestSeconds)} s`,
            ],
            [
              words.broker,
              status.broker === null
                ? null
                : `${words.brokerKinds[status.broker.kind]}, ${status.broker.isConnected ? words.connected : words.disconnected}`,
            ],
            ...Object.entries(status.addresses ?? {}).map(([name, address]) => [name, address] as const),
            ['Loupe', `${status.version} · ${status.site} · Node ${status.node}`],
          ]}
        />
      </section>
      <section className="card">
        <h2>{words.certificates}</h2>
        {status.certificates.length === 0 && <p className="quiet">{words.noCertificates}</p>}
        {status.certificates.map((certificate) => (
          <Certificate key={certificate.door} {...certificate} now={now} />
        ))}
      </section>
      {accounts === 'none' && (
        <section className="card">
          <h2>{people.people}</h2>
          <NoAccounts />
        </section>
      )}
      <section className="card wide">
        <h2>{words.recentEvents}</h2>
        {status.recentEvents.length === 0 && <p className="quiet">{words.noEvents}</p>}
        <ul className="events">
          {status.recentEvents.map((event, i) => {
            const advice = advices[event.event] ?? null;
            return (
              <li key={`${event.at} ${i}`} className={event.level}>
                <time dateTime={event.at}>{timeText(event.at)}</time>
                <strong>{advice?.what ?? event.event.replaceAll('_', ' ')}</strong>
                {advice !== null && <em>{advice.todo}</em>}
                <span>
                  {event.event} · {shownText(fieldsText(event.fields))}
                </span>
              </li>
            );
          })}
        </ul>
      </section>
    </main>
  );
}

const DAY_MS = 86_400_000;
const FEW_DAYS = 14;

function DaysLeft({ days }: { readonly days: number | null }) {
  const words = useWords();
  if (days === null) return <p className="quiet">{words.diskSteady}</p>;
  return <p className={days < FEW_DAYS ? 'banner bad' : 'good'}>{words.daysLeft(days.toFixed(days < 10 ? 1 : 0))}</p>;
}

function Certificate(props: { readonly door: string; readonly expiresAt: string; readonly now: number }) {
  const { door, expiresAt, now } = props;
  const words = useWords();
  const days = Math.floor((Date.parse(expiresAt) - now) / DAY_MS);
  return (
    <p className={days < FEW_DAYS ? 'banner bad' : 'good'}>
      {door}: {words.endsIn(days, dayText(expiresAt))}
    </p>
  );
}

function fieldsText(fields: Readonly<Record<string, unknown>>): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name}: ${String(value)}`)
    .join(' · ');
}

function size(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}
