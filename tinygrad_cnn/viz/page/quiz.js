// The quiz: it withholds what a step is about to show, asks for it, and checks what is typed.

/** Whether step `at` waits for an answer. */
const pending = () =>
  player.quiz && !player.solved.has(player.at) && player.trace.questions(player.at).length > 0;

/** The buttons under a question, or what came of it. */
function feedback(open) {
  if (open) {
    const hint = player.hinted ? "" : `<button id="hint">Hint</button>`;
    return `<div class="feedback"><button class="main" id="check">Check ↵</button>${hint}<button id="reveal">Show</button><span class="message" role="status"></span></div>`;
  }
  const how = player.solved.get(player.at);
  if (!how) return "";
  return `<div class="feedback"><span class="message ${how}">${how === "right" ? "✓ Right." : "Shown."}</span><button class="main" id="on">Next →</button></div>`;
}

/** Wait for answers. */
function ask() {
  query("#check").onclick = check;
  query("#reveal").onclick = () => settle("shown");
  const hint = query("#hint");
  if (hint) {
    hint.onclick = () => {
      const typedSoFar = answers().map((field) => field.value);
      player.hinted = true;
      player.missed.add(player.at);
      explain();
      answers().forEach((field, i) => (field.value = typedSoFar[i]));
      const { trace, at } = player;
      player.picture.paint(trace.known(at, true), trace.steps[at], true, true);
    };
  }
  answers()[0].focus({ preventScroll: true });
}

const answers = () => [...document.querySelectorAll("input.answer")];

/** Check what was typed. */
function check() {
  const { trace, at } = player;
  const fields = trace.questions(at).flatMap((question) => question.fields);
  const truths = new Map(fields.map((field) => [field.key, field.answer]));
  const wrong = answers().filter((field) => {
    const ok = right(typed(field.value), truths.get(field.dataset.key));
    mark(field, "right", ok);
    mark(field, "wrong", !ok);
    field.setAttribute("aria-invalid", String(!ok));
    return !ok;
  });
  if (!wrong.length) {
    settle("right");
    return;
  }
  const field = wrong[0];
  const rule = trace.rules[trace.node.get(trace.steps[at].gate).op];
  const help =
    trace.steps[at].phase === "forward"
      ? rule[1]
      : field.dataset.key.endsWith("+")
        ? "Add the new gradient to the old one."
        : rule[3];
  if (field.value.trim()) player.missed.add(at);
  query(".feedback .message").textContent = field.value.trim()
    ? `✗ Not that. ${help}`
    : "Type a number.";
  field.focus();
  field.select();
}

/** The question of this step is done with. */
function settle(how) {
  const { at, score } = player;
  score.asked += 1;
  if (how === "right" && !player.missed.has(at)) score.right += 1;
  player.solved.set(at, how);
  player.hinted = false;
  show(!calm.matches);
}

/** Start the quiz anew. */
function forget() {
  player.solved = new Map();
  player.missed = new Set();
  player.score = { right: 0, asked: 0 };
}

function setQuiz(on) {
  pause();
  player.quiz = on;
  player.panel = new Panel(player.trace, on);
  forget();
  go(on && player.at === player.trace.steps.length - 1 ? 0 : player.at);
}
