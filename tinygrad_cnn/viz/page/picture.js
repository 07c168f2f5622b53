// The picture of a part of a trace: painted from what is known at a step, and from nothing else.

/** One part of a trace as a picture in a pane. */
class Picture extends Layout {
  constructor(trace, part, pane, onPick) {
    const style = getComputedStyle(pane);
    super(trace, part, {
      width: pane.clientWidth - 2 * parseFloat(style.paddingLeft),
      height: pane.clientHeight - 2 * parseFloat(style.paddingTop),
    });
    Object.assign(this, { pane, onPick });
    this.build();
  }

  build() {
    const { width, height, scale, margin } = this;
    const view = `${-margin} ${-margin} ${width} ${height}`;
    const label = `Graph of ${this.trace.title}`;
    this.root = svg("svg", {
      viewBox: view,
      width: width * scale,
      height: height * scale,
      role: "img",
      "aria-label": label,
    });
    this.wires = new Map(this.edges.map((edge) => [edge.id, this.wire(edge)]));
    this.cards = new Map(this.nodes.map((node) => [node.id, this.card(node)]));
    this.tokens = svg("g", { class: "tokens" });
    this.root.append(
      svg("g", {}, ...[...this.wires.values()].map((wire) => wire.line)),
      svg("g", {}, ...[...this.cards.values()].map((card) => card.group)),
      svg("g", {}, ...[...this.wires.values()].flatMap((wire) => (wire.pill ? [wire.pill] : []))),
      this.tokens,
    );
    this.pane.replaceChildren(this.root);
    fadeEdges(this.pane);
  }

  wire(edge) {
    const { d, start, end } = this.path(edge);
    const path = svg("path", { class: "path", d });
    const arrow = (p, way, name) =>
      svg("path", {
        class: name,
        d: this.tall
          ? `M${p.x - 6} ${p.y - 11 * way}h12l-6 ${10 * way}z`
          : `M${p.x - 11 * way} ${p.y - 6}v12l${10 * way} -6z`,
      });
    const line = svg("g", { class: "wire" }, path, arrow(end, 1, "head"), arrow(start, -1, "tail"));
    const spec = this.pills.get(edge.id);
    if (!spec) return { edge, line, path };
    const way = this.way.get(edge.id);
    const y = way.y;
    const frame = svg("rect", {
      x: way.x - spec.width / 2,
      y: y - spec.height / 2,
      width: spec.width,
      height: spec.height,
      rx: Math.min(13, spec.height / 2),
    });
    const text = svg("text", { class: "local", x: way.x, y: y + 5.5 }, spec.text);
    const pill = svg("g", { class: "pill" }, frame, text);
    if (!spec.text) {
      const box = { x: way.x - 27, y: y - 16, width: 54, height: 32 };
      pill.append(tensorBrief(edge.local, box));
    }
    if (spec.label)
      pill.append(svg("text", { class: "name", x: way.x, y: y - spec.height / 2 - 6 }, spec.label));
    return { edge, line, path, pill, text };
  }

  card(node) {
    const box = this.box.get(node.id);
    const { x, y, width, height } = box;
    const tensor = !isNumber(node.value);
    const visitor = node.kind === "gate" && node.part !== this.part;
    const group = svg("g", {
      class: `node ${node.kind}${visitor ? " visitor" : ""}`,
      "data-name": node.name,
    });
    const rounded = { x, y, width, height, rx: node.kind === "const" && !tensor ? 18 : 12 };
    group.append(
      svg("rect", {
        x: x - 4,
        y: y - 4,
        width: width + 8,
        height: height + 8,
        rx: 16,
        class: "halo",
      }),
    );
    group.append(svg("rect", { ...rounded, class: "box" }));
    const card = { node, group, box, tensor, rows: {} };
    if (node.kind === "const" && !tensor) {
      group.append(
        svg("text", { class: "fixed", x: x + width / 2, y: y + height / 2 + 6 }, short(node.value)),
      );
    } else {
      this.head(card);
      this.row(card, "value", 0);
      if (node.kind !== "const") this.row(card, "grad", 1);
    }
    group.append(svg("rect", { ...rounded, class: "frame" }));
    const below = this.tall ? y - 8 : y + height + 19;
    card.sums = svg("text", { class: "sums", x: x + width / 2, y: below });
    group.append(card.sums);
    if (node.kind === "gate") group.addEventListener("click", () => this.onPick(node.id));
    return card;
  }

