/** The ledger as it is read: by the reader's thread beside the writer, by the command line from its own process. */

import type { CameraId, FrameId } from '../frame/frame.ts';
import type { RecordedResult, Verdict } from '../frame/verdict.ts';
import type { OutboxItem, OutboxPage, ResultsFilter, ResultsQuery, Total } from './contract.ts';
import type { Database } from './database.ts';
import type { Row } from './row.ts';
import { resultOf } from './rows.ts';
import { RESULT_COLUMNS, SELECT_RESULT, verdictIs } from './sql.ts';

export const MAX_QUERY_ROWS = 1000;

interface OutboxRow extends Row {
  readonly outbox_id: number;
  readonly topic: string | null;
  readonly correlation_data: Uint8Array | null;
  readonly is_duplicate: number;
}

/** Reads through `database`. Every method is one short statement or a few, so that no reader holds the WAL. */
export class Reader {
  private readonly database: Database;
  /** What every frame asks is prepared once. */
  private readonly statements: ReturnType<typeof prepare>;
  /** In one read transaction. */
  private readonly atOnce: (read: () => OutboxPage) => OutboxPage;

  constructor(database: Database) {
    this.database = database;
    this.statements = prepare(database);
    this.atOnce = database.transaction((read) => read());
  }

  get(resultId: string): RecordedResult | null {
    const row = this.statements.get.get(resultId);
    return row === undefined ? null : resultOf(row);
  }

  find(cameraId: CameraId, frameId: FrameId): RecordedResult | null {
    const row = this.statements.find.get(cameraId, frameId);
    return row === undefined ? null : resultOf(row);
  }

  /** Of every camera. No index answers this: for the command line, not for the service. */
  byFrame(frameId: string): readonly RecordedResult[] {
    return this.database
      .prepare<[string], Row>(`${SELECT_RESULT} WHERE frame_id = ? ORDER BY ledger_seq`)
      .all(frameId)
      .map(resultOf);
  }

  /** Rows with `ledgerSeq > after`, ascending. */
  pageAfter(after: number, limit: number, filter: ResultsFilter): readonly RecordedResult[] {
    return this.select(filter, [['ledger_seq > ?', after]], 'ASC', limit);
  }

  /** Newest first. */
  query({ cameraId, verdict, since, until, before, limit }: ResultsQuery): readonly RecordedResult[] {
    const filter = { ...(cameraId === undefined ? {} : { cameraId }), ...(verdict === undefined ? {} : { verdict }) };
    const bounds: [string, number | undefined][] = [
      ['received_at >= ?', since],
      ['received_at < ?', until],
      ['ledger_seq < ?', before],
    ];
    return this.select(filter, bounds, 'DESC', limit);
  }

  totals(): readonly Total[] {
    return this.database
      .prepare<[], { camera_id: string; verdict: string; row_count: number }>(
        'SELECT camera_id, verdict, row_count FROM counters ORDER BY camera_id, verdict',
      )
      .all()
      .map((row) => ({ cameraId: row.camera_id as CameraId, verdict: row.verdict as Verdict, rows: row.row_count }));
  }

  lastLedgerSeq(): number {
    return Number(this.database.prepare('SELECT max(ledger_seq) FROM results').pluck().get() ?? 0);
  }

  /**
   * The oldest messages of each camera above the id that `sentUpTo` names for it: as many of each, at most `limit` of all. Of one
   * moment: a commit between two cameras would show with some of its messages and without others.
   */
  outboxNext(sentUpTo: ReadonlyMap<CameraId, number>, limit: number): OutboxPage {
    return this.atOnce(() => this.outboxPage(sentUpTo, limit));
  }

  private outboxPage(sentUpTo: ReadonlyMap<CameraId, number>, limit: number): OutboxPage {
    const cameras = this.statements.outboxCameras.all() as CameraId[];
    const each = Math.max(1, Math.floor(limit / Math.max(1, cameras.length)));
    const shares = cameras.map((camera) => this.statements.outboxOf.all(camera, sentUpTo.get(camera) ?? 0, each));
    const rows = shares.flat().sort((a, b) => a.outbox_id - b.outbox_id);
    return {
      items: rows.slice(0, limit).map(outboxItemOf),
      isAll: rows.length <= limit && shares.every((share) => share.length < each),
    };
  }

  private select(
    filter: ResultsFilter,
    bounds: readonly (readonly [string, number | undefined])[],
    order: 'ASC' | 'DESC',
    limit: number,
  ): readonly RecordedResult[] {
    const conditions = [
      ['camera_id = ?', filter.cameraId] as const,
      [verdictIs(filter.verdict, filter.cameraId), filter.verdict] as const,
      ...bounds,
    ];
    const given = conditions.filter(([, value]) => value !== undefined);
    const where = given.length === 0 ? '' : `WHERE ${given.map(([sql]) => sql).join(' AND ')}`;
    return this.database
      .prepare<unknown[], Row>(`${SELECT_RESULT} ${where} ORDER BY ledger_seq ${order} LIMIT ?`)
      .all(...given.map(([, value]) => value), Math.min(limit, MAX_QUERY_ROWS))
      .map(resultOf);
  }
}

function prepare(database: Database) {
  return {
    get: database.prepare<[string], Row>(`${SELECT_RESULT} WHERE result_id = ?`),
    find: database.prepare<[string, string], Row>(`${SELECT_RESULT} WHERE camera_id = ? AND frame_id = ?`),
    // From one camera to the next along the index, however many messages each has.
    outboxCameras: database
      .prepare<[], string>(
        `WITH RECURSIVE cameras (id) AS (
           SELECT min(camera_id) FROM outbox
           UNION ALL SELECT (SELECT min(camera_id) FROM outbox WHERE camera_id > cameras.id) FROM cameras WHERE id IS NOT NULL
         ) SELECT id FROM cameras WHERE id IS NOT NULL`,
      )
      .pluck(),
    outboxOf: database.prepare<[string, number, number], OutboxRow>(
      `SELECT o.id AS outbox_id, o.topic, o.correlation_data, o.is_duplicate, ${RESULT_COLUMNS}
       FROM outbox o JOIN results ON results.ledger_seq = o.ledger_seq
       WHERE o.camera_id = ? AND o.id > ? ORDER BY o.id LIMIT ?`,
    ),
  };
}

function outboxItemOf(row: OutboxRow): OutboxItem {
  return {
    id: row.outbox_id,
    cameraId: row.camera_id as CameraId,
    topic: row.topic,
    correlationData: row.correlation_data,
    duplicate: row.is_duplicate === 1,
    result: resultOf(row),
  };
}
