// A stand-in for the Leat server, for those who work on the page: serves web/dist under the
// server's security headers, and a dashboard whose figures change. It measures nothing.
//
//   node dev/server.mjs [--port 8090] [--scene users|empty|error|hostile|many] [--rate 100]
//
// or, with live reload of the page's source:  LEAT_URL=http://127.0.0.1:8090 npm run dev

import { createReadStream, existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values: options } = parseArgs({
  options: {
    port: { type: 'string', default: '8090' },
    scene: { type: 'string', default: 'users' },
    rate: { type: 'string', default: '100' },
  },
});
const rate = Number(options.rate);
const dist = fileURLToPath(new URL('../dist', import.meta.url));
const started = Date.now();

const headers = {
  'Content-Security-Policy':
    "default-src 'self'; img-src 'self' data: https:; style-src 'self'; script-src 'self'; " +
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
};

const countries = ['Germany', 'Brazil', 'India', 'Norway', 'Iran', 'Ukraine', 'New Zealand', 'Türkiye', 'Serbia', 'Mexico', 'France', 'Ireland'];
const names = [['Aino', 'Virtanen'], ['João', 'da Silva'], ['آرمین', 'حسینی'], ['Ольга', 'Шевченко'], ['Zoë', "O'Brien"], ['Mia', 'Sørensen'], ['धीरज', 'शर्मा'], ['Emre', 'Yılmaz']];
const providers = ['example.com', 'mail.example', 'post.example', 'inbox.example', 'web.example'];
const byCountry = new Map(countries.map((country) => [country, 0]));
const byGender = { female: 0, male: 0 };
const byMonth = new Map();
const byProvider = new Map(providers.map((provider) => [provider, 0]));
const latest = [];
let users = 0;
let ages = 0;
let epoch = 0;
let deadLetters = 0;

const pick = (list, power = 1) => list[Math.floor(Math.random() ** power * list.length)];

function addUser() {
  const [first, last] = pick(names);
  const country = pick(countries, 1.8);
  const gender = Math.random() < 0.506 ? 'female' : 'male';
  const registered = new Date(Date.UTC(2012, 0, 1) + Math.random() ** 0.7 * 13.8 * 365.25 * 86_400_000);
  const month = registered.toISOString().slice(0, 7);
  const provider = pick(providers, 1.6);
  users += 1;
  ages += 20 + Math.floor(Math.random() * 55);
  byCountry.set(country, byCountry.get(country) + 1);
  byGender[gender] += 1;
  byMonth.set(month, (byMonth.get(month) ?? 0) + 1);
  byProvider.set(provider, byProvider.get(provider) + 1);
  if (Math.random() < 0.01) deadLetters += 1;
  const picture = `https://portraits.example/med/${gender === 'female' ? 'women' : 'men'}/${users % 100}.jpg`;
  latest.unshift([picture, first, last, country, gender, `${first}.${last}@${provider}`.toLowerCase().replace(/[^\w.@]/g, ''), registered.toISOString(), users % 7 ? `+${users}` : null]);
  latest.length = Math.min(latest.length, 12);
}

const column = (name, type) => ({ name, type });
const sorted = (map, by) => [...map].sort(by);
const bySize = (a, b) => b[1] - a[1];
const byName = (a, b) => (a[0] < b[0] ? -1 : 1);

function usersPanels() {
  const panel = (id, title, kind, sql, columns, rows) => ({ id, pipeline: 'users', title, kind, sql, columns, rows: users ? rows : [], epoch, error: null });
  const counted = (name) => [column(name, 'VARCHAR'), column('users', 'BIGINT')];
  const text = (...all) => all.map((name) => column(name, 'VARCHAR'));
  const byDate = [...latest].sort((a, b) => (a[6] < b[6] ? 1 : -1));
  return [
    panel('total-users', 'Total users', 'stat', 'SELECT users FROM user_totals', [column('users', 'BIGINT')], [[users]]),
    panel('gender', 'Gender', 'pie', 'SELECT gender, users FROM users_by_gender', counted('gender'), Object.entries(byGender)),
    panel('countries', 'Top 10 countries', 'bar', 'SELECT country, users FROM users_by_country ORDER BY users DESC LIMIT 10', counted('country'), sorted(byCountry, bySize).slice(0, 10)),
    panel('recent', 'Recently registered users', 'table', 'SELECT … FROM created_users ORDER BY registered_date DESC LIMIT 10', [...text('first_name', 'last_name', 'country'), column('registered_date', 'TIMESTAMP')], byDate.slice(0, 10).map((row) => [...row.slice(1, 4), row[6]])),
    panel('months', 'Registrations by month', 'line', 'SELECT month, users FROM users_by_month ORDER BY month', counted('month'), sorted(byMonth, byName)),
    panel('providers', 'E-mail providers', 'bar', 'SELECT provider, users FROM users_by_provider ORDER BY users DESC', counted('provider'), sorted(byProvider, bySize)),
    panel('latest', 'Latest users', 'table', 'SELECT … FROM users_created LIMIT 12', text('first_name', 'last_name', 'gender', 'country', 'email', 'phone', 'picture'), latest.map((row) => [row[1], row[2], row[4], row[3], row[5], row[7], row[0]])),
    panel('statistics', 'Live statistics', 'stat', 'SELECT users, average_age, (SELECT count(*) FROM users_by_country) AS countries FROM user_totals', [column('users', 'BIGINT'), column('average_age', 'DOUBLE'), column('countries', 'BIGINT'), column('first_registration', 'DATE')], [[users, ages / users, byCountry.size, '2012-01-01']]),
  ];
}

