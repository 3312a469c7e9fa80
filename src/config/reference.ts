/** docs/configuration.md, written from the schema. */

import { z } from 'zod';
import { configSchema } from './schema.ts';

interface Node {
  readonly description?: string;
  readonly default?: unknown;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
  readonly anyOf?: readonly Node[];
  readonly items?: Node;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly additionalProperties?: Node | boolean;
  readonly required?: readonly string[];
}

const INTRO = `# Configuration

Generated from \`src/config/schema.ts\` by \`loupe config --reference\`; a test compares the two.

One YAML file: \`--config FILE\`, or \`loupe.yaml\` in the working folder where there is one. Environment variables go over it
(\`LOUPE_GRPC__LISTEN=127.0.0.1:6000\`: two underscores between levels, the value is YAML), \`--set grpc.listen=…\` goes over
both. All faults of single keys are reported at once, then those of keys that do not fit each other, with exit status 78. deploy/loupe.example.yaml holds exactly the defaults.

| key | default | expected | meaning |
|---|---|---|---|
`;

export function configurationReference(): string {
  const root = z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' }) as Node;
  return `${INTRO}${rowsOf(root, '').join('\n')}\n`;
}

function rowsOf(node: Node, path: string): string[] {
  return Object.entries(node.properties ?? {}).flatMap(([key, child]) => {
    const childPath = path === '' ? key : `${path}.${key}`;
    const inner = innerOf(child);
    const isLeaf = inner === undefined;
    const required = node.required?.includes(key) === true && child.default === undefined;
    const own =
      isLeaf || child.description !== undefined || isNullable(child) ? [row(childPath, child, required, !isLeaf)] : [];
    return [...own, ...(inner === undefined ? [] : rowsOf(inner.node, `${childPath}${inner.suffix}`))];
  });
}

/** The mapping inside `node`: itself, behind a null, the elements of a list, or the values of a mapping by name. */
function innerOf(node: Node): { node: Node; suffix: string } | undefined {
  const [candidate] = (node.anyOf ?? [node]).filter((option) => option.type !== 'null');
  if (candidate?.properties !== undefined) return { node: candidate, suffix: '' };
  if (candidate?.items?.properties !== undefined) return { node: candidate.items, suffix: '[]' };
  const values = candidate?.additionalProperties;
  if (typeof values === 'object' && values.properties !== undefined) return { node: values, suffix: '.<name>' };
  return undefined;
}

const isNullable = (node: Node) => node.anyOf?.some((option) => option.type === 'null') === true;

function row(path: string, node: Node, required: boolean, isGroup: boolean): string {
  const hasDefault = node.default !== undefined && (!isGroup || isNullable(node));
  const fallback = required ? 'required' : hasDefault ? `\`${JSON.stringify(node.default)}\`` : '';
  return `| \`${path}\` | ${fallback} | ${isGroup ? '' : expected(node)} | ${node.description ?? ''} |`;
}

function expected(node: Node): string {
  if (node.anyOf !== undefined) {
    return node.anyOf.map((option) => (option.type === 'null' ? 'null' : expected(option))).join(' or ');
  }
  if (node.enum !== undefined) return node.enum.map((value) => `\`${String(value)}\``).join(', ');
  if (node.type === 'array') return `list of ${node.items === undefined ? 'values' : expected(node.items)}`;
  const least = node.minimum ?? node.exclusiveMinimum;
  const most = node.maximum === Number.MAX_SAFE_INTEGER ? undefined : node.maximum;
  const range = [least === undefined ? '' : `from ${least}`, most === undefined ? '' : `to ${most}`]
    .filter(Boolean)
    .join(' ');
  return [[node.type ?? 'value'].flat().join(' or '), range].filter(Boolean).join(' ');
}
