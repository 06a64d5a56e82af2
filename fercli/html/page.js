"use strict";
const clock = (seconds) => {
  const tenths = Math.round(seconds * 10), whole = Math.floor(tenths / 10);
  const pad = (value) => String(value).padStart(2, "0");
  const hours = Math.floor(whole / 3600), minutes = Math.floor(whole / 60) % 60;
  const start = hours ? hours + ":" + pad(minutes) : String(minutes);
  return start + ":" + pad(whole % 60) + "." + (tenths % 10);
};
const percent = (value) => (value > 99 ? "> 99" : value < 1 ? "< 1" : value) + " %"; // values are rounded
for (const chart of document.querySelectorAll(".chart")) {
  const data = JSON.parse(chart.dataset.chart);
  const tip = chart.querySelector(".tip"), cursor = chart.querySelector(".cursor");
  let current = 0;
  const line = (text, bold) => {
    const row = document.createElement(bold ? "b" : "div");
    row.textContent = text;
    tip.append(row);
  };
  const show = (bin) => {
    current = Math.max(0, Math.min(data.values.length - 1, bin));
    const row = data.values[current], time = (current + 0.5) * data.width;
    tip.textContent = "";
    line(clock(data.begin + Math.min(time, data.end)), true);
    if (row === null) line("not seen");
    else {
      data.labels.map((label, i) => [row[i], label]).sort((a, b) => b[0] - a[0]).slice(0, 4)
        .forEach(([value, label]) => line(label + " " + percent(value)));
      if (row[data.labels.length] > 50) line("uncertain: treat as unreliable");
    }
    tip.hidden = cursor.hidden = false;
    const x = Math.min(time / data.end, 1) * chart.clientWidth;
    cursor.style.left = x + "px";
    tip.style.left = (x + tip.offsetWidth + 20 > chart.clientWidth ? x - tip.offsetWidth - 12 : x + 12) + "px";
  };
  const player = document.querySelector("#player");
  if (player) {
    const begin = Number(player.dataset.begin);
    chart.addEventListener("click", () => { player.currentTime = Math.max(0, current * data.width + data.begin - begin); });
    player.addEventListener("error", () => { player.hidden = true; });
    player.addEventListener("timeupdate", () => {
      if (chart.matches(":hover, :focus")) return; // the reader looks at another moment
      cursor.hidden = false;
      cursor.style.left = Math.min((player.currentTime + begin - data.begin) / data.end, 1) * chart.clientWidth + "px";
    });
  }
  const hide = () => { tip.hidden = cursor.hidden = true; };
  chart.addEventListener("pointermove", (event) => {
    const share = (event.clientX - chart.getBoundingClientRect().left) / chart.clientWidth;
    show(Math.floor(share * data.end / data.width));
  });
  chart.addEventListener("pointerleave", hide);
  chart.addEventListener("blur", hide);
  chart.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20 };
    if (event.key in steps) { event.preventDefault(); show(current + steps[event.key]); }
    if (event.key === "Escape") hide();
  });
}
const copy = document.querySelector("#copy");
if (copy && navigator.clipboard) {
  copy.hidden = false;
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.querySelector("#methods").textContent);
    copy.textContent = "Copied";
  });
}
const cards = document.querySelector(".cards");
if (cards) {
  const items = [...cards.children], sort = document.querySelector("#sort"), filter = document.querySelector("#filter");
  const number = (key) => (a, b) => b.dataset[key] - a.dataset[key];
  const name = (a, b) => a.dataset.index - b.dataset.index;
  const orders = {
    name: name,
    expression: (a, b) => a.dataset.label.localeCompare(b.dataset.label) || number("top")(a, b),
    doubt: number("doubt"),
    faces: number("faces"),
  };
  const arrange = () => {
    items.sort((a, b) => orders[sort.value](a, b) || name(a, b));
    for (const item of items) {
      item.hidden = filter.value !== "" && !item.dataset.has.split(" ").includes(filter.value);
      cards.append(item);
    }
  };
  sort.addEventListener("change", arrange);
  filter.addEventListener("change", arrange);
}
