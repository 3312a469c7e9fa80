/** A page that stays open for weeks meets a service of another build. It loads that one's code on the Line page, where nobody types. */

const isOnLine = () => /^(#\/?(line.*)?)?$/.test(location.hash);
let isOutdated = false;

/** Looks which code the service has now; after a connection that was lost. */
export async function lookForUpgrade(): Promise<void> {
  const own = document.querySelector<HTMLScriptElement>('script[type="module"]')?.src.split('/').at(-1);
  if (own === undefined || isOutdated) return;
  const response = await fetch('/', { cache: 'no-store' }).catch(() => null);
  const html = response?.ok === true ? await response.text().catch(() => '') : '';
  // What is no page of Loupe, as a proxy may answer, is no upgrade.
  if (!html.includes('id="root"') || html.includes(own)) return;
  isOutdated = true;
  const reloadOnLine = () => isOnLine() && location.reload();
  window.addEventListener('hashchange', reloadOnLine);
  reloadOnLine();
}
