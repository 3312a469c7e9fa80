/** Entry of the reader's thread: its own read-only connection, opened at the first call and anew after a fault. */

import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '../errors.ts';
import { auditPage } from './audit.ts';
import { databasePath, openForReading, type Database } from './database.ts';
import { type Fate, imageFate } from './image-fate.ts';
import { readPeople } from './people-tables.ts';
import type { Call, FromThread, ReaderCalls, Reply, ToThread } from './protocol.ts';
import { Quality } from './quality.ts';
import { reviewSamples, secondLooks } from './review-samples.ts';
import { Reader } from './reader.ts';
import { Search } from './search.ts';

const port = parentPort;
if (port === null) throw new Error('reader-thread is the entry of a worker thread and was started otherwise');

const { path } = workerData as { readonly path: string };
interface Opened {
  readonly database: Database;
  readonly reader: Reader;
  readonly search: Search;
  readonly fateOf: (ledgerSeq: number) => Fate;
  readonly quality: Quality;
}

let opened: Opened | null = null;

function open(): Opened {
  const database = openForReading(databasePath(path));
  return {
    database,
    reader: new Reader(database),
    search: new Search(database),
    quality: new Quality(database),
    fateOf: imageFate(database),
  };
}

function answer(call: Call): Reply {
  try {
    opened ??= open();
    return { id: call.id, value: read(opened, call) };
  } catch (error) {
    opened?.database.close();
    opened = null;
    return { id: call.id, error: messageOf(error) };
  }
}

function read({ database, reader, search, quality, fateOf }: Opened, { name, args }: Call): unknown {
  switch (name as keyof ReaderCalls) {
    case 'get':
      return reader.get(args as ReaderCalls['get']['args']);
    case 'find': {
      const { cameraId, frameId } = args as ReaderCalls['find']['args'];
      return reader.find(cameraId, frameId);
    }
    case 'pageAfter': {
      const { after, limit, filter } = args as ReaderCalls['pageAfter']['args'];
      return reader.pageAfter(after, limit, filter);
    }
    case 'query':
      return reader.query(args as ReaderCalls['query']['args']);
    case 'search':
      return search.page(args as ReaderCalls['search']['args']);
    case 'unreviewed': {
      const { before, limit } = args as ReaderCalls['unreviewed']['args'];
      return search.unreviewed(before, limit);
    }
    case 'reviewsOf':
      return search.reviewsOf(args as ReaderCalls['reviewsOf']['args']);
    case 'people':
      return readPeople(database);
    case 'audit': {
      const { before, limit } = args as ReaderCalls['audit']['args'];
      return auditPage(database, before, limit);
    }
    case 'chainLink':
      return search.chainLink(args as ReaderCalls['chainLink']['args']);
    case 'chainProof':
      return search.chainProof(args as ReaderCalls['chainProof']['args']);
    case 'fateOf':
      return fateOf(args as ReaderCalls['fateOf']['args']);
    case 'totals':
      return reader.totals();
    case 'qualityCounts':
      return quality.counts(args as ReaderCalls['qualityCounts']['args']);
    case 'scoreCounts':
      return quality.scores(args as ReaderCalls['scoreCounts']['args']);
    case 'judged':
      return quality.judged(args as ReaderCalls['judged']['args']);
    case 'reviewSamples':
      return reviewSamples(database, args as ReaderCalls['reviewSamples']['args']);
    case 'secondLooks':
      return secondLooks(database, args as ReaderCalls['secondLooks']['args']);
    case 'balance':
      return quality.balance();
    case 'outboxNext': {
      const { sentUpTo, limit } = args as ReaderCalls['outboxNext']['args'];
      return reader.outboxNext(sentUpTo, limit);
    }
  }
}

port.on('message', (message: ToThread) => {
  if (message.kind === 'calls') {
    // What came together is short (people ask on a thread of their own) and goes back together: waking the main thread costs
    // more than the reading.
    port.postMessage({ notices: [], replies: message.calls.map(answer) } satisfies FromThread<never>);
    return;
  }
  opened?.database.close();
  port.close();
});
