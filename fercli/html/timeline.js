// Timelines of a video: values under the pointer, keys, zoom, and the player beside them.
const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 36000]; // as in chart.py
const clock = (seconds, decimals = 1) => {
  const scale = 10 ** decimals, units = Math.round(seconds * scale), whole = Math.floor(units / scale);
  const pad = (value) => String(value).padStart(2, "0");
  const hours = Math.floor(whole / 3600), minutes = Math.floor(whole / 60) % 60;
  const start = hours ? hours + ":" + pad(minutes) : String(minutes);
  return start + ":" + pad(whole % 60) + (decimals ? "." + String(units % scale).padStart(decimals, "0") : "");
};
const percent = (value) => (value > 99 ? "> 99" : value < 1 ? "< 1" : value) + " %"; // values are rounded
const player = document.querySelector("#player");
const playerBegin = player ? Number(player.dataset.begin) : 0;
const seek = (time) => { if (player && !player.hidden) player.currentTime = Math.max(0, time - playerBegin); };
const charts = [...document.querySelectorAll(".chart")].map((chart) => new Timeline(chart));

function Timeline(chart) {
  const data = JSON.parse(chart.dataset.chart), faces = chart.dataset.faces ? JSON.parse(chart.dataset.faces) : null;
  const find = (css) => chart.querySelector(css);
  const view = find(".view"), canvas = find(".canvas"), axis = find(".axis"), tip = find(".tip");
  const cursor = find(".cursor"), head = find(".playhead");
  const last = data.values.length - 1;
  let current = 0;
  const left = (time) => Math.max(0, Math.min((time - data.begin) / data.end, 1)) * canvas.clientWidth;
  const timeOf = (bin) => data.begin + Math.min((bin + 0.5) * data.width, data.end);
  const lines = (bin) => {
    const row = data.values[bin], time = timeOf(bin);
    if (row === null) return ["not in view"];
    const texts = data.labels.map((label, i) => [row[i], label]).sort((a, b) => b[0] - a[0]).slice(0, 4)
      .map(([value, label]) => label + " " + percent(value));
    if (row[data.labels.length] > 50) texts.push("uncertain: treat as unreliable");
    const episode = data.episodes.find(([onset, offset]) => onset <= time && time < offset);
    if (episode) texts.push(`episode: ${data.labels[episode[2]]} ${clock(episode[0])} to ${clock(episode[1])}, peak ${percent(episode[3])}`);
    return texts;
  };
  const face = (time) => {
    if (!faces) return null;
    const near = faces.items.reduce((a, b) => (Math.abs(b[0] - time) < Math.abs(a[0] - time) ? b : a));
    return Math.abs(near[0] - time) <= faces.every ? near : null;
  };
  const add = (parent, kind, text) => { const node = document.createElement(kind); node.textContent = text; parent.append(node); };
  const show = (bin) => {
    current = Math.max(0, Math.min(last, bin));
    const time = timeOf(current), texts = lines(current), picture = data.values[current] && face(time);
    tip.textContent = "";
    if (picture) {
      const figure = document.createElement("figure"), image = document.createElement("img");
      image.src = "data:image/jpeg;base64," + picture[1];
      image.alt = "face at " + clock(picture[0]);
      figure.append(image);
      add(figure, "figcaption", "at " + clock(picture[0]));
      tip.append(figure);
    }
    const words = document.createElement("div");
    add(words, "b", clock(time));
    texts.forEach((text) => add(words, "div", text));
    tip.append(words);
    view.setAttribute("aria-valuenow", current);
    view.setAttribute("aria-valuetext", clock(time) + ", " + texts.join(", "));
    tip.hidden = cursor.hidden = false;
    cursor.style.left = left(time) + "px";
    const x = left(time) - view.scrollLeft, room = chart.clientWidth;
    const beside = x + tip.offsetWidth + 12 > room ? x - tip.offsetWidth - 12 : x + 12;
    tip.style.left = Math.max(Math.min(0, room - tip.offsetWidth), beside) + "px";
  };
  const hide = () => { tip.hidden = cursor.hidden = true; };
  const scrollTo = (time) => {
    const x = left(time);
    if (x < view.scrollLeft || x > view.scrollLeft + view.clientWidth) view.scrollLeft = x - view.clientWidth / 4;
  };
  const binAt = (event) => {
    const share = (event.clientX - canvas.getBoundingClientRect().left) / canvas.clientWidth;
    return Math.floor(share * data.end / data.width);
  };
  view.addEventListener("pointermove", (event) => show(binAt(event)));
  view.addEventListener("pointerdown", (event) => show(binAt(event)));
  view.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") hide(); });
  view.addEventListener("click", () => seek(timeOf(current)));
  view.addEventListener("focus", () => { if (view.matches(":focus-visible")) show(current); });
  view.addEventListener("blur", hide);
  view.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const step = event.shiftKey ? 1 : Math.max(1, Math.round(data.values.length / zoom.level / 200));
    const steps = { ArrowLeft: -step, ArrowRight: step, PageDown: -20 * step, PageUp: 20 * step, Home: -Infinity, End: Infinity };
    if (event.key in steps) { show(current + steps[event.key]); scrollTo(timeOf(current)); show(current); }
    else if (event.key === "Enter" || event.key === " ") seek(timeOf(current));
    else if (event.key === "+") zoom.set(zoom.level * 2, timeOf(current));
    else if (event.key === "-") zoom.set(zoom.level / 2, timeOf(current));
    else if (event.key === "Escape") hide();
    else return;
    event.preventDefault();
  });
  const ticks = () => {
    const span = data.end / zoom.level, step = STEPS.find((value) => span / value <= 9) || 36000;
    const from = data.begin + (view.scrollLeft / canvas.clientWidth) * data.end, until = from + span;
    axis.querySelectorAll("span:not(.unit)").forEach((tick) => tick.remove());
    for (let n = Math.ceil(from / step - 1e-9); n * step <= until + 1e-9; n += 1) {
      const share = (n * step - data.begin) / data.end, tick = document.createElement("span");
      if ((n * step - from) / span > 0.93) continue; // the right end has the unit
      tick.style.left = 100 * share + "%";
      if ((n * step - from) / span < 0.02) tick.className = "edge";
      tick.textContent = clock(n * step, step < 1 ? 1 : 0);
      axis.append(tick);
    }
    find(".unit").style.right = canvas.clientWidth - view.scrollLeft - view.clientWidth + "px";
  };
  view.addEventListener("scroll", () => { if (!tip.hidden) show(current); zoom.scrolled(this); });
  Object.assign(this, {
    view, hide, ticks, last, end: data.end, begin: data.begin,
    now: (time) => { // the name and the most probable expression, while the person is in view
      const row = data.values[Math.max(0, Math.min(last, Math.floor((time - data.begin) / data.width)))];
      if (!row) return null;
      const best = row.slice(0, data.labels.length).reduce((most, value, i) => (value > row[most] ? i : most), 0);
      const name = chart.closest("article").querySelector("h2").textContent;
      return `${name}: ` + (row[data.labels.length] > 50 ? "uncertain" : `${data.labels[best]} ${percent(row[best])}`);
    },
    center: () => data.begin + ((view.scrollLeft + view.clientWidth / 2) / canvas.clientWidth) * data.end,
    moveTo: (time) => { view.scrollLeft = left(time) - view.clientWidth / 2; },
    play: (time) => { head.hidden = false; head.style.left = left(time) + "px"; if (!player.paused) scrollTo(time); },
  });
}

