// The explanation of a step: its words on the left, its numbers on the right. All of it is HTML text
// made from the trace; `open` says that the result is asked for, `hinted` that a hint was given.

const FEW = 24; // rows of a table of many inputs

/** Fills a gate's formula with names or numbers. */
function filledIn(trace, node, template, how) {
  const raised = escaped(template).replace(
    /\^(\{\w+\}|\([^)]*\)|\d+)/g,
    (_, power) => `<sup>${power.replace(/^\((.*)\)$/, "$1")}</sup>`,
  );
  return raised.replace(/\{(\w+)\}/g, (_, key, at) => {
    const one = key === "out" ? node : trace.node.get(node.inputs[Number(key)]);
    const inside =
      /[+·−/@]\s*$/.test(raised.slice(0, at)) ||
      raised.slice(at + key.length + 2).startsWith("<sup>");
    return how(one, inside);
  });
}

/** Writes steps of a trace as HTML. */
class Panel {
  constructor(trace, quiz) {
    this.trace = trace;
    this.quiz = quiz;
  }

  name(node) {
    return `<span>${node.name ? htmlName(node.name) : short(node.value)}</span>`;
  }

  number(node, bracket) {
    return htmlNumber(node.value, "value", bracket, 88);
  }

  /** The fields for an answer, or what stands there if nothing is asked. */
  blank(question, html) {
    if (!question) return html;
    const { is, fields } = question;
    const inputs = fields.map(
      (field) =>
        `<input class="answer" data-key="${field.key}" inputmode="text" autocomplete="off" aria-label="${escaped(field.label)}">`,
    );
    if (isNumber(is)) return inputs[0];
    const shape = `<small>${shapeText(is.shape)}</small>`;
    if (fields.length > 1)
      return `<span class="tensor">${fieldGrid(is, inputs)}${shape}</span>`;
    const place = uniform(is) ? "every element" : `element ${indexOf(fields[0].at, is.shape)}`;
    return `<span class="tensor"><span class="one"><small>${place}</small>${inputs[0]}</span>${shape}</span>`;
  }

  head(word, where, title, ...texts) {
    const rows = texts
      .filter(Boolean)
      .map((text, i) => `<p class="${i ? "more" : ""}">${text}</p>`);
    return `<p class="where">${word} <span>${where}</span></p><h2>${title}</h2>${rows.join("")}`;
  }

  /** The words and the sums of step i. */
  write(i, open, hinted, score) {
    const step = this.trace.steps[i];
    const questions = open
      ? Object.fromEntries(this.trace.questions(i).map((q) => [q.key, q]))
      : {};
    return this[step.phase](step, open, hinted, questions, score);
  }

  start() {
    const leaves = this.trace.nodes.filter((node) => node.kind === "input");
    const given = leaves
      .slice(0, FEW)
      .map(
        (node) =>
          `<span class="given">${this.name(node)}<span class="sign">=</span>${this.number(node)}</span>`,
      );
    if (leaves.length > FEW)
      given.push(`<span class="note">and ${leaves.length - FEW} more</span>`);
    const note = this.quiz
      ? "Quiz: the numbers stay hidden until you type them."
      : "Press → for the first gate, or space to play.";
    return {
      words: this.head(
        "Start",
        "",
        "The inputs are given",
        "Forward, each gate turns its inputs into one value. Backward, each gate hands a gradient to its inputs.",
      ),
      sums: `<p class="formula ${leaves.length > 8 ? "many" : ""}">${given.join(" ")}</p><p class="note">${note}</p>`,
    };
  }

  forward(step, open, hinted, questions) {
    const { trace } = this;
    const node = trace.node.get(step.gate);
    const [title, text] = trace.rules[node.op];
    const place = `gate ${trace.gates.forward.indexOf(step) + 1} of ${trace.gates.forward.length}`;
    if (open) {
      const prompt = hinted ? escaped(text) : "Type the value this gate puts on its wire.";
      return {
        words: this.head("Forward", place, "What comes out?", prompt),
        sums: this.formula(node, questions.value),
      };
    }
    const edges = trace.into.get(node.id).filter((edge) => edge.local !== null);
    const note = edges.length
      ? "The gate also notes how steeply its output follows each input."
      : "";
    return {
      words: this.head("Forward", place, escaped(title), escaped(text), note),
      sums: this.formula(node) + this.locals(node, edges),
    };
  }

