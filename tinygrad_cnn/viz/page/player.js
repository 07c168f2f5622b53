// The player: what step it is, and everything a viewer can do about that.

const DATA = JSON.parse(document.getElementById("trace").textContent);
const PAUSE = { forward: 3000, backward: 4200 }; // milliseconds a step stays when played
const SPEEDS = [1, 2, 4];
const query = (selector) => document.querySelector(selector);
const calm = matchMedia("(prefers-reduced-motion: reduce)");

const player = {
  traces: DATA.traces.map((data) => new Trace(data)),
  trace: null,
  picture: null,
  panel: null,
  at: -1,
  quiz: false,
  playing: false,
  speed: 1,
  timer: 0,
  landing: () => {}, // stops the numbers in flight
  hinted: false,
  solved: new Map(), // step -> "right" or "shown"
  missed: new Set(), // steps at which a wrong answer or a hint was given
  score: { right: 0, asked: 0 },
};

/** Go to step i; forward by one it moves, if `moving`. */
function go(i, moving = false) {
  const { trace } = player;
  i = Math.max(0, Math.min(trace.steps.length - 1, i));
  const fly = moving && i === player.at + 1 && !calm.matches;
  player.at = i;
  player.hinted = false;
  show(fly);
  const words = [
    trace.steps.length && player.traces.length > 1 ? trace.id : "",
    i,
    player.quiz ? "quiz" : "",
  ];
  history.replaceState(null, "", `#${words.filter((word) => word !== "").join("/")}`);
}

/** Show the step; with `moving` its numbers fly first. */
function show(moving) {
  const { trace, at } = player;
  const step = trace.steps[at];
  const open = pending();
  player.landing();
  document.body.classList.remove("flying");
  draw();
  controls();
  explain();
  player.picture.follow(step, calm.matches);
  if (!moving || open || !step.gate || step.phase === "seed") {
    player.picture.paint(trace.known(at, open), step, open, false);
    return;
  }
  document.body.classList.add("flying");
  player.picture.paint(trace.known(at, true), step, false, false);
  player.landing = fly(player.picture, step, player.speed, () => {
    document.body.classList.remove("flying");
    player.picture.paint(trace.known(at), step, false, false);
  });
}

/** Draw the part of the graph that the step is played on, if it is not the one that is there. */
function draw(again = false) {
  const { trace, at } = player;
  const part = trace.partAt(at);
  if (!again && player.picture && player.picture.trace === trace && player.picture.part === part)
    return;
  player.picture = new Picture(trace, part, query("#picture"), pick);
  const label = query("#part");
  label.hidden = trace.parts < 2;
  label.textContent = `part ${part + 1} of ${trace.parts}`;
}

/** Go to the step of a gate that was clicked. */
function pick(id) {
  const { trace, at } = player;
  const phase = at < trace.seed ? "forward" : "backward";
  pause();
  go(trace.stepOf[phase].get(id));
}

/** Say what happens. */
function explain() {
  const { trace, at, panel, hinted } = player;
  const open = pending();
  const { words, sums } = panel.write(at, open, hinted, player.score);
  query("#panel .words").innerHTML = words;
  query("#panel .sums").innerHTML = sums + (player.quiz ? feedback(open) : "");
  query("#panel").scrollTop = 0;
  query("#live").textContent =
    `Step ${at} of ${trace.steps.length - 1}. ${query("#panel .words").textContent} ${open ? "" : query("#panel .sums").innerText}`;
  if (open) ask();
  const on = query("#on");
  if (on) {
    on.onclick = () => go(player.at + 1, true);
    on.focus({ preventScroll: true });
  }
}

/** Bring buttons and slider up to date. */
function controls() {
  const { trace, at, playing, quiz } = player;
  const last = trace.steps.length - 1;
  const step = trace.steps[at];
  document.body.classList.toggle("forward", at < trace.seed);
  document.body.classList.toggle("backward", at >= trace.seed);
  document.body.classList.toggle("asking", quiz);
  const share = (i) => `${(100 * i) / last}%`;
  const turn = trace.seed - 0.5;
  const slider = query("#slider");
  slider.max = last;
  slider.value = at;
  const name = step.gate ? ` ${trace.node.get(step.gate).name}` : "";
  slider.setAttribute("aria-valuetext", `step ${at} of ${last}, ${step.phase}${name}`);
  const blue = share(Math.min(at, turn));
  const orange = at > turn ? `var(--grad) ${share(turn)} ${share(at)}, ` : "";
  slider.style.setProperty(
    "--track",
    `linear-gradient(90deg, var(--value) 0 ${blue}, ${orange}var(--line) ${share(at)})`,
  );
  query(".phase.backward").style.left = `calc(12px + (100% - 24px) * ${turn / last})`;
  document.querySelectorAll(".ticks i").forEach((tick, i) => mark(tick, "done", i <= at));
  query("#first").disabled = query("#back").disabled = at === 0;
  query("#last").disabled = query("#next").disabled = at === last;
  const play = query("#play");
  play.disabled = quiz;
  mark(play, "playing", playing);
  play.setAttribute("aria-label", playing ? "Pause (space)" : "Play (space)");
  query("#quiz").setAttribute("aria-pressed", String(quiz));
  query("#speed").textContent = `${player.speed}×`;
  query("#speed").setAttribute("aria-label", `Speed ${player.speed} times (S)`);
}