const attack = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>';

function hostilePanels() {
  const flipped = '\u202egnp.exe\u202d {b|rich} {{x}} \u0000\u0007';
  const long = 'x'.repeat(10_000);
  const texts = [column(attack, 'VARCHAR'), column('users', 'BIGINT')];
  const rows = [[attack, 40], [flipped, 30], [long, 20], ['a'.repeat(4) + '\n\n' + attack, 12], [null, 9], ['', 4]];
  const panel = (id, kind, columns, data) => ({ id, pipeline: attack, title: `${kind} ${attack}`, kind, sql: `SELECT '${attack}'`, columns, rows: data, epoch, error: null });
  return [
    panel('s', 'stat', [column(attack, 'VARCHAR'), column('huge', 'HUGEINT'), column('tiny', 'DOUBLE'), column('none', 'BIGINT')], [[attack + long, 0, 0.00000123, null]]),
    panel('p', 'pie', texts, rows),
    panel('b', 'bar', texts, rows),
    panel('l', 'line', [column('at', 'VARCHAR'), column(attack, 'VARCHAR'), column('n', 'BIGINT')], [0, 1, 2].flatMap((day) => rows.map(([name, n]) => [`2026-01-0${day + 1}`, name, n + day * 3]))),
    panel('t', 'table', [column('picture', 'VARCHAR'), column(attack, 'VARCHAR'), column('link', 'VARCHAR'), column('flag', 'BOOLEAN'), column('list', 'INTEGER[]'), column('record', 'STRUCT(a INTEGER)'), column('at', 'TIMESTAMP')], rows.map(([name], index) => [['https://x.example/a.png?"><script>', 'http://x.example/b.jpg', null][index % 3], name, [`javascript:alert(1)`, 'https://leat.example/?q=<b>', long][index % 3], index % 2 === 0, [1, 2, index], { a: attack }, '2026-01-01T00:00:00.000Z'])),
    { ...panel('e', 'bar', texts, []), error: { code: 'sql-invalid', message: `${attack} ${long}` } },
  ];
}

function manyPanels() {
  const rows = Array.from({ length: 60 }, (_, index) => [`Item ${index + 1}`, Math.round(1e6 / (index + 1)), Math.round(5e5 / (index + 1))]);
  const base = { sql: 'SELECT …', epoch, error: null };
  const hours = Array.from({ length: 48 }, (_, hour) => hour);
  const columns = [column('item', 'VARCHAR'), column('clicks', 'BIGINT'), column('buyers', 'BIGINT')];
  return [
    { ...base, id: 'pie', pipeline: 'clicks', title: 'Share of clicks', kind: 'pie', columns: columns.slice(0, 2), rows: rows.map((row) => row.slice(0, 2)) },
    { ...base, id: 'bars', pipeline: 'clicks', title: 'Clicks and buyers', kind: 'bar', columns, rows: rows.slice(0, 6) },
    { ...base, id: 'years', pipeline: 'clicks', title: 'By year', kind: 'bar', columns: [column('year', 'INTEGER'), column('clicks', 'BIGINT')], rows: [2021, 2022, 2023, 2024, 2025, 2026].map((year) => [year, 1000 + (year % 7) * 371]) },
    { ...base, id: 'sensors', pipeline: 'sensors', title: 'Average value by sensor', kind: 'line', columns: [column('window_start', 'TIMESTAMP'), column('sensor', 'VARCHAR'), column('average_value', 'DOUBLE')], rows: hours.flatMap((hour) => ['s1', 's2', 's3', 's4', 's5'].map((sensor, index) => [new Date(Date.UTC(2026, 0, 1, hour)).toISOString(), sensor, 10 + index * 3 + Math.sin(hour / 5 + index) * 2])) },
    { ...base, id: 'all', pipeline: 'sensors', title: 'Readings', kind: 'table', columns: columns, rows },
  ];
}

