/** Reads a Dockerfile as far as its tests ask: stages in order, each with its instructions, continued lines joined. */

export interface Stage {
  readonly base: string;
  readonly name: string;
  readonly instructions: readonly Instruction[];
}

export interface Instruction {
  readonly word: string;
  readonly text: string;
}

export interface Copy {
  /** The stage it copies from; null: the build context. */
  readonly from: string | null;
  readonly sources: readonly string[];
  readonly target: string;
}

export function stagesOf(dockerfile: string): Stage[] {
  const lines = dockerfile
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n')
    .replaceAll(/\\\n/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '');
  const stages: { base: string; name: string; instructions: Instruction[] }[] = [];
  for (const line of lines) {
    const [, word = '', text = ''] = /^(\S+)\s+(.*)$/.exec(line.trim()) ?? [];
    const from = /^(\S+)(?:\s+AS\s+(\S+))?$/.exec(text);
    if (word === 'FROM') stages.push({ base: from?.[1] ?? '', name: from?.[2] ?? '', instructions: [] });
    else stages.at(-1)?.instructions.push({ word, text });
  }
  return stages;
}

export function copiesOf(stage: Stage): Copy[] {
  return stage.instructions
    .filter(({ word }) => word === 'COPY')
    .map(({ text }) => {
      const words = text.split(/\s+/);
      const from = words.find((word) => word.startsWith('--from='))?.slice('--from='.length) ?? null;
      const paths = words.filter((word) => !word.startsWith('--'));
      return { from, sources: paths.slice(0, -1), target: paths.at(-1) ?? '' };
    });
}

/** Whether .dockerignore leaves `path` out: the last pattern that matches it, or a folder above it, decides. */
export function isIgnored(path: string, dockerignore: string): boolean {
  let ignored = false;
  const above = path.split('/').map((_, i, parts) => parts.slice(0, i + 1).join('/'));
  for (const line of dockerignore.split('\n').filter((text) => text.trim() !== '' && !text.startsWith('#'))) {
    const pattern = line.replace(/^!/, '').replace(/\/$/, '');
    const expression = pattern
      .split('**/')
      .map((part) => part.replaceAll(/[.+^${}()|[\]\\]/g, '\\$&').replaceAll('*', '[^/]*'))
      .join('(?:.*/)?');
    if (above.some((candidate) => new RegExp(`^${expression}$`).test(candidate))) ignored = !line.startsWith('!');
  }
  return ignored;
}
