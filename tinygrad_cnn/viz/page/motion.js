// Motion: a number rides its wire to the pill, is multiplied there, and lands.

const RIDE = { forward: 750, backward: 1500 };
const PILL = { arrive: 0.38, leave: 0.62 }; // shares of a ride

const eased = (t) => (t < 0.5 ? 2 * t * t : 1 - (2 - 2 * t) ** 2 / 2);

/** A number that can be put anywhere on a picture. */
function token(layer) {
  const frame = svg("rect", { y: -15, height: 30, rx: 15 });
  const text = svg("text", { y: 5.5 });
  const group = svg("g", { class: "token" }, frame, text);
  layer.append(group);
  return (point, words) => {
    if (text.textContent !== words) {
      text.textContent = words;
      const width = Math.max(34, widthOf(words, 16, 700) + 22);
      frame.setAttribute("width", width);
      frame.setAttribute("x", -width / 2);
    }
    group.setAttribute("transform", `translate(${point.x} ${point.y})`);
  };
}

/** The ride of a value forward along a wire. */
function forwardRide(picture, edge) {
  const { path } = picture.wires.get(edge.id);
  const length = path.getTotalLength();
  const words = brief(picture.trace.node.get(edge.from).value);
  const put = token(picture.tokens);
  return (t) => put(path.getPointAtLength(eased(t) * length), words);
}

/** How far along its wire, from 0 to 1, a pill sits. */
function pillAt(picture, id) {
  const { path } = picture.wires.get(id);
  const along = picture.tall ? "y" : "x";
  const pill = picture.way.get(id)[along];
  const length = path.getTotalLength();
  let [low, high] = [0, 1];
  while (high - low > 0.01) {
    const middle = (low + high) / 2;
    if (path.getPointAtLength(middle * length)[along] < pill) low = middle;
    else high = middle;
  }
  return low;
}

/** The ride of a gradient back along a wire, by way of its pill. */
function backwardRide(picture, flow) {
  const { path, pill } = picture.wires.get(flow.edge);
  const length = path.getTotalLength();
  const put = token(picture.tokens);
  const stop = pill ? pillAt(picture, flow.edge) : 0.5;
  const product = isNumber(flow.local)
    ? `${brief(flow.upstream)} × ${bracketed(flow.local)}`
    : "× local";
  return (t) => {
    if (!pill) {
      put(
        path.getPointAtLength((1 - eased(t)) * length),
        brief(t < 0.5 ? flow.upstream : flow.downstream),
      );
    } else if (t < PILL.arrive) {
      const way = eased(t / PILL.arrive);
      put(path.getPointAtLength((1 - (1 - stop) * way) * length), brief(flow.upstream));
    } else if (t < PILL.leave) {
      put(path.getPointAtLength(stop * length), product);
    } else {
      const way = eased((t - PILL.leave) / (1 - PILL.leave));
      put(path.getPointAtLength(stop * (1 - way) * length), brief(flow.downstream));
    }
  };
}

/** Play the rides of a step, then call `landed`; returns a function that stops them. */
function fly(picture, step, speed, landed) {
  let rides = [];
  if (step.phase === "forward") {
    rides = picture.edges
      .filter((edge) => edge.to === step.gate)
      .map((edge) => forwardRide(picture, edge));
  } else if (step.phase === "backward") {
    rides = step.flows.map((flow) => backwardRide(picture, flow));
  }
  let frame = 0;
  const stop = () => {
    cancelAnimationFrame(frame);
    picture.tokens.replaceChildren();
  };
  if (!rides.length) {
    landed();
    return stop;
  }
  const start = performance.now();
  const tick = (now) => {
    const t = Math.min(1, (Math.max(now - start, 0) * speed) / RIDE[step.phase]);
    for (const ride of rides) ride(t);
    if (t < 1) {
      frame = requestAnimationFrame(tick);
    } else {
      picture.tokens.replaceChildren();
      landed();
    }
  };
  frame = requestAnimationFrame(tick);
  return stop;
}
