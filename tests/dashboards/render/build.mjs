// Bundles page.tsx and what it uses into build/page.js.
import { build } from 'esbuild';
import { createRequire } from 'node:module';

const { resolve } = createRequire(import.meta.url);

// CommonJS modules whose default export Grafana's modules mean when they import them: a bundler
// that follows Node would give them all of the module instead.
const DEFAULTS = /^(react-custom-scrollbars-2|react-inlinesvg)$/;

const defaults = {
  name: 'defaults',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: DEFAULTS }, ({ path }) =>
      ({ path, namespace: 'defaults' }));
    onLoad({ filter: /.*/, namespace: 'defaults' }, ({ path }) => ({
      contents: `const all = require(${JSON.stringify(resolve(path))}); export default all.default ?? all;`,
      resolveDir: import.meta.dirname,
    }));
  },
};

await build({
  entryPoints: ['page.tsx'],
  outfile: 'build/page.js',
  bundle: true,
  minify: true,
  format: 'iife',
  jsx: 'automatic',
  logLevel: 'warning',
  define: { 'process.env.NODE_ENV': '"production"' },
  loader: { '.svg': 'dataurl', '.woff2': 'dataurl', '.ttf': 'dataurl' },
  // No panel of ours uses the editor.
  alias: { 'monaco-editor': './nothing.ts', '@monaco-editor/react': './nothing.ts' },
  plugins: [defaults],
});
