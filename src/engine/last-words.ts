/** What a child wrote to stderr before it ended: often the only place that says why. */

const KEPT_LINES = 20;
const MAX_LENGTH = 500;
/** Terminal colours, with which onnxruntime marks its lines. */
// oxlint-disable-next-line no-control-regex
const COLOUR = /\u001b\[[0-9;]*m/g;
const TELLS_WHY = /error|fail|cannot|abort|not found|missing/i;

export class LastWords {
  private readonly lines: string[] = [];
  private rest = '';

  /** @returns the lines that are whole now */
  hear(text: string): string[] {
    const parts = (this.rest + text).split('\n');
    this.rest = (parts.pop() ?? '').slice(0, 10 * MAX_LENGTH);
    const whole = parts.map((line) => line.replace(COLOUR, '').trim()).filter((line) => line !== '');
    this.lines.push(...whole);
    this.lines.splice(0, this.lines.length - KEPT_LINES);
    return whole;
  }

  /** The last line that sounds like a cause, at most 500 characters of it; null where none does. */
  reason(): string | null {
    const line = [...this.lines, this.rest.replace(COLOUR, '').trim()].findLast((text) => TELLS_WHY.test(text));
    return line === undefined ? null : line.slice(-MAX_LENGTH);
  }
}
