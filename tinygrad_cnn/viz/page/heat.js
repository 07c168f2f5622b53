// Tensors: small ones as maps of their numbers, large ones as smallest, mean and largest.
// A number's size is the strength of its cell; a negative one is ink with a bar, one that is not
// finite has a cross: never colour alone.

const GAP = 0.5; // between the matrices of a tensor of more than two axes, in cells

const LINE = 20; // elements of a vector that stand side by side

/** The shape as people say it: 2×3. */
const shapeText = (shape) => shape.join("×") || "1";

/** Where the cells of a tensor stand: matrices of its last two axes, side by side; or the lines of a
 * vector that is too long for one. */
function cellsOf(tensor) {
  const shape = tensor.shape;
  const count = tensor.data.length;
  if (count > LINE && count === Math.max(...shape)) {
    const line = Math.ceil(Math.sqrt(2 * count));
    const places = tensor.data.map((_, i) => ({ x: i % line, y: Math.floor(i / line) }));
    return { places, width: line, height: Math.ceil(count / line) };
  }
  const columns = shape[shape.length - 1] || 1;
  const rows = shape.length > 1 ? shape[shape.length - 2] : 1;
  const matrices = count / (columns * rows);
  const across = Math.min(matrices, Math.ceil(Math.sqrt((2 * matrices * rows) / columns))); // twice as wide as high
  const down = Math.ceil(matrices / across);
  const gap = matrices > 1 && rows > 1 ? GAP : 0;
  const places = tensor.data.map((x, i) => {
    const matrix = Math.floor(i / (columns * rows));
    const row = Math.floor(i / columns) % rows;
    return {
      x: (matrix % across) * (columns + gap) + (i % columns),
      y: Math.floor(matrix / across) * (rows + gap) + row,
    };
  });
  return { places, width: across * (columns + gap) - gap, height: down * (rows + gap) - gap };
}

/** The index of the i-th number of a tensor: [0, 2]. */
function indexOf(i, shape) {
  const index = [];
  for (const size of [...shape].reverse()) {
    index.unshift(i % size);
    i = Math.floor(i / size);
  }
  return `[${index.join(", ")}]`;
}

/** A tensor as an SVG group within a box; `hue` is "value", "grad" or "ink". */
function heatMap(tensor, box, hue, written = false) {
  const { places, width, height } = cellsOf(tensor);
  const side = Math.min(box.width / width, box.height / height, written ? 46 : 22);
  const left = box.x + (box.width - side * width) * (box.align ?? 0.5);
  const top = box.y + (box.height - side * height) / 2;
  const largest = Math.max(...tensor.data.map(Math.abs).filter(Number.isFinite), 1e-300);
  const group = svg("g", { class: `heat ${hue}` });
  const widest = Math.max(...tensor.data.map((x) => widthOf(short(x), 12)));
  const legible = written && widest <= side - 3;
  tensor.data.forEach((x, i) => {
    const at = {
      x: left + places[i].x * side,
      y: top + places[i].y * side,
      width: side,
      height: side,
    };
    const strength = Number.isFinite(x) ? 0.06 + (0.94 * Math.abs(x)) / largest : 1;
    const kind = Number.isFinite(x) ? (x < 0 ? "negative" : "positive") : "wild";
    const cell = svg("rect", { ...at, class: `cell ${kind}`, "fill-opacity": strength });
    cell.dataset.tip = `${indexOf(i, tensor.shape)} = ${short(x)}`;
    group.append(cell);
    const middle = { x: at.x + side / 2, y: at.y + side / 2 };
    if (legible) {
      const text = svg("text", { ...middle, class: strength > 0.55 ? "on" : "" }, short(x));
      fit(text, side - 4, 15);
      group.append(text);
    } else if (side >= 7 && kind !== "positive") {
      const [r, tilt] = [side / 4, kind === "wild" ? side / 4 : 0]; // a bar, or a cross
      const [x1, x2] = [middle.x - r, middle.x + r];
      const [y1, y2] = [middle.y - tilt, middle.y + tilt];
      const bar = strength > 0.55 ? "bar on" : "bar";
      group.append(svg("line", { x1, x2, y1, y2, class: bar }));
      if (tilt) group.append(svg("line", { x1, x2, y1: y2, y2: y1, class: bar }));
    }
  });
  return group;
}

/** Smallest, mean and largest as lines of SVG text that end at the right of a box. */
function statistics(tensor, box, hue) {
  const lines =
    tensor.data && !tensor.data.length
      ? [["", "empty"]]
      : ["min", "mean", "max"].map((word) => [word, short(tensor[word])]);
  const step = Math.min(18, box.height / lines.length);
  const group = svg("g", { class: `statistics ${hue}` });
  lines.forEach(([word, number], i) => {
    const y = box.y + box.height / 2 + (i - (lines.length - 1) / 2) * step + 4.5;
    const digits = svg("text", { class: "digits", x: box.x + box.width, y }, number);
    fit(digits, box.width - 48, 15);
    group.append(svg("text", { class: "word", x: box.x, y }, word), digits);
  });
  return group;
}

/** A tensor in a box, in the way that suits its size. */
const tensorIn = (tensor, box, hue, written) =>
  tensor.data && tensor.data.length
    ? heatMap(tensor, box, hue, written)
    : statistics(tensor, box, hue);

/** Whether all elements of a tensor are one number, which then says it all. */
const uniform = (x) => !isNumber(x) && x.min === x.max;

/** A number or a tensor as HTML, for the explanation; `room` is how high it may be. */
function htmlNumber(x, hue, negativeInBrackets = false, room = 110) {
  if (isNumber(x))
    return `<span class="${hue}">${negativeInBrackets ? bracketed(x) : short(x)}</span>`;
  if (uniform(x))
    return `<span class="tensor"><span class="${hue}">${short(x.min)}</span><small>${shapeText(x.shape)}</small></span>`;
  const { width, height } = x.data && x.data.length ? cellsOf(x) : { width: 3, height: 2 };
  const side = Math.min(44, 190 / width, room / height);
  const box = {
    x: 0.5,
    y: 0.5,
    width: x.data ? side * width : 120,
    height: x.data ? side * height : 60,
  };
  const frame = svg("svg", {
    viewBox: `0 0 ${box.width + 1} ${box.height + 1}`,
    width: box.width + 1,
    height: box.height + 1,
    role: "img",
    "aria-label": spoken(x),
  });
  frame.append(tensorIn(x, box, hue, true));
  return `<span class="tensor">${frame.outerHTML}<small>${shapeText(x.shape)}</small></span>`;
}

/** A tensor for those who do not see it. */
const spoken = (x) =>
  `tensor ${shapeText(x.shape)}, min ${short(x.min)}, mean ${short(x.mean)}, max ${short(x.max)}`;

/** A number or a tensor in a few letters, as it rides along a wire. */
const brief = (x) => (isNumber(x) ? short(x) : shapeText(x.shape));
