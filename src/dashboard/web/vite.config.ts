import { defineConfig } from 'vite';

/** Everything the page needs comes from the service itself: no CDN, nothing inline (the service's CSP forbids it). */
export default defineConfig({
  root: import.meta.dirname,
  base: './',
  build: {
    outDir: '../../../dist/web',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: 'es2022',
    reportCompressedSize: true,
    rolldownOptions: {
      // Base UI marks each file for server components, which this page has none of.
      onwarn: (warning, warn) => warning.code !== 'MODULE_LEVEL_DIRECTIVE' && warn(warning),
    },
    // The texts of the licences of what is bundled go where the bundle goes.
    license: { fileName: 'licenses.md' },
  },
});
