// Runs the cases of a file by agents that are worker threads over one SharedArrayBuffer, and prints what came of each step.
//
//   node --allow-natives-syntax agents.js FILE BYTES
//
// The head of waits.txt says what the steps are. Who sleeps cannot be seen in JavaScript; but V8 tells its own tests how
// many wait for an element, and so it tells this. An engine that does not is none to compare with: nothing is printed.
'use strict';
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');

const value = (text) => (text === 'undefined' ? undefined : Number(text));

function perform(buffer, [operation, offset, index, ...operands]) {
    const name = operation === 'sleep' ? 'wait' : operation;
    return String(Atomics[name](new Int32Array(buffer, Number(offset)), Number(index), ...operands.map(value)));
}

class Agent {
    constructor(name, buffer) {
        this.name = name;
        this.sleeps = false;
        this.worker = new Worker(__filename, { workerData: buffer });
        this.worker.on('message', (answer) => (this.answer = answer));
    }

    start(step) {
        if (this.sleeps) throw new Error(`${this.name} sleeps`);
        const [operation, offset, index] = step;
        this.answer = undefined;
        this.sleeps = operation === 'sleep';
        this.place = Number(offset) / 4 + Number(index);
        this.worker.postMessage(step);
    }

    hasReturned() {
        return this.answer !== undefined;
    }
}

// Until it is so: an answer comes as a message, and whether somebody sleeps is asked again and again.
async function until(isSo) {
    while (!isSo()) await new Promise(setImmediate);
}

async function conduct(lines, bytes, waiters) {
    const buffer = new SharedArrayBuffer(bytes);
    const words = new Int32Array(buffer);
    const agents = [...'abcd'].map((name) => new Agent(name, buffer));
    const sleepers = () => agents.filter((agent) => agent.sleeps);
    const asleep = () => {
        const places = new Set(sleepers().map((agent) => agent.place));
        return [...places].reduce((sum, place) => sum + waiters(words, place), 0);
    };
    let woken = [];

    async function collect(count) {
        const returned = () => sleepers().filter((agent) => agent.hasReturned());
        await until(() => returned().length === count);
        for (const agent of returned()) {
            agent.sleeps = false;
            woken.push(`${agent.name} ${agent.answer}`);
        }
    }

    async function step(name, ...rest) {
        if (name === 'who') {
            const said = woken.sort().join(', ') || 'nobody';
            woken = [];
            return said;
        }
        const agent = agents.find((agent) => agent.name === name);
        const there = () => waiters(words, Number(rest[1]) / 4 + Number(rest[2]));
        const before = there();
        agent.start(rest);
        await until(() => agent.hasReturned() || (agent.sleeps && there() > before));
        if (rest[0] === 'notify') await collect(Number(agent.answer));
        return `${agent.answer ?? 'sleeps'}; asleep: ${asleep()}`;
    }

    async function end() {
        for (const agent of sleepers()) Atomics.notify(words, agent.place);
        await collect(sleepers().length);
        woken = [];
        words.fill(0);
    }

    for (const line of lines) {
        const isHead = line.startsWith('case ');
        if (isHead) await end();
        process.stdout.write((isHead ? line : await step(...line.split(' '))) + '\n');
    }
    await end();
    agents.forEach((agent) => agent.worker.terminate());
}

function main(file, bytes) {
    // Nobody waits for this program forever, nor does it.
    setTimeout(() => process.exit(1), 100_000).unref();
    let waiters;
    try {
        waiters = new Function('words', 'index', 'return %AtomicsNumWaitersForTesting(words, index)');
    } catch {
        return;
    }
    const lines = require('fs').readFileSync(file, 'utf8').split('\n');
    conduct(lines.filter((line) => line && !line.startsWith('#')), Number(bytes), waiters);
}

if (isMainThread) main(...process.argv.slice(2));
else parentPort.on('message', (step) => parentPort.postMessage(perform(workerData, step)));
