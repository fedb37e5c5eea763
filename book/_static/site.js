// Search results quote a page's text; quote it without the source of its maths.
document.addEventListener("DOMContentLoaded", () => {
  const text = Search.htmlToText;
  const maths = /<(span|div) class="math[^>]*>[^<]*<\/\1>/g;
  Search.htmlToText = (html, anchor) => text(html.replace(maths, "…"), anchor);
});

// How wide a plot is by itself, so that on a phone it keeps a readable size.
document.addEventListener("DOMContentLoaded", () => {
  for (const image of document.querySelectorAll(".cell_output img")) {
    const tell = () => image.style.setProperty("--natural", `${image.naturalWidth}px`);
    if (image.complete) tell();
    else image.addEventListener("load", tell);
  }
});
