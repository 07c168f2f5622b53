// The layout of a picture: where dagre puts its cards, its wires and the pills on them.

const NARROW = 700; // below that many pixels the graph runs from top to bottom
const LEAST = 0.92; // of its natural size a picture is never smaller; then it scrolls
const MOST = 1.4;

/** What kinds of cards there are, and their sizes. */
const SIZES = {
  wide: { width: 124, height: 90, head: 32, inset: 12, words: ["value", "grad"] },
  dense: { width: 98, height: 86, head: 30, inset: 9, words: ["=", "∂"] },
  tall: { width: 108, height: 80, head: 26, inset: 10, words: ["value", "grad"] },
  tensor: { width: 168, height: 162, head: 30, inset: 11, words: ["value", "grad"], shape: 20 },
};

/** Where everything stands in the picture of a part of a trace. */
class Layout {
  constructor(trace, part, room) {
    Object.assign(this, { trace, part, room });
    this.nodes = trace.drawn(part);
    const ids = new Set(this.nodes.map((node) => node.id));
    const inside = (edge) =>
      ids.has(edge.from) && ids.has(edge.to) && trace.node.get(edge.to).part === part;
    this.edges = trace.edges.filter(inside);
    this.tall = room.width < NARROW;
    this.arrange();
  }

  /** Lay the cards out, dense only if they do not fit otherwise. */
  arrange() {
    const kinds = this.tall ? ["tall"] : ["wide", "dense"];
    for (const kind of kinds) {
      this.kind = kind;
      this.layOut();
      if (this.width * LEAST <= this.room.width) break;
    }
    const fitting = Math.min(this.room.width / this.width, this.room.height / this.height);
    this.scale = Math.min(this.tall ? 1.15 : MOST, Math.max(LEAST, fitting));
  }

  /** What stands for a gate: its symbol or, of one from an earlier part, that part. */
  symbolOf(node) {
    return node.part === this.part ? node.symbol : `part ${node.part + 1}`;
  }

  /** The size of a node's card. */
  sizeOf(node) {
    if (!isNumber(node.value)) {
      const size = SIZES.tensor;
      const width = Math.min(
        250,
        Math.max(size.width, widthOf(shapeLine(node), 13, 400) + 2 * size.inset),
      );
      return { ...size, width, height: size.height - (node.kind === "const" ? 56 : 0) };
    }
    const size = SIZES[this.kind];
    if (node.kind === "gate") {
      const words =
        widthOf(this.symbolOf(node), 18) +
        widthOf(plainName(node.name), 20, 400, SERIF) +
        3 * size.inset;
      return { ...size, width: Math.min(220, Math.max(size.width, words)) };
    }
    if (node.kind !== "const") return size;
    return { ...size, width: Math.max(46, widthOf(short(node.value), 18) + 22), height: 36 };
  }

  /** What stands on a wire: its size, its words, and the name of the derivative. */
  pillOf(edge) {
    if (edge.local === null) return null;
    const local = uniform(edge.local) ? edge.local.min : edge.local;
    const text = isNumber(local) ? `×\u2009${short(local)}` : "";
    const width = text ? widthOf(text, 15) + 18 : 62;
    const height = text ? 26 : 40;
    const names = [edge.to, edge.from].map((id) => plainName(this.trace.node.get(id).name));
    return { text, width, height, label: `∂${names[0]}/∂${names[1]}` };
  }

