// Draws the dashboards of this repository as Grafana would, from a Prometheus that runs:
//   npm ci --ignore-scripts && node node_modules/esbuild/install.js && npm run build
//   node render.mjs --prometheus=http://127.0.0.1:9090 --out=/tmp/pictures [golden-signals …]
// Other options: --minutes=15, --mode=light|dark, --chromium=PROGRAM, and --NAME=VALUE for each
// of a dashboard's lists, as --job=app.
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const dashboards = join(here, '../../../grafana/provisioning/dashboards');

const options = { prometheus: 'http://127.0.0.1:9090', out: 'pictures', minutes: '15', mode: 'dark', chromium: 'chromium' };
const variables = {};
const named = [];
for (const argument of process.argv.slice(2)) {
  const [, name, value] = /^--([\w-]+)=(.*)$/.exec(argument) ?? [];
  if (name === undefined && !argument.startsWith('-')) {
    named.push(argument);
  } else if (name === undefined) {
    fail(`${argument}: options are written --name=value`);
  } else if (name in options) {
    options[name] = value;
  } else {
    variables[name] = value;
  }
}
if (!(Number(options.minutes) > 0)) {
  fail(`--minutes=${options.minutes}: must be a number above 0`);
}
const known = readdirSync(dashboards).filter((name) => name.endsWith('.json')).map((name) => name.slice(0, -5));
for (const name of named) {
  if (!known.includes(name)) {
    fail(`${name}: no such dashboard; there are ${known.join(', ')}`);
  }
}

function fail(message) {
  console.error(`error: ${message}`);
  process.exit(2);
}

// What is chosen where the command line says nothing: all, or what the dashboard opens with.
function selected(dashboard) {
  const chosen = {};
  for (const { name, multi, current } of dashboard.templating.list) {
    chosen[name] = variables[name] ?? (multi ? '.*' : current.value);
  }
  return chosen;
}

function page(dashboard) {
  const to = Date.now();
  const selection = { from: to - Number(options.minutes) * 60_000, to, variables: selected(dashboard) };
  const set = (name, value) => `window.${name} = ${JSON.stringify(value).replaceAll('<', '\\u003c')};`;
  return `<!doctype html><meta charset="utf-8"><link rel="stylesheet" href="/page.css"><body><div id="root"></div><script>
    ${set('dashboard', dashboard)} ${set('selection', selection)} ${set('mode', options.mode)}
    </script><script src="/page.js"></script>`;
}

const read = (name) => JSON.parse(readFileSync(join(dashboards, `${name}.json`), 'utf8'));

const built = { '/page.js': 'text/javascript', '/page.css': 'text/css' };

const server = createServer(async (request, response) => {
  if (request.url in built) {
    response.setHeader('content-type', `${built[request.url]}; charset=utf-8`);
    response.end(readFileSync(join(here, 'build', request.url)));
  } else if (request.url.startsWith('/api/')) {
    try {
      const answer = await fetch(options.prometheus + request.url);
      response.writeHead(answer.status, { 'content-type': 'application/json' });
      response.end(await answer.text());
    } catch (error) {
      response.end(JSON.stringify({ status: 'error', error: String(error.cause ?? error) }));
    }
  } else if (known.includes(request.url.slice(1))) {
    response.setHeader('content-type', 'text/html; charset=utf-8');
    response.end(page(read(request.url.slice(1))));
  } else {
    response.writeHead(404).end();
  }
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const address = `http://127.0.0.1:${server.address().port}`;

mkdirSync(options.out, { recursive: true });
for (const name of named.length > 0 ? named : known) {
  const bottom = Math.max(...read(name).panels.map(({ gridPos: { y, h } }) => y + h));
  const file = join(options.out, `${name}.png`);
  await draw([`--window-size=1440,${40 + bottom * 38}`, `--screenshot=${file}`, `${address}/${name}`]);
  console.log(file);
}
server.close();

function draw(parameters) {
  const headless = ['--headless', '--enable-logging=stderr', '--no-sandbox', '--disable-gpu', '--hide-scrollbars', '--virtual-time-budget=15000', '--timeout=60000'];
  const browser = spawn(options.chromium, [...headless, ...parameters], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  browser.stderr.on('data', (text) => (said += text));
  return new Promise((done) => {
    browser.on('error', (error) => fail(`${options.chromium}: ${error.message}`));
    browser.on('exit', (code) => {
      const complaints = said.split('\n').filter((line) => /CONSOLE.*(Error|Warning)/.test(line));
      if (complaints.length > 0 || code !== 0) {
        fail(`${parameters.at(-1)}: ${complaints.join('\n') || said}`);
      }
      done();
    });
  });
}
