// Runs the operations of a file, one on each line, on a SharedArrayBuffer, and prints what came of each.
//
//   node operations.js FILE BYTES
//
// A line is: operation, type of array, byte offset, length (or "rest"), index, and up to three operands. Numbers are as
// they are written in JavaScript: what they are converted to is up to the engine. An operation is one of those below, or
// one of Atomics, or else a method of the array that takes the operands alone.
'use strict';
const [file, bytes] = process.argv.slice(2);
const buffer = new SharedArrayBuffer(Number(bytes));
const all = new Uint8Array(buffer);

const value = (text) =>
    text === undefined || text === 'undefined' ? undefined : text.endsWith('n') ? BigInt(text.slice(0, -1)) : Number(text);

const isFloat = (array) => array instanceof Float32Array || array instanceof Float64Array;

// A float by the bits of the double that it is, so that -0 is not 0. The bits of a NaN are left open.
function element(array, number) {
    if (!isFloat(array) || number === undefined) return number;
    if (Number.isNaN(number)) return 'NaN';
    return new BigUint64Array(Float64Array.of(number).buffer)[0].toString(16).padStart(16, '0');
}

// The standard leaves open with which bits a NaN is written. So after a write, all NaNs here have these.
function settle(array) {
    if (!isFloat(array)) return;
    array.forEach((number, index) => {
        const at = array.byteOffset + index * array.BYTES_PER_ELEMENT;
        if (Number.isNaN(number)) all.fill(0xff, at, at + array.BYTES_PER_ELEMENT);
    });
}

const operations = {
    get: (array, index) => element(array, array[index]),
    // What is not there is not written, and nobody is told.
    set: (array, index, a) => ((array[index] = a), settle(array)),
    fill: (array, index, a, from, to) => settle(array.fill(a, from, to)),
    // Of values in a row.
    copy: (array, index, ...values) => (array.set(values, index), settle(array)),
    values: (array, index, from, to) => Array.from(array.subarray(from, to), (number) => shown(element(array, number))),
    length: (array) => array.length,
    isLockFree: (array, index, a) => Atomics.isLockFree(a),
    bytes: () => Buffer.from(all).toString('hex'),
};

const find = (name) =>
    operations[name] ?? Atomics[name]?.bind(Atomics) ?? ((array, index, ...operands) => array[name](...operands));

// Integers in all digits, and of an array where it lies.
function shown(result) {
    if (typeof result === 'number' && Number.isInteger(result)) return BigInt(result).toString();
    if (ArrayBuffer.isView(result)) return `${result.byteOffset}+${result.length}`;
    return String(result);
}

function run(line) {
    const [name, type, offset, length, index, ...operands] = line.split(' ');
    try {
        const array = new globalThis[type](buffer, Number(offset), length === 'rest' ? undefined : Number(length));
        return shown(find(name)(array, value(index), ...operands.map(value)));
    } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        return error.name;
    }
}

const lines = require('fs').readFileSync(file, 'utf8').split('\n').filter((line) => line);
process.stdout.write(lines.map(run).join('\n') + '\n');