const zoom = {
  level: 1,
  largest: 1,
  set(level, time) {
    const middle = time === undefined ? (this.level > 1 || !player ? charts[0].center() : player.currentTime + playerBegin) : time;
    this.level = Math.max(1, Math.min(this.largest, level));
    document.body.style.setProperty("--zoom", this.level);
    document.querySelector("#zoom output").textContent = this.level + "×";
    charts.forEach((chart) => { chart.hide(); chart.moveTo(middle); chart.ticks(); });
    if (player) follow();
  },
  scrolled(chart) { // all timelines of a video show the same time
    for (const other of charts) {
      if (other.end !== chart.end || other.begin !== chart.begin) continue; // of another video
      if (Math.abs(other.view.scrollLeft - chart.view.scrollLeft) > 1) other.view.scrollLeft = chart.view.scrollLeft;
    }
    if (this.level > 1) charts.forEach((each) => each.ticks());
  },
};

const follow = () => {
  const time = player.currentTime + playerBegin, list = document.querySelector("#now");
  charts.forEach((chart) => chart.play(time));
  const lines = charts.map((chart) => chart.now(time)).filter((line) => line !== null);
  if (charts.length && !lines.length) lines.push("nobody in view");
  while (list.children.length > lines.length) list.lastChild.remove();
  lines.forEach((line, i) => {
    const item = list.children[i] || list.appendChild(document.createElement("li"));
    if (item.textContent !== line) item.textContent = line;
  });
};
if (charts.length) {
  const bins = Math.max(...charts.map((chart) => chart.last)), seconds = Math.max(...charts.map((chart) => chart.end));
  while (zoom.largest * 64 < bins && zoom.largest * 2 < seconds) zoom.largest *= 2;
  const bar = document.querySelector("#zoom");
  if (zoom.largest > 1) {
    bar.hidden = false;
    const factors = { in: 2, out: 0.5, all: 0 };
    bar.querySelectorAll("button").forEach((button) => {
      button.addEventListener("click", () => zoom.set(zoom.level * factors[button.dataset.zoom]));
    });
  }
  document.addEventListener("pointerdown", (event) => {
    charts.forEach((chart) => { if (!chart.view.contains(event.target)) chart.hide(); });
  });
  addEventListener("beforeprint", () => { if (zoom.level > 1) zoom.set(1); });
}
if (player) {
  const frame = () => { follow(); if (!player.paused && !player.ended) requestAnimationFrame(frame); };
  player.addEventListener("play", () => requestAnimationFrame(frame));
  for (const kind of ["seeked", "timeupdate", "loadedmetadata"]) player.addEventListener(kind, follow);
  player.addEventListener("error", () => { player.hidden = true; document.querySelector("#noplayer").hidden = false; });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-time]");
    if (!link || player.hidden) return;
    event.preventDefault();
    seek(Number(link.dataset.time));
  });
}
