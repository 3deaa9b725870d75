"""The page's own style and script."""

STYLE = """
:root { --line: #ddd; --soft: #666; --ink: #222; --paper: #fff; --bar: #3a7bd5; --mark: #d9480f }
@media (prefers-color-scheme: dark) { :root { --line: #333; --soft: #999; --ink: #ddd; --paper: #16181c } }
body { font: 14px/1.45 system-ui, sans-serif; margin: 1.5rem auto; max-width: 84rem; padding: 0 1rem;
  color: var(--ink); background: var(--paper) }
h1 { font-size: 1.4rem; margin: 0 } .note { color: var(--soft); margin: .2rem 0 1rem } .summary { font-size: 1.1rem }
.charts { display: flex; flex-wrap: wrap; gap: 1.2rem } .chart { width: 300px; font-size: 11px }
.chart rect { fill: var(--bar) } .chart line { stroke: var(--mark); stroke-width: 2 } .chart text { fill: var(--ink) }
table { border-collapse: collapse; width: 100% } th, td { padding: .35rem .6rem; border-bottom: 1px solid var(--line);
  text-align: left; vertical-align: top } th[data-sort] { cursor: pointer; user-select: none; position: sticky; top: 0;
  background: var(--paper) } th[aria-sort=ascending]::after { content: " \\25B2" }
th[aria-sort=descending]::after { content: " \\25BC" } td img { width: 190px; border-radius: 4px; display: block }
.state { padding: .1rem .5rem; border-radius: 1rem; background: #2f9e44; color: #fff; white-space: nowrap }
.state.failed { background: #c92a2a } .state.empty { background: #e8590c } .state.left-out { background: #868e96 }
input { width: 22rem; max-width: 100%; padding: .35rem .6rem; font: inherit; color: inherit; background: inherit;
  border: 1px solid var(--line); border-radius: 4px }
"""

SCRIPT = """
(function () {
  const body = document.querySelector('#cases tbody'), heads = document.querySelectorAll('th[data-sort]');
  const key = cell => cell.dataset.value !== undefined ? cell.dataset.value : cell.textContent.trim();
  heads.forEach((head, n) => head.addEventListener('click', () => {
    const down = head.getAttribute('aria-sort') === 'ascending', rows = [...body.rows];
    heads.forEach(other => other.removeAttribute('aria-sort'));
    head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
    rows.sort((a, b) => {
      const x = key(a.cells[n + 1]), y = key(b.cells[n + 1]);
      if (x === '' || y === '') return (x === '') - (y === '');
      const order = isNaN(x) || isNaN(y) ? x.localeCompare(y, undefined, { numeric: true }) : x - y;
      return down ? -order : order;
    });
    rows.forEach(row => body.append(row));
  }));
  document.getElementById('filter').addEventListener('input', event => {
    const words = event.target.value.toLowerCase().split(/\\s+/);
    for (const row of body.rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every(word => text.includes(word));
    }
  });
})();
"""
