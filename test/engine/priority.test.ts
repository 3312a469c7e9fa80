import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { allowsRaising, putBehind, putForward } from '../../src/engine/priority.ts';
import { toolAt } from '../faults/support/need.ts';
import { ROOT } from '../support/service-process.ts';

const limits = (soft: string) =>
  `Max pending signals       15616                15616                signals
Max nice priority         ${soft.padEnd(21)}40
Max realtime priority     0                    0                    `;

const NOBODY = ['--reuid=65534', '--regid=65534', '--clear-groups', '--inh-caps=-all', '--bounding-set=-all'];
/** Needs CAP_SYS_RESOURCE, which root in a container may lack. */
const mayLimit = (limit: string) => spawnSync('prlimit', [`--nice=${limit}:${limit}`, 'true']).status === 0;
const asNobody = process.getuid?.() === 0 ? toolAt('setpriv', 'apt install util-linux') : null;

describe('a priority', () => {
  it('may be raised as far as the limit says', () => {
    expect(allowsRaising(limits('0'), 0)).toBe(false);
    expect(allowsRaising(limits('19'), 0)).toBe(false);
    expect(allowsRaising(limits('20'), 0)).toBe(true);
    expect(allowsRaising(limits('15'), 5)).toBe(true);
    expect(allowsRaising(limits('unlimited'), -20)).toBe(true);
    expect(allowsRaising('', 0)).toBe(false);
  });

  it.runIf(process.platform === 'linux')('is read from what Linux says of this very process', () => {
    expect(readFileSync('/proc/self/limits', 'utf8')).toMatch(/^Max nice priority\s+(\d+|unlimited)/m);
  });

  it.runIf(process.platform === 'linux')('is that of every thread, and of none that is gone', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1000); console.log(1)']);
    await once(child.stdout, 'data');
    const pid = child.pid ?? 0;
    putBehind(pid);
    const threads = readdirSync(`/proc/${pid}/task`).map(Number);
    expect(threads.length).toBeGreaterThan(1);
    expect(threads.map((thread) => getPriority(thread))).toEqual(threads.map(() => Math.max(15, getPriority())));
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(() => putBehind(pid)).not.toThrow();
    expect(() => putForward(pid)).not.toThrow();
  });

  // What systemd and Docker give a service without any right: LimitNICE=+0, ulimits nice 20.
  it.skipIf(asNobody === null)(
    'is raised again by a user without rights, where the limit allows it and only there',
    () => {
      const script = `const os = require('os');
      import(${JSON.stringify(path.join(ROOT, 'dist', 'engine', 'priority.js'))}).then(({ mayRaise, putBehind, putForward }) => {
        const may = mayRaise();
        putBehind(process.pid);
        const behind = os.getPriority();
        try { os.setPriority(0, 0); } catch {}
        console.log(JSON.stringify({ may, behind, after: os.getPriority() }));
      });`;
      for (const [limit, may] of [
        ['0', false],
        ['20', true],
      ] as const) {
        if (!mayLimit(limit)) {
          console.warn(`NO right to set a limit of ${limit} here: whether it allows to be raised again is not tried`);
          continue;
        }
        const args = [`--nice=${limit}:${limit}`, asNobody ?? '', ...NOBODY, process.execPath, '-e', script];
        const out = execFileSync('prlimit', args, { encoding: 'utf8', cwd: '/' });
        expect(JSON.parse(out)).toEqual({ may, behind: 15, after: may ? 0 : 15 });
      }
    },
  );
});