  /** f = q · z = 3 · (−4) = −12 */
  formula(node, question) {
    const inputs = node.inputs.filter(Boolean).map((id) => this.trace.node.get(id));
    const sign = question ? "=" : equals(...inputs.map((one) => one.value), node.value);
    const names = filledIn(this.trace, node, node.expr, (one) => this.name(one));
    const single = inputs.every((one) => isNumber(one.value));
    const numbers = single
      ? `<span class="sign">=</span>${filledIn(this.trace, node, node.expr, (one, inside) => this.number(one, inside))}`
      : "";
    const result = this.blank(question, `<span class="result">${this.number(node)}</span>`);
    const settings = node.settings ? `<p class="note">${escaped(node.settings)}</p>` : "";
    const given = single
      ? ""
      : `<div class="row">${inputs.map((one) => `<span class="given">${this.name(one)}${this.number(one)}</span>`).join("")}<span class="sign">→</span>${result}</div>`;
    const line = `${this.name(node)}<span class="sign">=</span>${names}${numbers}`;
    if (given) return `<p class="formula">${line}</p>${given}${settings}`;
    return `<p class="formula">${line}<span class="sign">${single ? sign : "="}</span>${result}</p>${settings}`;
  }

  locals(node, edges) {
    if (!edges.length) return "";
    const items = edges.map((edge) => {
      const why = this.why(edge, node);
      const source = this.trace.node.get(edge.from);
      const plain = isNumber(edge.local) || uniform(edge.local);
      const told = plain || !why ? htmlNumber(edge.local, "ink", false, 40) : "";
      const both = (why && told ? this.why(edge, node, true) : why) + told;
      return `<span class="given">${fraction(node.name, source.name) || this.name(source)}<span class="sign">=</span>${both}</span>`;
    });
    return `<div class="locals"><span class="note">Local derivatives</span>${items.join("")}</div>`;
  }

  /** Why a local derivative is what it is: y; as the side of an equation, if `whole`: y = */
  why(edge, node, whole = false) {
    const inputs = node.inputs.filter(Boolean).map((id) => this.trace.node.get(id));
    if (
      !edge.local_expr ||
      (edge.local_expr.length === 3 && !inputs[Number(edge.local_expr[1])]?.name)
    )
      return "";
    const text = filledIn(this.trace, node, edge.local_expr, (one) => this.name(one));
    return `<span class="why">${text}${whole ? ` ${this.sign(edge.local)}` : ""}</span>`;
  }

  sign(x) {
    return `<span class="sign">${isNumber(x) ? equals(x) : "="}</span>`;
  }

  seed(step) {
    const node = this.trace.node.get(step.gate);
    const one = isNumber(node.grad)
      ? "The output changes exactly as much as itself, so its gradient is 1."
      : "Each element of the output changes exactly as much as itself, so its gradient is 1.";
    return {
      words: this.head("Backward", "seed", "Start at the end", one),
      sums: `<p class="formula">${fraction(node.name, node.name) || this.name(node) + ".grad"}<span class="sign">=</span>${htmlNumber(node.grad, "grad")}</p>`,
    };
  }

  backward(step, open, hinted, questions) {
    const { trace } = this;
    const node = trace.node.get(step.gate);
    const place = `gate ${trace.gates.backward.indexOf(step) + 1} of ${trace.gates.backward.length}`;
    const sources = step.flows.map((flow) => trace.node.get(trace.edge.get(flow.edge).from));
    const room = step.flows.length > 1 ? 96 : 150;
    const rows = step.flows.map((flow, i) =>
      this.flow(flow, node, sources[i], open && !hinted, questions, room),
    );
    const local = step.flows.some((flow) => flow.local !== null) ? "local" : "";
    const heads = ["", "upstream", "", local, "", "downstream", ""].map(
      (word) => `<th>${word}</th>`,
    );
    const table = `<table class="chain ${local ? "" : "direct"}"><thead><tr>${heads.join("")}</tr></thead><tbody>${rows.join("")}</tbody></table>`;
    const sums = rows.length
      ? table
      : `<p class="note">No input of this gate wants a gradient.</p>`;
    if (open) {
      const prompt = hinted
        ? escaped(trace.rules[node.op][3])
        : "Type the gradient that reaches each input.";
      return { words: this.head("Backward", place, "What flows back?", prompt), sums };
    }
    const forked = sources.some((source) => trace.forks(source.id))
      ? "A value used twice gets a gradient from each use. They add."
      : "";
    const summed = step.flows.some(
      (flow) => flow.local !== null && !sameShape(flow.local, flow.downstream),
    );
    const repeated = summed
      ? "An input that was repeated to fit gets the sum over its copies."
      : "";
    const [, , title, text, formula] = trace.rules[node.op];
    const more = forked || repeated || (local || formula === text ? "" : escaped(formula));
    return {
      words: this.head("Backward", place, escaped(title), escaped(text), more),
      sums,
    };
  }

