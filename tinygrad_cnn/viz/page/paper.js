// On paper: the finished picture, and every step as a line of a table.

const PAPER = 400; // lines; of a longer trace the first ones

/** All steps of a trace as a table. */
function paperTable(trace, panel) {
  const steps = trace.steps.filter((step) => step.gate);
  const rows = steps
    .slice(0, PAPER)
    .map((step, i) => `<tr><td>${i + 1}</td>${paperLine(trace, panel, step)}</tr>`);
  const more = steps.length > PAPER ? `<p>and ${steps.length - PAPER} more steps</p>` : "";
  const heads = ["Step", "Gate", "Rule", "Numbers"].map((word) => `<th>${word}</th>`);
  return `<table><thead><tr>${heads.join("")}</tr></thead><tbody>${rows.join("")}</tbody></table>${more}`;
}

/** The cells of one step. */
function paperLine(trace, panel, step) {
  const node = trace.node.get(step.gate);
  if (step.phase === "seed")
    return `<td>seed</td><td>The gradient of the output is 1.</td><td>${panel.name(node)}.grad = ${brief(node.grad)}</td>`;
  const rule = trace.rules[node.op];
  if (step.phase === "forward") {
    const formula = filledIn(trace, node, node.expr, (one, inside) =>
      isNumber(one.value) && inside ? bracketed(one.value) : brief(one.value),
    );
    return `<td>forward ${panel.name(node)}</td><td>${escaped(rule[1])}</td><td>${panel.name(node)} = ${formula} ${equals(node.value)} ${brief(node.value)}</td>`;
  }
  const lines = step.flows.map((flow) => {
    const source = trace.node.get(trace.edge.get(flow.edge).from);
    const local =
      flow.local === null
        ? "local"
        : isNumber(flow.local)
          ? bracketed(flow.local)
          : brief(flow.local);
    const total = trace.forks(source.id) ? `, total ${brief(flow.after)}` : "";
    return `${panel.name(source)}: ${brief(flow.upstream)} × ${local} ${equals(flow.upstream, flow.local, flow.downstream)} ${brief(flow.downstream)}${total}`;
  });
  return `<td>backward ${panel.name(node)}</td><td>${escaped(rule[3])}</td><td>${lines.join("<br>")}</td>`;
}
