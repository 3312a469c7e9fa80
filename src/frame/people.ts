/** Who asks, and what each may do: the words that every door, the store and the page share. */

/** What a request may need. `tune`: cuts and models. `admin` holds `tune`. */
export const RIGHTS = ['ingest', 'read', 'review', 'tune', 'admin'] as const;
export type Right = (typeof RIGHTS)[number];

/** Of people, each holding what the one before may do. */
export const ROLES = ['viewer', 'operator', 'engineer', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** Frames come from cameras: no role holds `ingest`. */
export const RIGHTS_OF: Readonly<Record<Role, readonly Right[]>> = {
  viewer: ['read'],
  operator: ['read', 'review'],
  engineer: ['read', 'review', 'tune'],
  admin: ['read', 'review', 'tune', 'admin'],
};

/** Who makes a request: the bearer of a token, a person who signed in, or nobody known. */
export interface Actor {
  readonly kind: 'token' | 'session' | 'anonymous';
  /** Of the token or the person; null where nobody is known. */
  readonly name: string | null;
  /** Of a person; null for others. */
  readonly role: Role | null;
  readonly rights: readonly Right[];
}

export const NOBODY: Actor = { kind: 'anonymous', name: null, role: null, rights: [] };

/** What is noted as the one who did it. */
export function nameOf({ name }: Actor): string {
  return name ?? 'anyone';
}
