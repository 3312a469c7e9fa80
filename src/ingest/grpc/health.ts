/**
 * `grpc.health.v1`. Whoever watches a service is told of changes, and is remembered for as long as he watches: `HealthImplementation` of
 * grpc-health-check 2.1 tells again what it has told, and keeps the name of every service that anybody ever watched.
 */

import {
  type sendUnaryData,
  type Server,
  type ServerUnaryCall,
  type ServerWritableStream,
  status,
} from '@grpc/grpc-js';
import { service as definition } from 'grpc-health-check';

type Status = 'SERVING' | 'NOT_SERVING';
interface Asked {
  readonly service: string;
}
interface Answer {
  readonly status: Status | 'SERVICE_UNKNOWN';
}

export class Health {
  private readonly statuses = new Map<string, Status>();
  /** Each with the service that it watches. */
  private readonly watchers = new Map<ServerWritableStream<Asked, Answer>, string>();

  /** How many watch. */
  get watching(): number {
    return this.watchers.size;
  }

  set(service: string, isServing: boolean): void {
    const now = isServing ? 'SERVING' : 'NOT_SERVING';
    if (this.statuses.get(service) === now) return;
    this.statuses.set(service, now);
    for (const [call, watched] of this.watchers) if (watched === service) call.write({ status: now });
  }

  /** Says of everything that it does not serve. */
  stop(): void {
    for (const service of this.statuses.keys()) this.set(service, false);
  }

  addToServer(server: Server): void {
    server.addService(definition, {
      check: (call: ServerUnaryCall<Asked, Answer>, callback: sendUnaryData<Answer>) => {
        const { service } = call.request;
        const found = this.statuses.get(service);
        if (found !== undefined) callback(null, { status: found });
        else
          callback({ code: status.NOT_FOUND, details: `Health status unknown for service ${service.slice(0, 128)}` });
      },
      watch: (call: ServerWritableStream<Asked, Answer>) => {
        const { service } = call.request;
        this.watchers.set(call, service);
        call.on('cancelled', () => this.watchers.delete(call));
        call.write({ status: this.statuses.get(service) ?? 'SERVICE_UNKNOWN' });
      },
      list: (_call: object, callback: sendUnaryData<{ readonly statuses: Record<string, Answer> }>) =>
        callback(null, {
          statuses: Object.fromEntries([...this.statuses].map(([service, now]) => [service, { status: now }])),
        }),
    });
  }
}
