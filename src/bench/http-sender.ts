/** A camera that posts its picture to a plain HTTP server, which answers `{"probability": 0..1}`. For the peers. */

import { Agent, request } from 'node:http';
import type { FrameSender, OutgoingFrame, SendOutcome } from '../client/sender.ts';

export class HttpSender implements FrameSender {
  private readonly url: string;
  private readonly agent = new Agent({ keepAlive: true });

  constructor(url: string) {
    this.url = url;
  }

  send(frame: OutgoingFrame): Promise<SendOutcome> {
    return new Promise((resolve) => {
      const fail = (message: string) => resolve({ kind: 'error', code: 'unreachable', message });
      const headers = { 'content-type': 'image/jpeg', 'content-length': frame.bytes.length };
      const call = request(this.url, { method: 'POST', agent: this.agent, headers }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => {
          text += part;
        });
        response.on('error', (error) => fail(error.message));
        response.on('end', () => {
          if (response.statusCode !== 200) return fail(`HTTP ${response.statusCode}: ${text.slice(0, 200)}`);
          const { probability } = JSON.parse(text) as { probability: number };
          resolve({ kind: 'answered', resultId: '', verdict: 'PASS', reason: null, probability, duplicate: false });
        });
      });
      call.on('error', (error) => fail(error.message));
      call.end(frame.bytes);
    });
  }

  async close(): Promise<void> {
    this.agent.destroy();
  }
}
