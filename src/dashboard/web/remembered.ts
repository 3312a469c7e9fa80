/** What a page knows again when one comes back to it from another page, as long as the same person sits here. */

import { useEffect, useState } from 'react';

const remembered = new Map<string, unknown>();

/** Like `useState`. @param name of what is remembered, one of a kind */
export function useRemembered<T>(name: string, first: T) {
  const state = useState(() => (remembered.get(name) as T | undefined) ?? first);
  const [value] = state;
  useEffect(() => {
    remembered.set(name, value);
  }, [name, value]);
  return state;
}

/** Somebody else sits here now. */
export const forgetAll = () => remembered.clear();
