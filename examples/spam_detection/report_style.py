"""The report's style sheet: light and dark, wide and narrow, no font or image from anywhere."""

STYLE = """
:root{color-scheme:light dark;--page:#f6f6f3;--card:#fff;--ink:#16161a;--soft:#55565c;--faint:#7b7c83;
--rule:#e4e3de;
--grid:#ecebe6;--zero:#b9b8b2;--honest:#a9a9a4;--accent:#2a62c9;--accent-ink:#fff;--good:#0b7a4b;
--good-bg:#e5f4ec;
--bad:#b3261e;--bad-bg:#fbe9e7;--warn:#7a4d00;--warn-bg:#fff3d6;--warn-rule:#e6b94f;--p1:#2a78d6;
--p2:#eb6834;--p3:#109a6d;
--p4:#c98500;--p5:#d6558c;--p6:#3d7d1a;--p7:#5b48c2;--p8:#d6322f;--p9:#8a6236;--ok-cell:#dfe8f6;
--paid:#2a62c9;
--proj:#1baf7a;--clip:#eda100;--rest:#b4b3ad;--bar-ink:#fff;--bar-ink2:#16161a}
@media (prefers-color-scheme:dark){:root{--page:#111214;--card:#1a1b1e;--ink:#f1f1ee;--soft:#b6b7bb;
--faint:#8f9096;
--rule:#2e3035;--grid:#26282c;--zero:#5c5e64;--honest:#66676c;--accent:#6ea3f5;--accent-ink:#0d1420;
--good:#57cf9b;
--good-bg:#14301f;--bad:#ff8f85;--bad-bg:#3a1715;--warn:#ffd27a;--warn-bg:#33270b;--warn-rule:#806116;
--p1:#5598ea;
--p2:#ef7d4b;--p3:#2dbb8a;--p4:#dfa02a;--p5:#e77fab;--p6:#79b84f;--p7:#a196f2;--p8:#f2706c;--p9:#c39a6b;
--ok-cell:#24344d;
--paid:#4f86de;--proj:#2aa57a;--clip:#d69a1d;--rest:#6c6d72;--bar-ink:#0d1420;--bar-ink2:#0d1420}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--ink);
font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,
"Helvetica Neue",Arial,sans-serif;font-variant-numeric:tabular-nums}
.page{max-width:1120px;margin:0 auto;padding:32px 24px 64px}
.brand{display:flex;align-items:center;gap:10px;color:var(--soft);font-size:14px;font-weight:600;
margin-bottom:28px}
.brand svg{width:26px;height:26px;fill:var(--accent)}
h1{font-size:clamp(28px,4.6vw,44px);line-height:1.12;letter-spacing:-.022em;margin:0 0 14px;max-width:21em;
text-wrap:balance}
h2{font-size:20px;letter-spacing:-.01em;margin:0 0 4px}
h3{font-size:15px;margin:0 0 6px}
p{margin:0 0 12px;max-width:72ch}
.lead{font-size:18px;color:var(--soft);margin-bottom:22px}
.sub{color:var(--soft);font-size:14.5px;margin-bottom:14px}
.note{color:var(--soft);font-size:14px;margin:12px 0 0}
.card{background:var(--card);border:1px solid var(--rule);border-radius:14px;padding:24px;margin:20px 0 0;
min-width:0}
.two{display:grid;grid-template-columns:1fr 1fr;gap:20px}
.two>.card{margin-top:20px}
.banner{background:var(--warn-bg);border:1px solid var(--warn-rule);color:var(--ink);border-radius:14px;
padding:16px 20px;margin:0 0 22px}
.banner strong{color:var(--warn);display:block;font-size:17px}
.banner p{margin:2px 0 0}
.alarm{background:var(--bad-bg);border-color:var(--bad)}
.alarm strong{color:var(--bad)}
.tiles{display:grid;grid-template-columns:repeat(4,minmax(0,1fr));gap:14px;margin:0}
.tile{background:var(--card);border:1px solid var(--rule);border-radius:14px;padding:16px 18px}
.tile dt{font-size:13.5px;color:var(--soft);margin:0}
.tile dd{margin:0}
.tile .value{font-size:30px;line-height:1.25;font-weight:650;letter-spacing:-.02em}
.tile .value small{font-size:15px;font-weight:600;letter-spacing:0;color:var(--soft)}
.tile .more{font-size:13.5px;color:var(--soft);overflow-wrap:anywhere}
.yes{color:var(--good)}.no{color:var(--bad)}
svg{display:block;width:100%;height:auto;overflow:visible}
.narrow{display:none}
svg text{font-size:12px;fill:var(--soft)}
svg .tick{fill:var(--faint)}
.end{text-anchor:end}.mid{text-anchor:middle}
.grid{stroke:var(--grid)}.zero{stroke:var(--zero)}
.ref{stroke:var(--faint)}line.ref{stroke-dasharray:5 4;stroke-width:1.25}
.line{fill:none;stroke-linejoin:round;stroke-linecap:round;stroke-width:2.25}
.line circle{stroke:var(--card);stroke-width:1.5}
.mark{fill:none}.mark polyline{stroke-width:1.25}.mark text{fill:var(--ink);stroke:none}
.mark.ref text{fill:var(--soft)}
.muted{stroke:var(--honest);stroke-width:1.1;opacity:.62}
.muted circle{fill:var(--honest)}
.main{stroke:var(--accent);stroke-width:2.75}.main circle{fill:var(--accent)}
.mark.main,.mark.mean{stroke-width:1}.mark.main text,.mark.mean text{font-weight:650}
.mean{stroke:var(--ink);stroke-width:2.5}.mean circle{fill:var(--ink)}
.c1{stroke:var(--p1)}.c1 circle{fill:var(--p1)}.c2{stroke:var(--p2)}.c2 circle{fill:var(--p2)}
.c3{stroke:var(--p3)}.c3 circle{fill:var(--p3)}.c4{stroke:var(--p4)}.c4 circle{fill:var(--p4)}
.c5{stroke:var(--p5)}.c5 circle{fill:var(--p5)}.c6{stroke:var(--p6)}.c6 circle{fill:var(--p6)}
.c7{stroke:var(--p7)}.c7 circle{fill:var(--p7)}.c8{stroke:var(--p8)}.c8 circle{fill:var(--p8)}
.c9{stroke:var(--p9)}.c9 circle{fill:var(--p9)}
.fall{stroke:var(--accent);fill:var(--accent);stroke-width:2.5}.rise{stroke:var(--p2);fill:var(--p2);
stroke-width:2.5}
.hollow{fill:var(--card);stroke-width:1.75}
.column{fill:var(--accent)}
.paid{fill:var(--paid);background:var(--paid)}.proj{fill:var(--proj);background:var(--proj)}
.clip{fill:var(--clip);background:var(--clip)}.rest{fill:var(--rest);background:var(--rest)}
svg .on-bar{font-size:14px;font-weight:650;fill:var(--bar-ink2)}svg .paid-text{fill:var(--bar-ink)}
table{border-collapse:collapse;width:100%;font-size:14px}
caption{text-align:left;color:var(--soft);padding-bottom:6px}
th{font-weight:600;color:var(--soft);text-align:left}
thead th{border-bottom:1px solid var(--rule);vertical-align:bottom;font-size:13px}
th,td{padding:7px 10px 7px 0;vertical-align:top}
tbody tr+tr>*{border-top:1px solid var(--grid)}
.num{text-align:right;white-space:nowrap}
tbody th{color:var(--ink)}
.role{display:inline-block;font-size:12px;line-height:1.5;padding:0 8px;border-radius:99px;
border:1px solid var(--rule);color:var(--soft);font-weight:500;white-space:nowrap}
.role.cheat{border-color:var(--bad);color:var(--bad)}
.why{color:var(--soft);min-width:17em}
.first{white-space:nowrap}
.strong{font-weight:650}
.scroll{overflow-x:auto;max-width:100%}
.scroll:focus-visible,summary:focus-visible{outline:2px solid var(--accent);outline-offset:3px;
border-radius:4px}
details{margin-top:14px;font-size:14px}
summary{cursor:pointer;color:var(--accent);font-weight:600;width:fit-content}
details .scroll{margin-top:10px}
.key{list-style:none;padding:0;margin:14px 0 0;display:flex;flex-wrap:wrap;gap:6px 20px;font-size:14px;
color:var(--soft)}
.key li{display:flex;align-items:center;gap:7px}
.swatch{width:12px;height:12px;border-radius:3px;flex:none}
.key .cell{width:18px;height:18px}
.heat{border-collapse:separate;border-spacing:2px;table-layout:fixed;font-size:12px}
.heat th{font-weight:500;padding:0 6px 0 0;overflow:hidden;text-overflow:ellipsis;white-space:nowrap;border:0}
.heat thead th{text-align:center;padding:0;color:var(--faint);font-size:11px}
.heat tbody tr+tr>*{border:0}
.heat .who{width:132px;text-align:left}
.cell{text-align:center;padding:0;height:18px;line-height:18px;border-radius:3px;font-weight:700;
font-size:11px}
.accepted{background:var(--ok-cell)}
.rejected{background:var(--bad);color:var(--card)}
.suspended{background:var(--clip);color:#16161a}
.silent,.absent{border:1px dashed var(--zero)!important;line-height:16px;color:var(--soft)}
.vh{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
ul.plain{padding-left:1.15em;margin:0}
ul.plain li{margin-bottom:8px}
pre{background:var(--page);border:1px solid var(--rule);border-radius:10px;padding:12px 14px;overflow-x:auto;
margin:0 0 12px;font-size:14px}
code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
footer{color:var(--faint);font-size:13px;margin-top:28px}
@media (max-width:980px){.tiles{grid-template-columns:repeat(2,minmax(0,1fr))}
.two{grid-template-columns:1fr;gap:0}}
@media (max-width:720px){
.page{padding:20px 14px 48px}.card{padding:18px 16px}.wide{display:none}.narrow{display:block}
.brand{margin-bottom:18px}.lead{font-size:16.5px}
.tiles{gap:10px}.tile{padding:12px 14px}.tile .value{font-size:24px}
.heat{border-spacing:1px}.heat .who{width:74px}.cell{height:15px;line-height:15px;font-size:9px}
.heat thead th{font-size:9px}
.people,.people tbody{display:block}.people thead{display:none}
.people tr{display:grid;grid-template-columns:1fr 1fr;gap:1px 12px;padding:12px 0;
border-top:1px solid var(--rule)}
.people tr>*{padding:0;border:0!important}
.people .first{grid-column:1/-1;font-size:15px}.people .why{grid-column:1/-1;grid-row:2;min-width:0;
margin-bottom:4px}
.people .num{text-align:left;white-space:normal;font-size:13px}
.people td[data-label]::before{content:attr(data-label) " ";color:var(--faint);font-weight:400}
}
@media print{body{background:#fff}.card,.tile{break-inside:avoid}}
"""