  /** Have dagre place the cards and the pills. */
  layOut() {
    const graph = new dagre.graphlib.Graph({ multigraph: true });
    const gap = this.tall ? 26 : this.kind === "wide" ? 56 : 30;
    graph.setGraph({
      rankdir: this.tall ? "TB" : "LR",
      nodesep: this.tall ? 12 : 26,
      edgesep: 12,
      ranksep: gap,
    });
    this.box = new Map();
    for (const node of this.nodes) {
      const size = this.sizeOf(node);
      const room = this.trace.forks(node.id) ? 24 : 0;
      graph.setNode(node.id, { width: size.width, height: size.height + room });
    }
    this.pills = new Map(this.edges.map((edge) => [edge.id, this.pillOf(edge)]));
    const pills = [...this.pills.values()].filter(Boolean);
    const named = this.kind === "wide" && pills.every((pill) => pill.label.length <= 9);
    for (const pill of named ? [] : pills) pill.label = "";
    for (const edge of this.edges) {
      const pill = this.pills.get(edge.id);
      const space = pill
        ? { width: pill.width, height: pill.height + (pill.label ? 20 : 0), labelpos: "c" }
        : {};
      graph.setEdge(edge.from, edge.to, space, edge.id);
    }
    dagre.layout(graph);
    this.upright(graph);
    for (const node of this.nodes) {
      const at = graph.node(node.id);
      const size = this.sizeOf(node);
      const y = at.y - at.height / 2 + (this.tall ? at.height - size.height : 0);
      this.box.set(node.id, { x: at.x - size.width / 2, y, ...size });
    }
    this.way = new Map();
    for (const edge of this.edges)
      this.way.set(edge.id, graph.edge({ v: edge.from, w: edge.to, name: edge.id }));
    const margin = 14;
    const { width, height } = graph.graph();
    Object.assign(this, { width: width + 2 * margin, height: height + 2 * margin, margin });
  }

  /** Turn the layout over if that puts more first inputs before second ones. */
  upright(graph) {
    const across = this.tall ? "x" : "y";
    let wrong = 0;
    for (const node of this.nodes) {
      const places = this.trace.into
        .get(node.id)
        .filter((edge) => graph.hasNode(edge.from))
        .map((edge) => graph.node(edge.from)[across]);
      for (let i = 1; i < places.length; i += 1) wrong += Math.sign(places[i - 1] - places[i]);
    }
    if (wrong <= 0) return;
    const size = graph.graph()[this.tall ? "width" : "height"];
    const points = [
      ...graph.nodes().map((id) => graph.node(id)),
      ...graph.edges().flatMap((id) => [graph.edge(id), ...graph.edge(id).points]),
    ];
    for (const point of points)
      if (point[across] !== undefined) point[across] = size - point[across];
  }

  /** Where a wire enters its gate: the wires of one gate side by side, in the order they come in. */
  port(edge) {
    const across = this.tall ? "x" : "y";
    const middle = (other) => {
      const box = this.box.get(other.from);
      return box[across] + (this.tall ? box.width : box.height) / 2;
    };
    const siblings = this.edges.filter((other) => other.to === edge.to);
    siblings.sort((a, b) => middle(a) - middle(b) || a.slot - b.slot);
    const box = this.box.get(edge.to);
    const room = (this.tall ? box.width : box.height) - 28;
    const step = Math.min(30, room / Math.max(1, siblings.length - 1));
    const offset = (siblings.indexOf(edge) - (siblings.length - 1) / 2) * step;
    if (this.tall) return { x: box.x + box.width / 2 + offset, y: box.y };
    return { x: box.x, y: box.y + box.height / 2 + offset };
  }

  /** The path of a wire: through the points that dagre found, level at each of them. */
  path(edge) {
    const box = this.box.get(edge.from);
    const start = this.tall
      ? { x: box.x + box.width / 2, y: box.y + box.height }
      : { x: box.x + box.width, y: box.y + box.height / 2 };
    const end = this.port(edge);
    const along = this.tall ? "y" : "x";
    const way = this.way.get(edge.id);
    const between = way.points
      .slice(1, -1)
      .filter((p) => p[along] > start[along] + 12 && p[along] < end[along] - 12);
    if (this.pills.get(edge.id)) between.push({ x: way.x, y: way.y });
    between.sort((p, q) => p[along] - q[along]);
    const points = [
      start,
      ...between.filter((p, i) => !i || p[along] - between[i - 1][along] > 1),
      end,
    ];
    let d = `M${start.x} ${start.y}`;
    for (let i = 1; i < points.length; i += 1) {
      const p = points[i - 1];
      const q = points[i];
      const half = (p[along] + q[along]) / 2;
      d += this.tall
        ? `C${p.x} ${half} ${q.x} ${half} ${q.x} ${q.y}`
        : `C${half} ${p.y} ${half} ${q.y} ${q.x} ${q.y}`;
    }
    return { d, start, end };
  }
}

/** What a card says under its name: 1×6×5×5, stride 2 */
const shapeLine = (node) => [shapeText(node.shape), node.settings].filter(Boolean).join(", ");
