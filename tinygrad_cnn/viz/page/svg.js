// What is drawn with: SVG elements, and texts that are measured, never estimated.

const SVG = "http://www.w3.org/2000/svg";
const SANS =
  'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Helvetica Neue", sans-serif';
const SERIF = '"STIX Two Text", Cambria, "Iowan Old Style", Charter, Georgia, "Noto Serif", serif';
const pen = document.createElement("canvas").getContext("2d");

/** An SVG element. */
function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** The width of a text, measured. */
function widthOf(text, size, weight = 600, face = SANS) {
  pen.font = `${weight} ${size}px ${face}`;
  return pen.measureText(text).width;
}

/** Make an SVG text no wider than `room`. */
function fit(element, room, size, weight = 600, face = SANS) {
  const width = widthOf(element.textContent, size, weight, face);
  element.style.fontSize = `${width > room ? Math.max(9, (size * room) / width) : size}px`;
}

/** Turn a class of an element on or off. */
const mark = (element, name, on) => element.classList.toggle(name, Boolean(on));
