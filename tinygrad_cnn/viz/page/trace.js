// The trace: what the exporter wrote, with what can be derived from it. Nothing here draws.

const FIELDS = 12; // of a step of the quiz; of larger tensors one element is asked

const NUMBERS = ["value", "grad", "local", "upstream", "downstream", "before", "after"];

/** One trace. Every picture of it is a function of `known(step)`. */
class Trace {
  constructor(data) {
    Object.assign(this, data);
    this.tensors = this.tensors.map(revived);
    this.node = new Map(this.nodes.map((node) => [node.id, this.numbered(node)]));
    this.edge = new Map(this.edges.map((edge) => [edge.id, this.numbered(edge)]));
    this.into = new Map(this.nodes.map((node) => [node.id, []]));
    this.outOf = new Map(this.nodes.map((node) => [node.id, []]));
    for (const edge of this.edges) {
      this.into.get(edge.to).push(edge);
      this.outOf.get(edge.from).push(edge);
    }
    this.gates = { forward: [], backward: [] };
    this.stepOf = { forward: new Map(), backward: new Map() };
    this.steps.forEach((step, i) => {
      for (const flow of step.flows || []) this.numbered(flow);
      if (step.phase in this.gates) {
        this.gates[step.phase].push(step);
        this.stepOf[step.phase].set(step.gate, i);
      }
    });
    this.seed = this.steps.findIndex((step) => step.phase === "seed");
    this.parts = 1 + Math.max(0, ...this.nodes.map((node) => node.part || 0));
  }

  /** `thing` with its numbers as numbers, its tensors in their places. */
  numbered(thing) {
    for (const key of NUMBERS) {
      const x = thing[key];
      if (x !== undefined && x !== null)
        thing[key] = x.tensor === undefined ? real(x) : this.tensors[x.tensor];
    }
    return thing;
  }

  /** Whether a node hands its value to more than one place, and so adds up gradients. */
  forks(id) {
    return this.outOf.get(id).length > 1 && this.node.get(id).kind !== "const";
  }

  /** The part of the graph that step i is played on. */
  partAt(i) {
    const gate = this.steps[i].gate;
    if (gate) return this.node.get(gate).part || 0;
    return i === 0 ? 0 : this.node.get(this.output).part || 0;
  }

  /** The nodes to be drawn for a part: its gates, and what goes into them. */
  drawn(part) {
    const found = new Set();
    for (const node of this.nodes) {
      if (node.kind !== "gate" || node.part !== part) continue;
      for (const edge of this.into.get(node.id)) found.add(edge.from);
      found.add(node.id);
    }
    if (!found.size) found.add(this.output);
    return this.nodes.filter((node) => found.has(node.id));
  }

  /** What is known after step i, or before its result if that is still open. */
  known(i, open = false) {
    const known = {
      value: new Map(),
      grad: new Map(),
      local: new Set(),
      flow: new Map(),
      sums: new Map(),
    };
    for (const node of this.nodes) if (node.kind !== "gate") known.value.set(node.id, node.value);
    const end = open ? i : i + 1;
    for (const step of this.steps.slice(0, end)) this.learn(known, step);
    return known;
  }

  /** Add what a step shows to what is known. */
  learn(known, step) {
    if (step.phase === "forward") {
      known.value.set(step.gate, this.node.get(step.gate).value);
      for (const edge of this.into.get(step.gate)) known.local.add(edge.id);
    }
    if (step.phase === "seed") known.grad.set(step.gate, this.node.get(step.gate).grad);
    for (const flow of step.flows || []) {
      const id = this.edge.get(flow.edge).from;
      known.grad.set(id, flow.after);
      known.flow.set(flow.edge, flow);
      known.sums.set(id, [...(known.sums.get(id) || []), flow.downstream]);
    }
  }

  /** What a quiz asks at step i: of each thing a key, what it is, words for screen readers, and the
   * fields to be typed: of a number one, of a tensor one for each element or, where those of the
   * step are too many, for one element. Of a large tensor, which is statistics, nothing is asked. */
  questions(i) {
    const found = this.wanted(i).filter(({ is }) => isNumber(is) || (is.data && is.data.length));
    const sizes = found.map(({ is }) => (isNumber(is) || uniform(is) ? 1 : is.data.length));
    const all = sizes.reduce((sum, size) => sum + size, 0) <= FIELDS;
    return found.map((question) => ({ ...question, fields: fieldsOf(question, all) }));
  }

  /** The numbers and tensors that step i finds out. */
  wanted(i) {
    const step = this.steps[i];
    const found = [];
    if (step.phase === "forward") {
      const node = this.node.get(step.gate);
      found.push({ key: "value", is: node.value, label: `value of ${node.name}` });
    }
    const before = step.flows ? this.known(i, true).sums : new Map();
    for (const flow of step.flows || []) {
      const source = this.node.get(this.edge.get(flow.edge).from);
      const label = `gradient sent to ${source.name}`;
      found.push({ key: flow.edge, is: flow.downstream, label });
      if (before.has(source.id) && isNumber(flow.after))
        found.push({
          key: flow.edge + "+",
          is: flow.after,
          label: `total gradient of ${source.name}`,
        });
      before.set(source.id, true);
    }
    return found;
  }
}

/** The fields of a question: a key, the answer, and where in the tensor it stands. */
function fieldsOf({ key, is, label }, all) {
  if (isNumber(is)) return [{ key, label, answer: is }];
  if (uniform(is)) return [{ key, label: `every element of the ${label}`, answer: is.min }];
  const sizes = is.data.map((x) => (Number.isFinite(x) ? Math.abs(x) : 0));
  const chosen = all ? is.data.keys() : [sizes.indexOf(Math.max(...sizes))];
  return [...chosen].map((i) => ({
    key: `${key}@${i}`,
    label: `element ${indexOf(i, is.shape)} of the ${label}`,
    answer: is.data[i],
    at: i,
  }));
}

/** A tensor of the trace with its numbers as numbers. */
function revived(tensor) {
  const numbers = Object.fromEntries(["min", "mean", "max"].map((key) => [key, real(tensor[key])]));
  return { ...tensor, ...numbers, data: tensor.data && tensor.data.map(real) };
}