  /** The top of a card: the gate's symbol and its name. */
  head(card) {
    const { node, group, box } = card;
    const line = box.y + box.head - 9;
    if (node.kind === "gate") {
      const symbol = svg(
        "text",
        { class: "symbol", x: box.x + box.inset, y: line },
        this.symbolOf(node),
      );
      const name = svg(
        "text",
        { class: "name end", x: box.x + box.width - box.inset, y: line },
        plainName(node.name),
      );
      const wide = widthOf(symbol.textContent, 18);
      const all = wide + widthOf(name.textContent, 20, 400, SERIF);
      const room = box.width - 3 * box.inset;
      const share = all > room ? (room * wide) / all : wide; // both shrink alike
      fit(symbol, share, 18);
      fit(name, room - share, 20, 400, SERIF);
      group.append(symbol, name);
    } else {
      const name = svg(
        "text",
        { class: "name", x: box.x + box.width / 2, y: line },
        plainName(node.name),
      );
      fit(name, box.width - 2 * box.inset, 20, 400, SERIF);
      group.append(name);
    }
    if (box.shape) {
      const shape = svg(
        "text",
        { class: "shape", x: box.x + box.width / 2, y: box.y + box.head + 12 },
        shapeLine(node),
      );
      fit(shape, box.width - 2 * box.inset, 13, 400);
      group.append(shape);
    }
  }

  /** A row of a card: its word, and room for a number or a tensor. */
  row(card, what, j) {
    const { group, box, node } = card;
    const top = box.head + (box.shape || 0);
    const rows = node.kind === "const" ? 1 : 2;
    const height = (box.height - top) / rows;
    const y = box.y + top + j * height;
    const corner = j === rows - 1 ? 11 : 0;
    const outline = `M${box.x + 1} ${y}h${box.width - 2}v${height - corner}a${corner} ${corner} 0 0 1 ${-corner} ${corner}h${2 + 2 * corner - box.width}a${corner} ${corner} 0 0 1 ${-corner} ${-corner}z`;
    const band = svg("path", { class: `band ${what}`, d: outline });
    const line = svg("line", {
      class: "rule",
      x1: box.x + 1,
      x2: box.x + box.width - 1,
      y1: y,
      y2: y,
    });
    const word = svg(
      "text",
      { class: "word", x: box.x + box.inset, y: y + height / 2 + 5 },
      box.words[j],
    );
    const left = box.inset + widthOf(box.words[j], 14, 400) + 8;
    const room = {
      x: box.x + left,
      y: y + 4,
      width: box.width - left - box.inset,
      height: height - 8,
      align: 1,
    };
    const ask = svg("rect", {
      class: "ask",
      x: room.x - 2,
      y: y + 3,
      width: room.width + 8,
      height: height - 6,
      rx: 6,
    });
    const text = svg("text", {
      class: `digits ${what}`,
      x: box.x + box.width - box.inset,
      y: y + height / 2 + 6.5,
    });
    group.append(band, ask, line, word, text);
    card.rows[what] = { band, ask, text, room, shown: undefined, map: null };
  }

  /** Show what is known. `step` is in focus; while `open` its result is asked for. */
  paint(known, step, open, hinted) {
    const forward = step.phase === "forward";
    const backward = step.phase === "backward";
    const active = forward || backward ? this.trace.into.get(step.gate).map((edge) => edge.id) : [];
    const sources = new Set(active.map((id) => this.trace.edge.get(id).from));
    const receiving = new Set(
      (step.flows || []).map((flow) => this.trace.edge.get(flow.edge).from),
    );
    for (const card of this.cards.values()) {
      const id = card.node.id;
      const here = id === step.gate;
      mark(card.group, "active", here);
      mark(card.group, "touched", sources.has(id) && card.node.kind !== "const");
      mark(card.group, "future", !known.value.has(id) && !here);
      const asksValue = open && forward && here;
      const asksGrad = open && backward && receiving.has(id);
      this.fill(card, "value", known.value.get(id), asksValue, !open && forward && here);
      const landed =
        !open &&
        (backward ? receiving.has(id) && known.grad.has(id) : step.phase === "seed" && here);
      this.fill(card, "grad", known.grad.get(id), asksGrad, landed);
      const room = card.box.width + (this.tall ? 8 : 36);
      const terms = (this.trace.forks(id) && known.sums.get(id)) || [];
      card.sums.textContent = sumText(terms, known.grad.get(id), room);
    }
    for (const wire of this.wires.values()) {
      const id = wire.edge.id;
      const on =
        active.includes(id) &&
        (forward || wire.edge.local !== null || receiving.has(wire.edge.from));
      const flow = known.flow.get(id);
      const zero = flow && isZero(flow.downstream);
      mark(wire.line, "on", on && !zero);
      mark(wire.line, "returned", flow);
      mark(wire.line, "zero", zero);
      mark(wire.line, "turning", backward && on);
      if (!wire.pill) continue;
      mark(wire.pill, "known", known.local.has(id));
      mark(wire.pill, "on", on);
      if (wire.text.textContent)
        wire.text.textContent = open && backward && on && !hinted ? "× ?" : this.pills.get(id).text;
    }
  }