function panels() {
  if (options.scene === 'hostile') return hostilePanels();
  if (options.scene === 'many') return manyPanels();
  const all = usersPanels();
  if (options.scene === 'error') {
    all[2] = { ...all[2], rows: [], error: { code: 'query-timeout', message: 'the query took longer than 2 s; add a LIMIT or read a smaller view' } };
  }
  return all;
}

function status() {
  const failing = options.scene === 'error' || options.scene === 'hostile';
  const identity = { accepted: users, out: users - deadLetters, filtered: 0, late: 0, dead_letters: deadLetters };
  return {
    epoch, records_in: users, records_per_second: users ? rate * (0.9 + Math.random() * 0.2) : 0, lag: Math.floor(Math.random() * 3), dead_letters: deadLetters,
    memory_bytes: 131e6 + users * 20, state_bytes: 4e6 + users * 10, uptime_seconds: (Date.now() - started) / 1000, ready: options.scene !== 'empty', failure: null,
    sources: [{ name: 'random_user', connector: 'http', topic: 'user_events', state: failing ? 'retrying' : 'waiting', last_error: failing ? `http://127.0.0.1:8099/api/ answered 500 Internal Server Error; the next try is in 2 s ${options.scene === 'hostile' ? attack : ''}` : null, records: users }],
    streams: [{ name: 'users_created', ...identity, future: 0, watermark: new Date(Date.now() - 10_000).toISOString(), lag_seconds: 10, expectations: [{ name: 'has_email', else: 'quarantine', passed: users - deadLetters, refused: deadLetters }] }, { name: 'created', ...identity, accepted: users - deadLetters, dead_letters: 0 }],
    topics: [{ name: 'user_events', records: users, lag: 0 }],
    views: [['created_users', users - deadLetters], ['users_by_country', byCountry.size], ['users_by_gender', 2], ['users_by_month', byMonth.size], ['users_by_provider', providers.length], ['user_totals', 1]].map(([name, rows]) => ({ name, rows: users ? rows : 0 })),
    sinks: [],
  };
}

const dashboard = () => {
  const all = panels();
  return { pipelines: [...new Set(all.map(({ pipeline }) => pipeline))], panels: all, status: status() };
};

// A number that JavaScript can't hold stands in the text, as the server would write it.
const exact = (value) => JSON.stringify(value).replaceAll('<img src=x onerror=\\"window.hacked=1\\"><script>window.hacked=1</script>' + 'x'.repeat(10_000) + '",0,', (all) => all.slice(0, -2) + '170141183460469231731687303715884105727,');

const clients = new Set();
const send = (client, type, data) => client.write(`event: ${type}\nid: ${epoch}\ndata: ${exact(data)}\n\n`);

if (options.scene !== 'empty') {
  for (let count = 0; count < 3000; count++) addUser();
  setInterval(() => {
    for (let count = 0; count < rate / 2; count++) addUser();
    epoch += 1;
    for (const client of clients) for (const panel of panels()) send(client, 'panel', panel);
  }, 500).unref();
}
setInterval(() => {
  for (const client of clients) send(client, 'status', status());
}, 1000).unref();

const types = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };

createServer((request, response) => {
  const path = new URL(request.url, 'http://x').pathname;
  if (path === '/v1/dashboard') {
    response.writeHead(200, { ...headers, 'Content-Type': 'application/json' }).end(exact(dashboard()));
  } else if (path === '/v1/dashboard/events') {
    response.writeHead(200, { ...headers, 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
    clients.add(response);
    request.on('close', () => clients.delete(response));
    for (const panel of panels()) send(response, 'panel', panel);
    send(response, 'status', status());
  } else {
    const file = join(dist, normalize(path));
    const found = path !== '/' && file.startsWith(dist) && existsSync(file) ? file : join(dist, 'index.html');
    response.writeHead(200, { ...headers, 'Content-Type': types[extname(found)] ?? 'application/octet-stream' });
    createReadStream(found).pipe(response);
  }
}).listen(Number(options.port), '127.0.0.1', () => console.log(`http://127.0.0.1:${options.port}/`));
