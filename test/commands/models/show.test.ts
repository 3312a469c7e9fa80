import { describe, expect, it } from 'vitest';
import { show } from '../../../src/commands/models/show.ts';

const hash = 'a'.repeat(64);
const sound = { name: 'm', version: '2', recipes: [], createdAt: '2026-01-01T00:00:00Z', sha256: hash, fault: null };
const fault = `model.onnx: the manifest is for SHA-256 ${hash}, the file has ${hash}`;

describe('the list of models', () => {
  it('tells a fault whole, below a table that fits a terminal, and what it means for whom it decides for', () => {
    const text = show('list', [
      sound,
      { ...sound, version: '1', recipes: ['default'], createdAt: null, sha256: null, fault },
    ]);
    const lines = text.trimEnd().split('\n');
    expect(lines.at(-1)).toBe(
      `FAULT m/1: ${fault}. It decides for default, and its engines cannot start again before it is mended.`,
    );
    expect(Math.max(...lines.slice(0, -1).map((line) => line.length))).toBeLessThan(100);
    expect(show('list', [sound])).not.toContain('FAULT');
  });
});

describe('the history of models', () => {
  it('shows a name that was typed with what is not seen in it', () => {
    const to = { name: 'm', version: '2', sha256: hash };
    const change = { seq: 1, at: 0, by: 'An\u202En', kind: 'activate', recipe: 'r', configuredModel: 'm' } as const;
    expect(show('history', [{ ...change, from: null, to }])).toContain('An[U+202E]n');
  });
});