  /** Put a number or a tensor into a row of a card. */
  fill(card, what, x, asked, landed) {
    const row = card.rows[what];
    if (!row) return;
    mark(row.ask, "shown", asked);
    mark(row.band, "landed", landed);
    const shown = asked ? "?" : x === undefined ? "·" : x;
    if (Object.is(row.shown, shown)) return;
    row.shown = shown;
    if (row.map) row.map.remove();
    row.map = null;
    mark(row.text, "none", shown === "·");
    mark(row.text, "asked", asked);
    const map = typeof shown === "object" && shown !== null;
    row.text.textContent = map
      ? ""
      : isNumber(shown)
        ? short(shown)
        : "?·".includes(shown)
          ? shown
          : "–";
    fit(row.text, row.room.width, 18);
    if (map) {
      row.map = tensorIn(shown, row.room, what);
      card.group.insertBefore(row.map, row.text);
    }
  }

  /** Bring a gate and its inputs into view. */
  follow(step, calm) {
    const first = this.trace.gates.forward[0];
    const id = step.gate || (step.phase === "start" && first ? first.gate : this.trace.output);
    if (!this.box.has(id)) return;
    const ids = [id, ...this.trace.into.get(id).map((edge) => edge.from)].filter((other) =>
      this.box.has(other),
    );
    const boxes = ids.map((other) => this.box.get(other));
    const { scale, pane, margin } = this;
    const target = this.box.get(id);
    const place = (from, size, room) => {
      const low = (Math.min(...boxes.map((box) => box[from])) + margin) * scale;
      const high = (Math.max(...boxes.map((box) => box[from] + box[size])) + margin) * scale;
      if (high - low <= room) return (low + high - room) / 2;
      return (
        (target[from] + target[size] / 2 + margin) * scale - room * (from === "x" ? 0.72 : 0.6)
      );
    };
    const whole = step.phase === "end" && this.tall;
    pane.scrollTo({
      top: whole ? 0 : place("y", "height", pane.clientHeight),
      left: place("x", "width", pane.clientWidth),
      behavior: calm ? "auto" : "smooth",
    });
  }
}

/** Let the picture fade out at the edges beyond which there is more of it. */
function fadeEdges(pane) {
  const more = {
    top: pane.scrollTop,
    left: pane.scrollLeft,
    bottom: pane.scrollHeight - pane.clientHeight - pane.scrollTop,
    right: pane.scrollWidth - pane.clientWidth - pane.scrollLeft,
  };
  for (const [edge, size] of Object.entries(more))
    pane.style.setProperty(`--${edge}`, size > 4 ? "22px" : "0px");
}

/** Whether nothing flows. */
const isZero = (x) => (isNumber(x) ? x === 0 : x.min === 0 && x.max === 0);

/** The sum at a fork, 1 − 3 = −2: as many of its last terms as there is room for. */
function sumText(terms, total, room) {
  if (!terms.length || !terms.every(isNumber)) return "";
  if (terms.length === 1) return short(terms[0]);
  const signed = (x) => (x < 0 ? `${MINUS} ${short(-x)}` : `+ ${short(x)}`);
  for (let left = Math.max(0, terms.length - 4); left < terms.length; left += 1) {
    const [first, ...rest] = terms.slice(left);
    const start = left ? `… ${signed(first)}` : short(first);
    const text = [start, ...rest.map(signed), equals(...terms, total), short(total)].join(" ");
    if (widthOf(text, 15) <= room) return text;
  }
  return "";
}

/** A tensor in the little room of a pill. */
function tensorBrief(x, box) {
  if (x.data && x.data.length && x.data.length <= 64) return heatMap(x, box, "ink");
  const text = svg(
    "text",
    { class: "local", x: box.x + box.width / 2, y: box.y + box.height / 2 + 5 },
    "× local",
  );
  fit(text, box.width, 14);
  return text;
}
