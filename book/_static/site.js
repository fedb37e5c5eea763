// Search results quote a page's text; quote it without the source of its maths.
document.addEventListener("DOMContentLoaded", () => {
  const text = Search.htmlToText;
  const maths = /<(span|div) class="math[^>]*>[^<]*<\/\1>/g;
  Search.htmlToText = (html, anchor) => text(html.replace(maths, "…"), anchor);
});
