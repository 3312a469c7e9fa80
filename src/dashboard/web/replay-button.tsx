/** Decides a result again, now, and says what came of it; saves the sheet that proves it. */

import { useEffect, useState } from 'react';
import { download, type ReplayedJson, request } from './api.ts';
import { formatProbability } from './gauges.tsx';
import { type ReplayWords, useReplayWords } from './replay-words.ts';
import { useWords } from './words.ts';

export function ReplayButton({ resultId }: { readonly resultId: string }) {
  const { working, failed } = useWords();
  const words = useReplayWords();
  const [state, setState] = useState<ReplayedJson | 'working' | Error | null>(null);
  useEffect(() => setState(null), [resultId]);
  const replay = async () => {
    setState('working');
    try {
      const response = await request(`/api/v1/results/${encodeURIComponent(resultId)}/replay`, { method: 'POST' });
      setState((await response.json()) as ReplayedJson);
    } catch (error) {
      setState(error instanceof Error ? error : new Error(String(error)));
    }
  };
  const save = async () => {
    setState('working');
    try {
      await download(`/api/v1/results/${encodeURIComponent(resultId)}/proof.html`, `proof-${resultId}.html`);
      setState(null);
    } catch (error) {
      setState(error instanceof Error ? error : new Error(String(error)));
    }
  };
  return (
    <div className="replay">
      <div className="buttons">
        <button type="button" disabled={state === 'working'} onClick={() => void replay()}>
          {state === 'working' ? working : words.replay}
        </button>
        <button type="button" disabled={state === 'working'} onClick={() => void save()}>
          {words.proofSheet}
        </button>
      </div>
      {state instanceof Error && <p className="banner bad">{`${failed}: ${state.message}`}</p>}
      {state !== null && state !== 'working' && !(state instanceof Error) && (
        <p
          className={state.kind === 'same' ? 'good' : state.kind === 'not_replayable' ? 'quiet' : 'banner bad'}
          role="status"
        >
          {textOf(words, state)}
        </p>
      )}
    </div>
  );
}

function textOf(words: ReplayWords, replayed: ReplayedJson): string {
  switch (replayed.kind) {
    case 'same':
      return `✓ ${words.same(formatProbability(replayed.probability))}`;
    case 'different':
      return `✕ ${words.different(replayed.detail ?? '')}`;
    case 'damaged':
      return `✕ ${words.not(words.whyNot[replayed.why] ?? replayed.why, replayed.detail)}`;
    case 'not_replayable':
      return `– ${words.not(words.whyNot[replayed.why] ?? replayed.why, replayed.detail)}`;
  }
}
