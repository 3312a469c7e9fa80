/** deploy/kubernetes: kustomize renders it, every object is what the cluster's own schemas ask for, and it fits the service. */

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { loadConfig } from '../../src/config/load.ts';
import { toolAt } from '../faults/support/need.ts';
import { emptyFolder, ROOT } from '../support/service-process.ts';

const FOLDER = path.join(ROOT, 'deploy', 'kubernetes');
const kustomize = toolAt('kustomize', 'go install sigs.k8s.io/kustomize/kustomize/v5@v5.7.1');
const validate = toolAt('kubernetes-validate', 'pip install kubernetes-validate==1.37.0');

interface Container {
  readonly image: string;
  readonly securityContext: object;
  readonly resources?: { readonly limits: Readonly<Record<string, unknown>> };
  readonly volumeMounts: readonly { readonly mountPath: string }[];
}
interface StatefulSet {
  readonly spec: {
    readonly replicas: number;
    readonly template: {
      readonly spec: {
        readonly terminationGracePeriodSeconds: number;
        readonly securityContext: object;
        readonly containers: readonly Container[];
        readonly initContainers: readonly Container[];
      };
    };
  };
}

const { spec } = parse(readFileSync(path.join(FOLDER, 'base', 'statefulset.yaml'), 'utf8')) as StatefulSet;
const pod = spec.template.spec;

/** What kustomize makes of one folder, in a file. */
function render(folder: string, mistake: (text: string) => string = (text) => text): string {
  const text = execFileSync(kustomize ?? '', ['build', path.join(FOLDER, folder)], { encoding: 'utf8', stdio: 'pipe' });
  const file = path.join(emptyFolder(), `${folder}.yaml`);
  writeFileSync(file, mistake(text));
  return file;
}

describe('deploy/kubernetes', () => {
  it.skipIf(kustomize === null || validate === null)(
    'renders objects that fit their schemas, with a GPU and without',
    () => {
      const check = (file: string) =>
        execFileSync(validate ?? '', ['--strict', file], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
      check(render('base'));
      const gpu = render('gpu');
      check(gpu);
      expect(readFileSync(gpu, 'utf8')).toMatch(/image: loupe:[\d.]+-cuda[^]*nvidia\.com\/gpu: 1/);
      const wrong = render('base', (text) => text.replace('replicas: 1', 'replicas: one'));
      expect(() => check(wrong)).toThrow(/spec\.replicas|Command failed/);
    },
  );

  it('runs one writer per store, sealed, as the user of the image, and gives it time to end', async () => {
    expect(spec.replicas).toBe(1);
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 10_001, fsGroup: 10_001 });
    for (const { securityContext } of [...pod.containers, ...pod.initContainers]) {
      expect(securityContext).toMatchObject({ readOnlyRootFilesystem: true, allowPrivilegeEscalation: false });
    }
    const config = await loadConfig({ file: path.join(FOLDER, 'base', 'loupe.yaml'), env: {}, sets: [] });
    expect(pod.terminationGracePeriodSeconds * 1000).toBeGreaterThan(config.shutdown_ms);
    const mounts = pod.containers.flatMap(({ volumeMounts }) => volumeMounts.map(({ mountPath }) => mountPath));
    expect(mounts).toEqual(expect.arrayContaining([config.store.path, '/etc/loupe', '/run/secrets/loupe', '/tmp']));
    for (const { token_file: file } of config.auth.tokens) expect(file).toMatch(/^\/run\/secrets\/loupe\/\w+$/);
  });
});
