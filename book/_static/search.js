// The search page, made of Pagefind's elements. In its index each Chinese
// character is a word (tools/site.py), so that a Chinese term is a phrase. A
// phrase is found in no order, its words in a good one: the first filters the
// second.
const search = PagefindComponents.getInstanceManager().getInstance();
const load = search.__load__.bind(search);
let loaded;

function findPhrases(pagefind) {
  const find = pagefind.search.bind(pagefind);
  pagefind.search = async (term, options) => {
    const words = term?.replaceAll('"', "").replace(/[\u3400-\u9fff]/g, " $& ");
    if (!term || words === term) return find(term, options);
    const found = await find(words, options);
    const exact = await find(`"${words}"`, options);
    const pages = new Set(exact.results.map((result) => result.id));
    if (pages.size) found.results = found.results.filter(({ id }) => pages.has(id));
    return found;
  };
}

// A page with the term in its headings before one that repeats it in its text.
search.pagefindOptions.ranking = { termFrequency: 0 };
search.setLanguage(document.documentElement.lang.toLowerCase());
search.__load__ = () => (loaded ??= load().then(() => findPhrases(search.__pagefind__)));

// The address keeps the term, also for the way back from a result.
const address = new URL(location);
search.on("search", (term) => {
  address.searchParams.set("q", term);
  history.replaceState(null, "", address);
});
const asked = address.searchParams.get("q");
if (asked) search.triggerSearch(asked);
document.querySelector("pagefind-input").focus();
