"""The page's own style: light, dark and printed."""

STYLE = """
:root { --line: #dfe3e8; --soft: #5f6b7a; --ink: #1c2128; --paper: #fff; --panel: #f5f7f9; --bar: #3a7bd5;
  --mark: #d9480f; --bad: #c92a2a }
@media (prefers-color-scheme: dark) { :root { --line: #2c313a; --soft: #97a1b0; --ink: #dde2ea; --paper: #14171c;
  --panel: #1b1f26; --bar: #5b96e6; --mark: #ff8a4c; --bad: #ff7b7b } }
* { box-sizing: border-box }
body { font: 14px/1.45 system-ui, sans-serif; margin: 0 auto; max-width: 90rem; padding: 1.6rem 1.4rem;
  color: var(--ink); background: var(--paper) }
h1 { font-size: 1.5rem; margin: 0 } h2 { font-size: 1.05rem; margin: 1.6rem 0 .5rem }
.note, .soft { color: var(--soft) } .note { margin: .2rem 0 1rem } .bad { color: var(--bad); font-weight: 600 }
.chips { display: flex; flex-wrap: wrap; gap: .5rem; margin: 1rem 0 }
.chips button { font: inherit; color: inherit; background: var(--panel); border: 1px solid var(--line);
  border-radius: 1rem; padding: .25rem .8rem; cursor: pointer } .chips b { font-variant-numeric: tabular-nums }
.chips button[aria-pressed=true] { border-color: var(--bar); box-shadow: 0 0 0 1px var(--bar) }
.charts { display: flex; flex-wrap: wrap; gap: 1.2rem; margin: 1rem 0 } .chart { width: 300px; font-size: 11px;
  background: var(--panel); border-radius: 6px; padding: 8px }
.chart rect { fill: var(--bar) } .chart line { stroke: var(--mark); stroke-width: 2 } .chart text { fill: var(--ink) }
.chart .title { font-weight: 600 }
table { border-collapse: collapse } th, td { padding: .45rem .7rem; border-bottom: 1px solid var(--line);
  text-align: left; vertical-align: top } th { font-weight: 600; background: var(--paper) }
.statistics td + td, .statistics th + th { text-align: right; font-variant-numeric: tabular-nums }
.scroll { overflow-x: auto }
#cases { width: 100%; min-width: 70rem; table-layout: fixed } #cases thead th { position: sticky; top: 0; z-index: 1 }
th[data-key] { cursor: pointer; user-select: none } th[aria-sort=ascending]::after { content: " \\25B2" }
th[aria-sort=descending]::after { content: " \\25BC" }
.c-picture { width: 362px } .c-who { width: 15rem } .c-numbers { width: 8rem } .c-sizes { width: 23rem }
.pictureless .c-picture { width: 0 } .pictureless .picture { padding: 0 }
.picture img { width: 340px; height: 128px; object-fit: contain;
  object-position: left top; border-radius: 4px; display: block; background: #0d0f13 }
.name { font-weight: 600; overflow-wrap: anywhere; margin-bottom: .25rem }
.sizes span { white-space: nowrap }
.numbers, .sizes { font-variant-numeric: tabular-nums } .notes { overflow-wrap: anywhere }
.state { padding: .08rem .55rem; border-radius: 1rem; background: #2b8a3e; color: #fff; white-space: nowrap;
  font-size: 12px } .state.failed { background: #c92a2a } .state.low-Dice { background: #d6336c }
.state.empty { background: #c2530a } .state.doubtful { background: #9a6b00 } .state.with-notes { background: #1971c2 }
.state.left-out { background: #6b7480 }
@media screen and (max-width: 1280px) { #cases { min-width: 51rem } #cases th, #cases td { padding: .45rem .5rem }
  .c-picture { width: 256px } .picture img { width: 240px; height: 90px } .c-who { width: 20% }
  .c-numbers { width: 7.2rem } .c-sizes { width: 23% } .sizes span { white-space: normal; overflow-wrap: anywhere }
  .pictureless .c-picture { width: 0 } #cases.pictureless .picture { padding: 0 } }
.tools { display: flex; flex-wrap: wrap; gap: .6rem; align-items: center }
input, select { padding: .4rem .6rem; font: inherit; color: inherit; background: var(--paper);
  border: 1px solid var(--line); border-radius: 4px; max-width: 100% } #filter { width: 24rem }
#end { color: var(--soft); padding: 1rem }
@page { size: landscape; margin: 12mm }
@media print { :root { --line: #ccc; --soft: #444; --ink: #000; --paper: #fff; --panel: #fff; --bar: #777; --mark: #000;
  --bad: #000 } body { max-width: none; padding: 0; font-size: 10px } .chips, .tools, #end { display: none }
  tr, .chart { break-inside: avoid } .scroll { overflow: visible } #cases { min-width: 0 }
  #cases thead th { position: static } .c-picture { width: 256px } .c-who { width: 19% } .c-numbers { width: 9% }
  .c-sizes { width: 24% } .picture img { width: 240px; height: 90px } .sizes span { white-space: normal }
  .state { color: #000 !important; background: none !important; border: 1px solid #000 }
  a { color: inherit; text-decoration: none } }
"""
