// Numbers and names as people write them: three significant digits, a true minus, ≈ once rounded.

const MINUS = "−";
const SUBSCRIPTS = "₀₁₂₃₄₅₆₇₈₉";
const NOT_FINITE = { nan: NaN, inf: Infinity, "-inf": -Infinity };

/** A number of the trace: JSON has no nan and no infinities, so they come as words. */
const real = (x) => (typeof x === "string" ? NOT_FINITE[x] : x);

/** Whether x is a single number, not a tensor. */
const isNumber = (x) => typeof x === "number";

/** Whether three digits say all there is to say. */
function exact(x) {
  if (!isNumber(x)) return false;
  if (!Number.isFinite(x) || Number.isInteger(x)) return true;
  return Math.abs(x - Number(x.toPrecision(3))) <= 1e-9 * Math.max(1, Math.abs(x));
}

/** x in short. */
function short(x) {
  if (Number.isNaN(x)) return "nan";
  const size = Math.abs(x);
  const sign = x < 0 ? MINUS : "";
  if (size === Infinity) return sign + "∞";
  if (size === 0) return "0";
  if (Number.isInteger(x) && size < 1e6) return sign + String(size);
  if (size < 1e-4 || size >= 1e6)
    return (
      sign +
      size
        .toExponential(2)
        .replace("e-", "e" + MINUS)
        .replace("+", "")
    );
  if (size >= 1000) return sign + size.toFixed(0);
  const digits = exact(x) ? String(Number(size.toPrecision(3))) : size.toPrecision(3);
  return sign + digits;
}

/** x as it stands behind an operator: a negative one in parentheses. */
const bracketed = (x) => (x < 0 ? `(${short(x)})` : short(x));

/** The sign between two sides: ≈ as soon as one of these is rounded. */
const equals = (...xs) => (xs.every(exact) ? "=" : "≈");

/** What someone typed, as a number; nan if it is none, undefined if there is nothing. */
function typed(text) {
  const word = text.trim().toLowerCase().replace(/[−–]/g, "-").replace(",", ".");
  if (word === "") return undefined;
  if (word in NOT_FINITE) return NOT_FINITE[word];
  if (/^[-+]?∞$/.test(word)) return word[0] === "-" ? -Infinity : Infinity;
  const share = word.match(/^(-?[\d.]+)\s*\/\s*(-?[\d.]+)$/);
  return share ? share[1] / share[2] : Number(word);
}

/** Whether an answer is right: to one part in a hundred, or rounded to two decimals. */
function right(answer, truth) {
  if (answer === undefined) return false;
  if (!Number.isFinite(truth)) return Object.is(answer, truth);
  const size = Math.abs(truth);
  return Math.abs(answer - truth) <= Math.max(0.01 * size, Math.min(0.006, 0.1 * size), 1e-9);
}

/** Text that may stand in HTML. */
const escaped = (text) =>
  text.replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);

/** The letters and the digits of a name such as w0; null for a longer name. */
const lettered = (name) => name.match(/^(\p{L}{1,2})(\d*)$/u);

/** A name as plain text: w₀. */
function plainName(name) {
  const parts = lettered(name);
  return parts ? parts[1] + [...parts[2]].map((d) => SUBSCRIPTS[d]).join("") : name;
}

/** A name as HTML: single letters in italics, as in books. */
function htmlName(name) {
  const parts = lettered(name);
  if (!parts) return `<span class="wordy">${escaped(name)}</span>`;
  return `<i>${parts[1]}</i>` + (parts[2] ? `<sub>${parts[2]}</sub>` : "");
}

/** A formula as HTML: its names as names, ^{0} raised. */
function htmlFormula(text) {
  const named = escaped(text).replace(/(?<![\p{L}\d.&])\p{L}{1,2}\d*(?![\p{L}\d(.;])/gu, htmlName);
  return named.replace(/\^(−?[\d.]+|<i>.*?<\/i>(<sub>.*?<\/sub>)?)/g, "<sup>$1</sup>");
}

/** ∂z/∂x as a fraction; nothing where the names are too long for one. */
function fraction(top, bottom) {
  if (Math.max(top.length, bottom.length) > 6) return "";
  const wide = Math.max(top.length, bottom.length) > 3 ? " wide" : "";
  return `<span class="fraction${wide}"><span>∂${plainName(top)}</span><span>∂${plainName(bottom)}</span></span>`;
}
