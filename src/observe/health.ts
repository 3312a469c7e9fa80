/** Whether the service can do its work, and if not, why. Pure. */

export interface EnginesHealth {
  readonly model: string;
  readonly provider: string | null;
  readonly enginesReady: number;
  readonly enginesWanted: number;
  /** Why no engine is at work; null when one is. */
  readonly down: string | null;
  /** Why it runs on another provider than wanted; null when it does not. */
  readonly degraded: string | null;
}

export interface HealthFacts {
  readonly isStarting: boolean;
  readonly isStopping: boolean;
  readonly storeUnavailable: string | null;
  readonly engines: readonly EnginesHealth[];
  /** Null where no broker is used. */
  readonly broker: { readonly isConnected: boolean; readonly detail: string | null } | null;
}

export interface Reason {
  /** The part of the service it is about. */
  readonly part: 'service' | 'store' | 'engine' | 'provider' | 'mqtt';
  readonly detail: string;
}

export interface Health {
  /** Model proven, store writable, engines up. */
  readonly isReady: boolean;
  readonly notReady: readonly Reason[];
  /** At work, but not as it should be: a person should look. */
  readonly degraded: readonly Reason[];
}

export function assess(facts: HealthFacts): Health {
  const notReady: Reason[] = [];
  const degraded: Reason[] = [];
  if (facts.isStarting) notReady.push({ part: 'service', detail: 'starting' });
  if (facts.isStopping) notReady.push({ part: 'service', detail: 'stopping' });
  if (facts.storeUnavailable !== null) notReady.push({ part: 'store', detail: facts.storeUnavailable });
  for (const engines of facts.engines) {
    const { model } = engines;
    if (engines.down !== null) notReady.push({ part: 'engine', detail: `${model}: ${engines.down}` });
    else if (engines.enginesReady < engines.enginesWanted) {
      const count = `${engines.enginesReady} of ${engines.enginesWanted}`;
      degraded.push({ part: 'engine', detail: `${model}: ${count} engines are at work` });
    }
    if (engines.degraded !== null) {
      degraded.push({
        part: 'provider',
        detail: `${model} runs on ${engines.provider ?? 'nothing'}: ${engines.degraded}`,
      });
    }
  }
  if (facts.broker !== null && !facts.broker.isConnected) {
    // Frames over gRPC go on and results wait in the outbox: not ready would stop a line for nothing.
    degraded.push({ part: 'mqtt', detail: facts.broker.detail ?? 'the broker is not reached' });
  }
  return { isReady: notReady.length === 0, notReady, degraded };
}
