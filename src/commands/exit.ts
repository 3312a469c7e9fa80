/** How a command ends when it does not succeed. Numbers follow sysexits.h where it has one. */

export const EXIT = {
  failed: 1,
  usage: 2,
  unavailable: 69,
  software: 70,
  config: 78,
} as const;

/** Ends the command with `status` and `message` on stderr. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly status: number;

  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}