  /** A row of the table: upstream × local = downstream. */
  flow(flow, node, source, hidden, questions, room) {
    const { trace } = this;
    const edge = trace.edge.get(flow.edge);
    const out = trace.node.get(trace.output);
    const forks = trace.forks(source.id);
    const [sent, total] = [questions[flow.edge], questions[flow.edge + "+"]];
    const asked = Object.keys(questions).length > 0;
    const upstream = `${fraction(out.name, node.name)}${htmlNumber(flow.upstream, "grad", false, room)}`;
    const why = this.why(edge, node, true);
    const local =
      flow.local === null
        ? ""
        : hidden
          ? `${fraction(node.name, source.name)}<span class="ink">?</span>`
          : `${fraction(node.name, source.name)}${why}${htmlNumber(flow.local, "ink", false, room)}`;
    const label = forks
      ? `<span class="via">via ${this.name(node)}</span>`
      : fraction(out.name, source.name);
    const down = this.blank(
      sent,
      `<span class="result">${htmlNumber(flow.downstream, "grad", false, room)}</span>`,
    );
    const sign = asked
      ? "="
      : flow.local === null
        ? "→"
        : equals(flow.upstream, flow.local, flow.downstream);
    const chain =
      flow.local === null
        ? `<td class="sign"></td><td></td>`
        : `<td class="sign">×</td><td><span class="cell">${local}</span></td>`;
    return `<tr><td class="to">${this.name(source)}</td><td><span class="cell">${upstream}</span></td>${chain}
      <td class="sign">${isNumber(flow.downstream) || flow.local === null ? sign : "="}</td><td><span class="cell">${label}${down}</span></td>
      <td class="total ${forks ? "" : "plain"}">${this.total(flow, source, forks, asked, total)}</td></tr>`;
  }

  /** x.grad = 1 + (−3) = −2 */
  total(flow, source, forks, asked, question) {
    const grad = `${this.name(source)}.grad`;
    if (!forks) return `→ ${grad}`;
    if (!isNumber(flow.after)) {
      return isZero(flow.before) ? `→ ${grad}` : `<span class="fork">added to ${grad}</span>`;
    }
    const added = asked
      ? `<span class="grad">?</span>`
      : `<span class="grad result">${bracketed(flow.downstream)}</span>`;
    const after = question
      ? this.blank(question)
      : asked
        ? `<span class="grad">?</span>`
        : `<span class="grad result">${short(flow.after)}</span>`;
    const sign = asked ? "=" : equals(flow.before, flow.downstream, flow.after);
    return `<span class="fork">${grad} = <span class="grad">${short(flow.before)}</span> + ${added} ${sign} ${after}</span>`;
  }

  end(step, open, hinted, questions, score) {
    const { trace } = this;
    const out = trace.node.get(trace.output);
    const leaves = trace.nodes.filter((node) => node.kind === "input");
    const result =
      this.quiz && score.asked ? `${score.right} of ${score.asked} right at the first try` : "";
    const single = isNumber(out.value) && leaves.some((node) => isNumber(node.grad));
    const rows = leaves.slice(0, FEW).map((node) => {
      const grad = node.grad === null ? "–" : htmlNumber(node.grad, "grad");
      return `<tr><td>${this.name(node)}</td><td>${this.number(node)}</td><td>${grad}</td><td>${single ? this.meaning(node, out) : ""}</td></tr>`;
    });
    const more =
      leaves.length > FEW ? `<p class="note">and ${leaves.length - FEW} more inputs</p>` : "";
    return {
      words: this.head(
        "Done",
        result,
        "Every gradient is known",
        "A gradient says which way, and how steeply, the output moves with that input.",
      ),
      sums: `<table class="summary"><thead><tr><th></th><th>value</th><th>grad</th><th>${single ? "so, raise it by 0.01:" : ""}</th></tr></thead><tbody>${rows.join("")}</tbody></table>${more}`,
    };
  }

  meaning(node, out) {
    if (!isNumber(node.grad) || !Number.isFinite(node.grad)) return "";
    const name = this.name(out);
    if (node.grad === 0) return `${name} does not move`;
    return `${name} ${node.grad > 0 ? "rises" : "falls"} by about ${short(Math.abs(node.grad) * 0.01)}`;
  }
}

/** Fields where the numbers of a tensor stand in its heat map; columns and rows are half a cell. */
function fieldGrid(tensor, inputs) {
  const { places } = cellsOf(tensor);
  const fields = inputs.map((input, i) => {
    const [column, row] = [1 + 2 * places[i].x, 1 + 2 * places[i].y];
    return `<span style="grid-area: ${row} / ${column} / span 2 / span 2">${input}</span>`;
  });
  return `<span class="fields">${fields.join("")}</span>`;
}

/** Whether two numbers or tensors have the same shape. */
const sameShape = (a, b) =>
  isNumber(a) ? isNumber(b) : !isNumber(b) && shapeText(a.shape) === shapeText(b.shape);
