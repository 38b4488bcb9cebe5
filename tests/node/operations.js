// Runs the operations of a file, one on each line, on a SharedArrayBuffer, and prints what came of each.
//
//   node operations.js FILE BYTES
//
// A line is: operation, type of array, byte offset, length (or "rest"), index, and up to three operands. Numbers are as
// they are written in JavaScript: what they are converted to is up to the engine.
'use strict';
const [file, bytes] = process.argv.slice(2);
const buffer = new SharedArrayBuffer(Number(bytes));
const all = new Uint8Array(buffer);

const value = (text) =>
    text === undefined || text === 'undefined' ? undefined : text.endsWith('n') ? BigInt(text.slice(0, -1)) : Number(text);

// Integers in all digits.
const shown = (result) =>
    typeof result === 'number' && Number.isInteger(result) ? BigInt(result).toString() : String(result);

const operations = {
    get: (array, index) => array[index],
    // What is not there is not written, and nobody is told.
    set: (array, index, a) => ((array[index] = a), undefined),
    fill: (array, index, a) => (array.fill(a), undefined),
    // Of values in a row.
    copy: (array, index, ...values) => (array.set(values, index), undefined),
    length: (array) => array.length,
    isLockFree: (array, index, a) => Atomics.isLockFree(a),
    bytes: () => Buffer.from(all).toString('hex'),
};

function run(line) {
    const [name, type, offset, length, index, ...operands] = line.split(' ');
    try {
        const array = new globalThis[type](buffer, Number(offset), length === 'rest' ? undefined : Number(length));
        const operation = operations[name] ?? Atomics[name].bind(Atomics);
        return shown(operation(array, value(index), ...operands.map(value)));
    } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        return error.name;
    }
}

const lines = require('fs').readFileSync(file, 'utf8').split('\n').filter((line) => line);
process.stdout.write(lines.map(run).join('\n') + '\n');
