// Runs the operations of a file, one on each line, on a SharedArrayBuffer, and prints what came of each.
//
//   node operations.js FILE
//
// A line is an operation, what it is asked of, and operands. It is asked of
//
//   SharedArrayBuffer            the buffer
//   TYPE:OFFSET:LENGTH           a new array or DataView over it
//   TYPE#NUMBER                  one that was kept, since the buffer was made
//
// and so may operands be. Else operands are numbers as they are written in JavaScript: what they are converted to is up to
// the engine. An operation is one of those below, or one of Atomics, or else a method or a property of what it is asked of.
'use strict';
let buffer, all;
const kept = [];

const words = { undefined, true: true, false: false };

const number = (text) => (text.endsWith('n') ? BigInt(text.slice(0, -1)) : Number(text));

function value(text) {
    if (text in words) return words[text];
    if (text === 'SharedArrayBuffer') return buffer;
    if (text.includes('#')) return kept[text.split('#')[1]];
    const [type, ...place] = text.split(':');
    return place.length ? new globalThis[type](buffer, ...place.map(value)) : number(text);
}

const isFloat = (array) => array instanceof Float32Array || array instanceof Float64Array;

// By the bits of the double that it is, so that -0 is not 0. The bits of a NaN are left open.
function float(number) {
    if (number === undefined) return number;
    if (Number.isNaN(number)) return 'NaN';
    return new BigUint64Array(Float64Array.of(number).buffer)[0].toString(16).padStart(16, '0');
}

const element = (array, number) => (isFloat(array) ? float(number) : shown(number));

// The standard leaves open with which bits a NaN is written. So after a write, all NaNs here have these.
const settle = (offset, size) => void all.fill(0xff, offset, offset + size);

function settleAll(array) {
    if (!isFloat(array)) return;
    array.forEach((number, index) => {
        const size = array.BYTES_PER_ELEMENT;
        if (Number.isNaN(number)) settle(array.byteOffset + index * size, size);
    });
}

const operations = {
    get: (array, index) => element(array, array[index]),
    // What is not there is not written, and nobody is told.
    set: (array, index, a) => ((array[index] = a), settleAll(array)),
    fill: (array, a, from, to) => settleAll(array.fill(a, from, to)),
    // Of values in a row.
    copy: (array, index, ...values) => (array.set(values, index), settleAll(array)),
    copyArray: (array, index, source) => array.set(source, index),
    values: (array, from, to) => Array.from(array.subarray(from, to), (number) => element(array, number)),
    // Nobody else is there: who slept for longer would sleep forever.
    wait: (array, index, a, timeout) => {
        const now = Atomics.wait(array, index, a, 0);
        return now === 'timed-out' && !(timeout < 1) ? 'sleeps' : Atomics.wait(array, index, a, timeout);
    },
    isLockFree: (array, a) => Atomics.isLockFree(a),
    bytes: (buffer) => Buffer.from(buffer).toString('hex'),
    write: (buffer, index, ...bytes) => all.set(bytes, index),
    keep: (view) => (kept.push(view), view),
    keepSubarray: (array, from, to) => operations.keep(array.subarray(from, to)),
    new: (_, bytes, maxByteLength) => {
        buffer = new SharedArrayBuffer(bytes, { maxByteLength });
        all = new Uint8Array(buffer);
        kept.length = 0;
    },
};

for (const type of ['Float32', 'Float64']) {
    const [get, set] = [`get${type}`, `set${type}`];
    operations[get] = (view, index, order) => float(view[get](index, order));
    operations[set] = (view, index, a, order) => {
        view[set](index, a, order);
        if (Number.isNaN(a)) settle(view.byteOffset + (Math.trunc(index) || 0), Number(type.slice(-2)) / 8);
    };
}

function perform(name, of, operands) {
    if (name in operations) return operations[name](of, ...operands);
    if (name in Atomics) return Atomics[name](of, ...operands);
    return typeof of[name] === 'function' ? of[name](...operands) : of[name];
}

// Integers in all digits; of a view where it lies; of what is a copy all that it has.
function shown(result) {
    if (typeof result === 'number' && Number.isInteger(result)) return BigInt(result).toString();
    if (result instanceof SharedArrayBuffer) return operations.bytes(result);
    if (!ArrayBuffer.isView(result)) return String(result);
    if (result.buffer !== buffer) return Array.from(result, (number) => element(result, number)).join();
    return `${result.byteOffset}+${result.length ?? result.byteLength}`;
}

// What the types of the other side keep from being asked is none of its answers; but one may ask any buffer to grow.
const isAnswer = (error, name) => error instanceof RangeError || (error instanceof TypeError && name === 'grow');

function run(line) {
    const [name, of, ...operands] = line.split(' ');
    try {
        return shown(perform(name, value(of), operands.map(value)));
    } catch (error) {
        return isAnswer(error, name) ? error.name : String(error);
    }
}

const lines = require('fs').readFileSync(process.argv[2], 'utf8').split('\n').filter((line) => line);
process.stdout.write(lines.map(run).join('\n') + '\n');