/** Take up a trace at a step. */
function load(trace, at) {
  pause();
  Object.assign(player, { trace, at: -1, picture: null, panel: new Panel(trace, player.quiz) });
  forget();
  query("#title").innerHTML = htmlFormula(trace.title);
  mark(query("#title"), "long", trace.title.length > 30);
  document.title = `${trace.title} · step by step`;
  const words = player.traces.map(
    (one) => `<button aria-pressed="${one === trace}">${escaped(one.label)}</button>`,
  );
  query("#switch").innerHTML = words.join("");
  query("#switch").hidden = player.traces.length < 2;
  [...query("#switch").children].forEach((button, i) => (button.onclick = () => choose(i)));
  const few = trace.steps.length <= 80;
  query(".ticks").innerHTML = few
    ? trace.steps
        .map((_, i) => `<i style="left:${(100 * i) / (trace.steps.length - 1)}%"></i>`)
        .join("")
    : "";
  go(at);
}

function choose(i) {
  load(player.traces[i], 0);
  query("#switch").children[i].focus();
}

function pause() {
  clearTimeout(player.timer);
  player.playing = false;
  if (player.at >= 0) controls();
}

/** Play on after `wait` milliseconds. */
function beat(wait) {
  player.timer = setTimeout(() => {
    const last = player.trace.steps.length - 1;
    go(player.at + 1, true);
    if (player.at === last) pause();
    else beat((PAUSE[player.trace.steps[player.at].phase] || PAUSE.forward) / player.speed);
  }, wait);
}

function toggle() {
  if (player.quiz) return;
  if (player.playing) {
    pause();
    return;
  }
  if (player.at === player.trace.steps.length - 1) go(0);
  player.playing = true;
  controls();
  beat(250);
}

function faster() {
  player.speed = SPEEDS[(SPEEDS.indexOf(player.speed) + 1) % SPEEDS.length];
  controls();
}

const byHand = (i, moving) => {
  pause();
  go(i, moving);
};
const ACTIONS = {
  first: () => byHand(0),
  back: () => byHand(player.at - 1),
  play: toggle,
  next: () => byHand(player.at + 1, true),
  last: () => byHand(Infinity),
  speed: faster,
  quiz: () => setQuiz(!player.quiz),
  theme: () => setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"),
};
const KEYS = {
  " ": "play",
  ArrowRight: "next",
  ArrowLeft: "back",
  Home: "first",
  End: "last",
  q: "quiz",
  s: "speed",
  t: "theme",
};
const SLIDER_KEYS = ["ArrowRight", "ArrowLeft", "Home", "End"]; // which the slider understands itself

for (const [id, action] of Object.entries(ACTIONS)) query(`#${id}`).onclick = action;
query("#slider").oninput = (event) => {
  const i = Number(event.target.value);
  byHand(i, i === player.at + 1);
};

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const { target, key } = event;
  if (target.matches("input.answer")) {
    if (key === "Escape") target.blur();
    if (key !== "Enter") return;
    event.preventDefault();
    check();
    return;
  }
  if (
    (target.id === "slider" && SLIDER_KEYS.includes(key)) ||
    (target.tagName === "BUTTON" && key === " ")
  )
    return;
  const name = KEYS[key.length === 1 ? key.toLowerCase() : key];
  const digit = Number(key) - 1;
  if (name) {
    event.preventDefault();
    ACTIONS[name]();
  } else if (player.traces[digit]) {
    choose(digit);
  }
});

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem("theme", theme);
  } catch {
    // Where a page may keep nothing, the choice lasts as long as the page.
  }
}

/** The theme that was chosen before; else the system's. */
function firstTheme() {
  let chosen = null;
  try {
    chosen = localStorage.getItem("theme");
  } catch {
    // As above.
  }
  return chosen || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
}

/** Show what a number of a heat map is, under the pointer. */
function tip(event) {
  const box = query("#tip");
  const text = event.target.dataset && event.target.dataset.tip;
  box.hidden = !text;
  if (!text) return;
  box.textContent = text;
  const left = Math.min(event.clientX + 14, innerWidth - box.offsetWidth - 8);
  box.style.transform = `translate(${left}px, ${Math.max(4, event.clientY - 40)}px)`;
}
addEventListener("pointermove", tip);
addEventListener("pointerdown", tip);

query("#picture").addEventListener("scroll", (event) => fadeEdges(event.target), { passive: true });

let resizing = 0;
addEventListener("resize", () => {
  clearTimeout(resizing);
  resizing = setTimeout(() => {
    draw(true);
    show(false);
  }, 120);
});
addEventListener("beforeprint", () => {
  const { trace, panel, picture } = player;
  query("#paper").innerHTML = paperTable(trace, panel);
  picture.paint(trace.known(trace.steps.length - 1), { phase: "end" }, false, false);
});
addEventListener("afterprint", () => {
  query("#paper").replaceChildren();
  show(false);
});

/** Take up what the address says: #name/7/quiz, in any order. */
function follow() {
  const words = decodeURIComponent(location.hash.slice(1)).split("/");
  const trace = player.traces.find((one) => words.includes(one.id)) || player.traces[0];
  const step = words.find((word) => /^\d+$/.test(word));
  player.quiz = words.includes("quiz");
  load(trace, Number(step || 0));
}
addEventListener("hashchange", follow);
setTheme(firstTheme());
follow();
