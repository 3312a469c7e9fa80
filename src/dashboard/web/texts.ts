/** Times and numbers of the page: in its language, on the plant's clock wherever it is read. */

import { settings } from './settings.ts';
import * as said from './time-text.ts';

/** Of the plant, as the service wrote it into the page; undefined where the browser does not know it. */
export const TIME_ZONE = knownZone(document.documentElement.dataset['timeZone']);

/** @param at RFC 3339 */
export const timeText = (at: string) => said.timeText(new Date(at), 'both', saying());
/** @param at RFC 3339 */
export const dayText = (at: string) => said.timeText(new Date(at), 'day', saying());
/** The time of day, with its date where it was not today. @param at RFC 3339 */
export const momentText = (at: string) => said.momentText(new Date(at), new Date(), saying());
export const countText = (count: number) => said.countText(count, settings().language);

const saying = () => ({ language: settings().language, timeZone: TIME_ZONE });

function knownZone(name: string | undefined): string | undefined {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone;
  } catch {
    return undefined;
  }
}
