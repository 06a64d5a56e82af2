"use strict";
const copy = document.querySelector("#copy");
if (copy) {
  const copied = async (node) => {
    try {
      await navigator.clipboard.writeText(node.innerText); // absent where a page is not trusted
      return true;
    } catch {
      const range = document.createRange(), selection = getSelection();
      range.selectNodeContents(node);
      selection.removeAllRanges();
      selection.addRange(range);
      return document.execCommand("copy");
    }
  };
  copy.hidden = false;
  copy.addEventListener("click", async () => {
    const done = await copied(document.querySelector("#methods"));
    copy.textContent = done ? "Copied" : "Selected: copy with Ctrl+C";
  });
}
addEventListener("beforeprint", () => {
  for (const part of document.querySelectorAll("details:not([open])")) { part.open = true; part.dataset.folded = ""; }
});
addEventListener("afterprint", () => {
  for (const part of document.querySelectorAll("details[data-folded]")) { part.open = false; delete part.dataset.folded; }
});
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
    document.querySelector("#shown").textContent = items.filter((item) => !item.hidden).length + " of " + items.length;
  };
  sort.addEventListener("change", arrange);
  filter.addEventListener("change", arrange);
}
