/** Entry of the writer's thread. The main thread never opens the ledger: a slow disk stops here and nowhere else. */

import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { ImageStore } from './image-store.ts';
import type { FromThread, ToThread, WriterNotice, WriterOptions } from './protocol.ts';
import { Writer } from './writer.ts';

const TICK_MS = 1000;

const port = parentPort;
if (port === null) throw new Error('writer-thread is the entry of a worker thread and was started otherwise');

const options = workerData as WriterOptions;
const writer = new Writer(options, {
  files: new ImageStore(join(options.path, 'images')),
  now: Date.now,
  post: (notices, replies) => port.postMessage({ notices, replies } satisfies FromThread<WriterNotice>),
});

if (await writer.start()) {
  const ticking = setInterval(() => writer.tick(), TICK_MS);
  port.on('message', (message: ToThread) => {
    if (message.kind === 'calls') {
      writer.handle(message.calls);
      return;
    }
    clearInterval(ticking);
    // Ending the thread from outside could end it inside SQLite: it closes its port and runs out instead.
    void writer.stop().finally(() => port.close());
  });
} else {
  port.close();
}
