/**
 * Where the built JavaScript of a thread or child entry is. Node 20 cannot start a `.ts` worker, so a module that runs from
 * source (the tests) starts the entry's build in `dist/`; a built module starts the file beside it. Node's own type
 * stripping makes this file unnecessary at a floor of 22.18.
 * @param moduleUrl `import.meta.url` of a module in a direct subfolder of `src/`
 * @param entry file name without its extension, in the same folder
 */
export function builtEntry(moduleUrl: string, entry: string): URL {
  if (!moduleUrl.endsWith('.ts')) return new URL(`./${entry}.js`, moduleUrl);
  const folder = new URL('.', moduleUrl).pathname.split('/').at(-2) ?? '';
  return new URL(`../../dist/${folder}/${entry}.js`, moduleUrl);
}
