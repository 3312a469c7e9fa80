import { describe, expect, it } from 'vitest';
import { OwnTopic } from '../../src/publish/own-topic.ts';
import { ConnectionLost } from '../../src/publish/sink.ts';

const lost = () => [Promise.reject(new ConnectionLost('ended'))];
const acknowledged = () => [Promise.resolve()];

function topicAt(clock: { mono: number }) {
  const silences: number[] = [];
  return {
    topic: new OwnTopic(
      () => clock.mono,
      (seconds) => silences.push(seconds),
    ),
    silences,
  };
}

describe('OwnTopic', () => {
  it('is not silent over a broker that goes away by itself', async () => {
    const { topic, silences } = topicAt({ mono: 0 });
    for (const publish of [lost, lost, acknowledged, lost, lost]) await topic.send(publish);
    expect(silences).toEqual([]);
    expect(topic).toMatchObject({ isSilent: false, isSuspect: true });
    expect(await topic.send(acknowledged)).toBe(true);
    expect(topic.isSuspect).toBe(false);
  });

  it('is silent for twice as long each time, at most an hour, and as before once it goes out', async () => {
    const clock = { mono: 0 };
    const { topic, silences } = topicAt(clock);
    await topic.send(lost);
    await topic.send(lost);
    for (let n = 0; n < 8; n++) {
      await topic.send(lost);
      expect(await topic.send(acknowledged)).toBe(false);
      clock.mono += 3_600_000;
    }
    expect(silences).toEqual([60, 120, 240, 480, 960, 1920, 3600, 3600]);
    expect(await topic.send(acknowledged)).toBe(true);
    await topic.send(lost);
    expect(topic.isSilent).toBe(false);
  });

  it('sends nothing while an earlier one is on its way', async () => {
    const { topic } = topicAt({ mono: 0 });
    let acknowledge = () => {};
    const first = topic.send(() => [new Promise((resolve) => (acknowledge = resolve))]);
    expect(await topic.send(acknowledged)).toBe(false);
    acknowledge();
    expect(await first).toBe(true);
    expect(await topic.send(acknowledged)).toBe(true);
  });
});
