const chinese = document.documentElement.lang.startsWith("zh");

// How wide a plot is by itself, so that on a phone it keeps a readable size.
function keepReadable() {
  for (const image of document.querySelectorAll(".cell_output img")) {
    const tell = () => image.style.setProperty("--natural", `${image.naturalWidth}px`);
    if (image.complete) tell();
    else image.addEventListener("load", tell);
  }
}

// What is too wide scrolls in its own box; the keyboard reaches such a box.
function letKeysScroll() {
  const wide = "div.math, .pst-scrollable-table-container, .cell_output, pre, p";
  const name = chinese ? "可左右滚动的内容" : "Wide content, scrolls sideways";
  const watch = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const scrolls = target.scrollWidth > target.clientWidth + 1;
      for (const [key, value] of [["tabindex", "0"], ["role", "group"], ["aria-label", name]])
        if (scrolls) target.setAttribute(key, value);
        else target.removeAttribute(key);
    }
  });
  for (const box of document.querySelectorAll(`.bd-article :is(${wide})`)) {
    watch.observe(box);
    for (const part of box.children) watch.observe(part);
  }
}

// On paper: dark on light, and solutions, which cannot be opened there, open.
function prepareForPaper() {
  const root = document.documentElement;
  let theme;
  let opened = [];
  addEventListener("beforeprint", () => {
    theme = root.dataset.theme;
    root.dataset.theme = "light";
    const solutions = ".bd-article details:not(.hide, [open]), .tag_solution details:not([open])";
    opened = [...document.querySelectorAll(solutions)];
    for (const solution of opened) solution.open = true;
  });
  addEventListener("afterprint", () => {
    root.dataset.theme = theme;
    for (const solution of opened) solution.open = false;
  });
}

document.addEventListener("DOMContentLoaded", () => {
  keepReadable();
  letKeysScroll();
  prepareForPaper();
});
