/** A camera that behaves, in a process of its own, while something else goes on in this one. */

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { greyPng } from '../../support/images.ts';
import { emptyFolder, loupe, type ServiceProcess, total } from '../../support/service-process.ts';

const FPS = 20;
/** The flood has the same two cores: what is asked is that nobody waits for seconds. */
const MAX_MEDIAN_MS = 1000;
const SETTLES_MS = 10_000;

/**
 * Sends frames for `seconds` while `flood` goes on.
 * @param road what `loupe send` is told about it
 * @returns what was not as it should be with the honest frames and the service, by how much its memory grew at most, and what the flood has to tell
 */
export async function honestBeside<T extends object>(
  service: ServiceProcess,
  { seconds, road, name }: { readonly seconds: number; readonly road: readonly string[]; readonly name: string },
  flood: (isOver: () => boolean) => Promise<T>,
): Promise<{ readonly complaints: string[]; readonly growthBytes: number; readonly flooded: T }> {
  const frames = FPS * seconds;
  const folder = emptyFolder();
  for (let i = 0; i < frames; i++) writeFileSync(path.join(folder, `${i}.png`), await greyPng(i % 100, 16 + (i % 7)));
  const before = service.residentBytes;
  let most = before;
  const watch = setInterval(() => {
    if (service.child.exitCode === null) most = Math.max(most, service.residentBytes);
  }, 250);
  const over = new AbortController();
  const flooding = flood(() => over.signal.aborted);
  const sent = await loupe(['send', ...road, '--camera', 'honest', '--fps', String(FPS), '--json', folder]);
  over.abort();
  const flooded = await flooding;
  clearInterval(watch);
  const growthBytes = most - before;
  const { summary } = JSON.parse(sent.stdout.trim().split('\n').at(-1) ?? '{}') as {
    summary?: { answered: number; errors: number; latency_ms: { p50: number } };
  };
  console.log(
    `flood of ${name}: ${JSON.stringify(flooded)}; beside it ${JSON.stringify(summary)}; memory grew by ${growthBytes} bytes`,
  );
  const complaints: string[] = [];
  if (sent.code !== 0 || sent.stderr !== '')
    complaints.push(`the honest sender ended with ${sent.code}: ${sent.stderr}`);
  if (summary?.answered !== frames) complaints.push(`of ${frames} honest frames ${summary?.answered} were answered`);
  const median = summary?.latency_ms.p50 ?? Number.POSITIVE_INFINITY;
  if (median >= MAX_MEDIAN_MS) complaints.push(`half of the honest frames took ${median} ms and more`);
  if (service.child.exitCode !== null)
    return { complaints: [...complaints, 'the service ended'], growthBytes, flooded };
  if (!(await settles(service))) complaints.push('frames were left in flight');
  const { status } = await service.get('/readyz');
  if (status !== 200) complaints.push(`/readyz says ${status}`);
  return { complaints, growthBytes, flooded };
}

async function settles(service: ServiceProcess): Promise<boolean> {
  const until = performance.now() + SETTLES_MS;
  while (performance.now() < until) {
    if (total(await service.samples(), 'inspection_frames_in_flight') === 0) return true;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return false;
}
