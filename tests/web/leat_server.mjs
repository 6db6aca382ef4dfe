// Starts the real program for a test, kills it and starts it again. LEAT names the program.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const project = fileURLToPath(new URL('../..', import.meta.url));
export const program = process.env.LEAT ?? join(project, 'build', 'leat');
const startMsMax = 30_000;
const pollMs = 50;

if (!existsSync(program)) throw new Error(`there is no program ${program}; build it, or name it in LEAT`);

export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** Asks again until `probe` gives something; fails with what it said last. */
export async function eventually(what, probe, ms = startMsMax) {
  const end = Date.now() + ms;
  let last;
  do {
    try {
      const found = await probe();
      if (found) return found;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  } while (Date.now() < end);
  throw new Error(`${what}: not within ${ms} ms`, { cause: last });
}

/** A child process whose output is kept for the message of a failure. */
class Program {
  constructor(args, environment = {}) {
    this.output = '';
    this.child = spawn(program, args, { env: { ...process.env, ...environment }, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream.on('data', (data) => (this.output = (this.output + data).slice(-20_000)));
    }
  }

  async answers(url) {
    await eventually(`an answer from ${url}`, async () => {
      if (this.child.exitCode !== null) return true;
      return (await fetch(url)).ok;
    }).catch((error) => {
      throw new Error(`${error.message}; the program said:\n${this.output}`);
    });
    if (this.child.exitCode !== null) throw new Error(`the program ended with ${this.child.exitCode}:\n${this.output}`);
  }

  async end(signal) {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill(signal);
    await once(this.child, 'exit');
  }
}

/** `leat mock random-user`. */
export class RandomUsers {
  static async start() {
    const users = new RandomUsers();
    const port = await freePort();
    users.url = `http://127.0.0.1:${port}/api/?results=100`;
    users.program = new Program(['mock', 'random-user', '--listen', `127.0.0.1:${port}`]);
    await users.program.answers(users.url);
    return users;
  }

  stop() {
    return this.program.end('SIGKILL');
  }
}

/** `leat run` of one pipeline file, on a data directory of its own that outlives a kill. */
export class LeatServer {
  static async start(pipeline, environment = {}) {
    const server = new LeatServer();
    server.pipeline = pipeline;
    server.environment = environment;
    server.data = mkdtempSync(join(tmpdir(), 'leat-web-'));
    server.port = await freePort();
    server.url = `http://127.0.0.1:${server.port}`;
    await server.startAgain();
    return server;
  }

  async startAgain() {
    const args = ['run', this.pipeline, '--data', this.data, '--listen', `127.0.0.1:${this.port}`, '--quiet'];
    this.program = new Program(args, this.environment);
    await this.program.answers(`${this.url}/readyz`);
  }

  kill() {
    return this.program.end('SIGKILL');
  }

  async stop() {
    await this.kill();
    rmSync(this.data, { recursive: true, force: true });
  }
}

/** What `leat sql` answers, as {columns: [name], rows: [[value]]}. */
export async function leatSql(url, query) {
  const { stdout } = await promisify(execFile)(program, ['sql', query, '--server', url, '--format', 'json'], { maxBuffer: 1 << 28 });
  const answer = JSON.parse(stdout);
  if (!Array.isArray(answer)) return { columns: answer.columns.map(({ name }) => name), rows: answer.rows };
  const columns = Object.keys(answer[0] ?? {});
  return { columns, rows: answer.map((row) => columns.map((column) => row[column])) };
}

export async function getJson(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
  return response.json();
}
