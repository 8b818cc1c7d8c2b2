// Named steps that pass or fail, with one line of output each, and the exit status.

import process from 'node:process';

let failed = 0;

/** Runs one step; a step that takes longer than `seconds` has failed. */
export async function step(name, body, seconds = 30) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no end within ${seconds} s`)), seconds * 1000);
  });
  try {
    await Promise.race([body(), late]);
    console.log(`ok   ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL ${name}: ${error?.message ?? error}`);
  } finally {
    clearTimeout(timer);
  }
}

/** Fails the step unless `value` holds. */
export function check(value, what) {
  if (!value) throw new Error(what);
}

/** Fails the step unless both are the same JSON. */
export function same(actual, expected, what) {
  const [is, should] = [JSON.stringify(actual), JSON.stringify(expected)];
  check(is === should, `${what} is ${is}, not ${should}`);
}

/** The error that a promise is rejected with; fails the step if it is not. */
export async function rejected(promise, what) {
  let value;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`${what} was answered: ${JSON.stringify(value).slice(0, 200)}`);
}

/** A promise and what settles it, for things that are waited for. */
export function pending() {
  let resolve;
  const promise = new Promise((settle) => (resolve = settle));
  return { promise, resolve };
}

/** Ends the process: sockets that a client keeps open are no reason to stay. */
export function finish() {
  process.exit(failed === 0 ? 0 : 1);
}
